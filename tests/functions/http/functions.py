"""Python functions that are actions: what web actions need of a controller, without processes.

Results go through JSON as those of real actions do. `Namespace` plays the controller and the subjects.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from couchgrass import json
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Action, Exec, Identity
from couchgrass.functions.http.web import WebActions
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.testing.asgi import receiving

GUEST = Identity("guest", "guest", "guest-uuid")
OTHER = Identity("other", "other", "other-uuid")
KEYS = {"guest-uuid:guest-secret": GUEST, "other-uuid:other-secret": OTHER}
ACTIVATION_ID = "0123456789abcdef0123456789abcdef"
TRANSACTION_ID = "the-transaction"


class DeveloperError(Exception):
    """Raised by a function: the action ends as one whose process died."""


class Resolved(msgspec.Struct):
    action: Action
    function: Callable[[Any], Any]
    parameters: Mapping[str, Any]
    fixed: frozenset[str]


class Invoked(msgspec.Struct):
    activation_id: str
    activation: Activation | None


class Namespace:
    """The actions of `guest`. `wait_s`: how long an answer waits instead; `error`: raised by invoke;
    `keyless`: namespaces that nobody has a key for."""

    def __init__(self) -> None:
        self.actions: dict[tuple[str, str, str], Resolved] = {}
        self.invoked: list[tuple[Identity, Any]] = []
        self.error: CouchgrassError | None = None
        self.keyless: set[str] = set()
        self.wait_s: float | None = None

    def add(
        self,
        function: Callable[[Any], Any],
        name: str = "act",
        *,
        package: str = "pkg",
        parameters: Mapping[str, Any] | None = None,
        **annotations: Any,
    ) -> None:
        """`annotations` have _ for -; web_export is true."""
        written = {key.replace("_", "-"): value for key, value in {"web_export": True, **annotations}.items()}
        bound = parameters or {}
        fixed = frozenset(key for key, value in bound.items() if value is not None)
        action = Action("guest", package, name, Exec("python:3"), annotations=written)
        self.actions["guest", package, name] = Resolved(
            action, function, bound, fixed if written.get("final") else frozenset()
        )

    def resolve(self, namespace: str, package: str, name: str) -> Resolved:
        found = self.actions.get((namespace, package, name))
        if found is None:
            raise NotFound("The requested resource does not exist.")
        return found

    def identify(self, authorization: str | None) -> Identity | None:
        for key, identity in KEYS.items():
            if authorization == "Basic " + base64.b64encode(key.encode()).decode():
                return identity
        return None

    def owner(self, namespace: str) -> Identity:
        if namespace in self.keyless:
            raise NotFound(f"There is no namespace {namespace}.")
        return GUEST

    async def invoke(
        self,
        identity: Identity,
        resolved: Resolved,
        payload: Any,
        *,
        blocking: bool,
        timeout_ms: int,
        transaction_id: str,
    ) -> Invoked:
        assert blocking
        assert transaction_id == TRANSACTION_ID
        self.invoked.append((identity, payload))
        if self.error is not None:
            raise self.error
        value = {**resolved.parameters, **json.decode(json.encode(payload))}
        try:
            async with asyncio.timeout(timeout_ms / 1000 if self.wait_s is None else self.wait_s):
                status, result = await _run(resolved.function, value)
        except TimeoutError:
            return Invoked(ACTIVATION_ID, None)
        activation = Activation(
            "guest", resolved.action.name, "guest", ACTIVATION_ID, 0, "0.0.1", {}, 1, None, status,
            msgspec.Raw(json.encode(result)),
        )  # fmt: skip
        return Invoked(ACTIVATION_ID, activation)


async def _run(function: Callable[[Any], Any], value: Any) -> tuple[Status, Any]:
    try:
        result = function(value)
        if inspect.isawaitable(result):
            result = await result
    except DeveloperError as error:
        return Status.DEVELOPER_ERROR, {"error": str(error)}
    failed = isinstance(result, dict) and "error" in result
    return Status.APPLICATION_ERROR if failed else Status.SUCCESS, result


class Web(Edge):
    """A server of nothing but web actions; `raised` are the errors that got to its edge."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__()
        self.web = WebActions(namespace, namespace)
        self.raised: list[CouchgrassError] = []

    async def answer(self, request: Request) -> Answer:
        return await self.web.answer(request, TRANSACTION_ID)

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        self.raised.append(error)
        return Answer(error.status, json.encode({"error": error.reason, "code": TRANSACTION_ID}))

    async def close(self) -> None:
        """It began nothing."""


@dataclass(frozen=True)
class Got:
    """An answer. `lines` are its headers as they came: one may be there twice."""

    status: int
    lines: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [text for known, text in self.lines if known == name]

    def header(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) <= 1, f"{name} comes twice: {found}"
        return found[0] if found else None

    def json(self) -> Any:
        return json.decode(self.body)

    def refusal(self) -> tuple[int, str]:
        """Status and text of an error of ours."""
        told = self.json()
        assert told.keys() == {"error", "code"}
        assert told["code"] == TRANSACTION_ID
        return self.status, told["error"]


async def ask(
    namespace: Namespace,
    method: str,
    target: str | bytes,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    announced: bool = True,
) -> Got:
    """Asks for what is behind ``/api/v1/web/``, as an HTTP/1.1 client does. `announced`: with a length."""
    path, _, query = (target.encode() if isinstance(target, str) else target).partition(b"?")
    sent = [(name.lower().encode(), text.encode("latin-1")) for name, text in (headers or {}).items()]
    if body and announced:
        sent.append((b"content-length", b"%d" % len(body)))
    scope = {
        "type": "http", "method": method, "raw_path": b"/api/v1/web/" + path, "query_string": query,
        "headers": sent, "http_version": "1.1", "client": ("198.51.100.7", 1),
    }  # fmt: skip
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await Web(namespace)(scope, receiving(body, asyncio.Event()), send)
    lines = [(name.decode(), value.decode("latin-1")) for name, value in messages[0]["headers"]]
    return Got(messages[0]["status"], lines, b"".join(message["body"] for message in messages[1:]))
