"""A database server asked without a network: straight through its application, with a clock to be moved."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from couchgrass import json
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.config import Config, complete
from couchgrass.docdb.http.app import App
from couchgrass.docdb.http.request import TRUSTED_USER
from couchgrass.docdb.http.serve import Extend
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.password import hash_admin_password
from couchgrass.docdb.settings import ChttpdAuth, Sections
from couchgrass.docdb.sqlite.store import Store
from couchgrass.testing.call import Reply
from couchgrass.testing.faults import unsynced

ADMIN: Final = ("admin", "asked directly")
PEER: Final = "198.51.100.7"
UNTIL_S: Final = 60.0
QUICK: Final[Sections] = {"chttpd_auth": {"iterations": "10"}}
"""Passwords that are hashed in no time."""

Credentials = tuple[str, str]


class MovedClock:
    """Stands still until `time_s` is set."""

    def __init__(self) -> None:
        self.time_s = 1_700_000_000.0

    def now(self) -> float:
        return self.time_s

    def monotonic(self) -> float:
        return self.time_s


class Streamed:
    """An answer under way. `task` is the application's call, which ends soon after the client is gone."""

    def __init__(self, messages: asyncio.Queue[dict[str, Any]], task: asyncio.Task[None]) -> None:
        self._messages = messages
        self.task = task
        self.text = b""

    async def until(self, text: bytes) -> None:
        """Returns once `text` is in what was received. Fails when it does not come."""
        async with asyncio.timeout(UNTIL_S):
            while text not in self.text:
                self.text += (await self._messages.get()).get("body", b"")


class Asked:
    """The server, its application, its clock, and ways to ask it."""

    def __init__(self, app: App, clock: MovedClock) -> None:
        self.app = app
        self.server = app.server
        self.clock = clock

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        user: Credentials | UserCtx | None = None,
        peer: str = PEER,
        **headers: str,
    ) -> Reply:
        """Sends `body` as it is when it is bytes, else as JSON. `headers` have _ for -.

        A `UserCtx` is trusted, as a caller in the process is.
        """
        messages: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        scope, text = _scope(method, target, body, user, peer, headers)
        await self.app(scope, receiving(text, asyncio.Event()), send)
        got = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        return Reply(messages[0]["status"], got, b"".join(message["body"] for message in messages[1:]))

    @asynccontextmanager
    async def streaming(
        self, method: str, target: str, body: Any = None, *, user: Credentials | UserCtx | None = None
    ) -> AsyncIterator[Streamed]:
        """An answer while it is sent. The client hangs up at the block's end; then the call has to end."""
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        hung_up = asyncio.Event()
        scope, text = _scope(method, target, body, user, PEER, {})
        task = asyncio.ensure_future(self.app(scope, receiving(text, hung_up), messages.put))
        try:
            yield Streamed(messages, task)
        finally:
            hung_up.set()
            await asyncio.wait({task}, timeout=UNTIL_S)
            assert task.done(), "the call goes on for nobody"
            if not task.cancelled():
                task.result()

    async def admin(self, method: str, target: str, body: Any = None) -> Any:
        """Asks as the admin for what is to succeed; the JSON of the answer."""
        reply = await self.ask(method, target, body, user=ADMIN)
        assert reply.status < 300, (method, target, reply)
        return reply.json()

    async def add_user(self, credentials: Credentials, roles: Sequence[str] = (), **more: Any) -> str:
        """Makes or replaces a user; the document's new revision."""
        path = f"/_users/org.couchdb.user:{quote(credentials[0])}"
        found = await self.ask("GET", path, user=ADMIN)
        named = {"_rev": found.json()["_rev"]} if found.status == 200 else {}
        doc = {**user_doc(*credentials, roles=roles), **more, **named}
        rev: str = (await self.admin("PUT", path, doc))["rev"]
        return rev

    async def who(self, user: Credentials | UserCtx | None = None, **headers: Any) -> dict[str, Any]:
        """The name and roles that a request has."""
        reply = await self.ask("GET", "/_session", user=user, **headers)
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.json()["userCtx"]
        return found

    def set(self, section: str, **values: str) -> None:
        """Changes settings, and does not store them."""
        config = self.server.config
        volatile = {**config.volatile, section: {**config.volatile.get(section, {}), **values}}
        self.server.configure(Config(config.base, config.overlay, volatile))


def _scope(
    method: str,
    target: str,
    body: Any,
    user: Credentials | UserCtx | None,
    peer: str,
    headers: Mapping[str, str],
) -> tuple[dict[str, Any], bytes]:
    """A request's ASGI scope, and its body."""
    sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if isinstance(user, tuple):
        sent["authorization"] = basic(*user)
    if body is not None and not isinstance(body, bytes):
        body = json.encode(body)
        sent.setdefault("content-type", "application/json")
    url = urlsplit(target)
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "raw_path": quote(url.path, safe="/%:").encode(),
        "query_string": url.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": (peer, 40000),
    }
    if isinstance(user, UserCtx):
        scope[TRUSTED_USER] = user
    return scope, body or b""


def receiving(body: bytes, hung_up: asyncio.Event) -> Callable[[], Awaitable[dict[str, Any]]]:
    """ASGI's receive: the body, and once the client has hung up, that."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    return receive


def user_doc(
    name: str, password: str | None = None, *, roles: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    """A user as it is written."""
    secret = {} if password is None else {"password": password}
    return {"type": "user", "name": name, "roles": list(roles), **secret, **more}


def refusal(reply: Reply) -> tuple[int, str, str]:
    """Status, error and reason."""
    answer = reply.json()
    return reply.status, answer["error"], answer["reason"]


def with_settings(**sections: Mapping[str, str]) -> Sections:
    """QUICK and these."""
    return {**QUICK, **sections, "chttpd_auth": {**QUICK["chttpd_auth"], **sections.get("chttpd_auth", {})}}


def basic(name: str, password: str) -> str:
    """The value of the Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def asking(
    data: Path,
    work: Callable[[Asked], Awaitable[None]],
    settings: Sections = QUICK,
    extend: Extend | None = None,
) -> None:
    """Runs `work` with a new server in the folder `data`, whose admin is ADMIN.

    `extend` is what runs beside it, as in `serve.run`. Nobody waits for the disk (`unsynced`).
    """

    async def run() -> None:
        auth = ChttpdAuth(iterations=10)

        def hashed(password: str) -> str:
            return hash_admin_password(password, secrets.token_hex(16), auth)

        base = {**settings, "admins": {ADMIN[0]: ADMIN[1], **settings.get("admins", {})}}
        config = complete(
            Config(base=base), uuid=secrets.token_hex(16), secret=secrets.token_hex(32), hash_password=hashed
        )
        clock = MovedClock()
        store = Store.open(data)
        server = Server(store, config, SettingsFile(operators=None, own=data / "settings.ini"), clock=clock)
        app = App(server)
        extension = None
        try:
            await server.begin()
            extension = None if extend is None else await extend(app)
            await work(Asked(app, clock))
        finally:
            if extension is not None:
                await extension.close()
            await server.close()

    with unsynced():
        asyncio.run(run())
