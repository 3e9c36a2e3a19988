"""Signing in as apps do it: with a password, through the page with PKCE, again with a refresh token."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.errors import CouchgrassError
from couchgrass.gateway.token import read_keys, read_token, verify
from couchgrass.identity.claims import User
from couchgrass.identity.http.api import SignIn
from couchgrass.identity.store.directory import Directory, put_tenant
from couchgrass.identity.store.users import CouchUsers
from couchgrass.identity.tenant import Client, Tenant
from couchgrass.serving.asgi import Answer, Edge, Request
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.in_process import ADMIN, served, until
from couchgrass.testing.listening import listening

REDIRECT = "https://todo.example/cb"
LOOPBACK = "http://127.0.0.1/cb"
WEB = Client("web", "Todo", hashlib.sha256(b"s3cret").hexdigest(), (REDIRECT,))
APP = Client("app", "Todo", "", (REDIRECT, LOOPBACK))
ADA = User("6b1b36cb-3c9d-4d25-a7c4-5d1a7a1c9a77", "ada@example.org", "Ada")
PASSWORD = "right horse"
VERIFIER = "a-verifier-that-is-long-enough-for-the-rfc-7636"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": "app",
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "state": "s t&te",
    "nonce": "n0",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


class Alone(Edge):
    """The service without a gateway around it."""

    def __init__(self, service: SignIn) -> None:
        super().__init__()
        self.service = service

    async def answer(self, request: Request) -> Answer:
        return await self.service.answer(request)

    def refuse(self, request: Request, error: CouchgrassError) -> Answer:
        return Answer(error.status, b"broken")

    async def close(self) -> None:
        """Nothing began."""


class Here:
    """The service, and a browser's session."""

    def __init__(
        self,
        url: str,
        clock: MovedClock,
        users: CouchUsers,
        session: aiohttp.ClientSession,
        service: SignIn,
    ) -> None:
        self.service = service
        self.url = url + "/oauth/v4/todo"
        self.clock = clock
        self.users = users
        self.session = session

    async def token(self, *, basic: tuple[str, str] | None = ("web", "s3cret"), **fields: str) -> Any:
        headers = {} if basic is None else {"Authorization": aiohttp.encode_basic_auth(*basic)}
        async with self.session.post(self.url + "/token", data=fields, headers=headers) as answer:
            assert answer.headers["cache-control"] == "no-store"
            return answer.status, await answer.json()

    async def page(self, **more: str) -> tuple[int, str, str]:
        """The page's status, text and, when it leads elsewhere, where to."""
        query = urlencode({**ASKED, **more})
        async with self.session.get(f"{self.url}/authorization?{query}", allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("location", "")

    async def submit(self, page: str, *, password: str = PASSWORD, **more: str) -> tuple[int, str, str]:
        action = unescape(found(r'action="([^"]*)"', page))
        token = unescape(found(r'name="form_token" value="([^"]*)"', page))
        fields = {"form_token": token, "username": ADA.email, "password": password, **more}
        url = f"{self.url}/authorization{action}"
        async with self.session.post(url, data=fields, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("location", "")

    async def code(self) -> dict[str, str]:
        """What a public client redeems a code of the page with."""
        _, page, _ = await self.page()
        _, _, where = await self.submit(page)
        return {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(where).query)["code"][0],
            "redirect_uri": REDIRECT,
            "client_id": "app",
            "code_verifier": VERIFIER,
        }

    @asynccontextmanager
    async def without_database(self) -> AsyncIterator[None]:
        """For the length of a block nobody answers where the users are."""
        async with CouchServer("http://127.0.0.1:9") as gone:
            self.service._users = CouchUsers(gone)
            yield
            self.service._users = self.users


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


@asynccontextmanager
async def signing_in(path: Path, *, may_sign_up: bool = False) -> AsyncIterator[Here]:
    clock = MovedClock()
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        served(path / "data") as database,
        CouchServer(database.url, *ADMIN) as server,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        await database.json("PUT", "/_node/_local/_config/chttpd_auth/iterations", "10")
        (path / "keys").mkdir()
        directory = await Directory.open(server, path / "keys", region="london", clock=clock)
        await put_tenant(server, Tenant("todo", "Todo <3", (WEB, APP), may_sign_up=may_sign_up))
        await until(lambda: directory.tenant("todo") is not None)
        users = CouchUsers(server)
        await users.create("todo", ADA, PASSWORD)
        service = SignIn(
            tenant=directory.tenant,
            users=users,
            signer=directory.signer,
            keys=directory.keys,
            issuer=lambda tenant: f"http://id.example/oauth/v4/{tenant}",
            clock=clock,
        )
        async with listening(Alone(service)) as url:
            yield Here(url, clock, users, session, service)
        await directory.close()


def trying(path: Path, work: Callable[[Here], Awaitable[None]], *, may_sign_up: bool = False) -> None:
    async def whole() -> None:
        async with signing_in(path, may_sign_up=may_sign_up) as here:
            await work(here)

    asyncio.run(whole())


def claims_of(token: str) -> Any:
    payload = token.split(".")[1]
    return json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_a_password_gets_tokens_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        status, answer = await here.token(
            grant_type="password", username="Ada@example.org", password=PASSWORD
        )
        assert status == 200 and answer["token_type"] == "Bearer" and answer["expires_in"] == 3600
        told = claims_of(answer["access_token"])
        assert told["sub"] == ADA.sub and told["aud"] == ["web"] and told["tenant"] == "todo"
        assert told["iss"] == "http://id.example/oauth/v4/todo"
        assert claims_of(answer["id_token"])["email"] == ADA.email
        for wrong in ("wrong horse", "x" * 300):
            status, answer = await here.token(grant_type="password", username=ADA.email, password=wrong)
            assert (status, answer["error"]) == (400, "invalid_grant")
        status, answer = await here.token(basic=("web", "other"), grant_type="password")
        assert (status, answer["error"]) == (401, "invalid_client")

    trying(tmp_path, work)


def test_the_page_with_pkce_gives_a_code_that_works_once(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        status, page, _ = await here.page()
        assert status == 200 and "Sign in to Todo &lt;3" in page
        status, again, _ = await here.submit(page, password="wrong horse")
        assert status == 400 and "is wrong" in again and ADA.email in again and "wrong horse" not in again
        status, _, where = await here.submit(again)
        assert status == 303 and where.startswith(REDIRECT + "?")
        answer = parse_qs(urlsplit(where).query)
        assert answer["state"] == ["s t&te"]
        redeem = {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": REDIRECT,
            "client_id": "app",
        }
        status, refused = await here.token(basic=None, **redeem, code_verifier="x" * 43)
        assert (status, refused["error"]) == (400, "invalid_grant")
        status, tokens = await here.token(basic=None, **redeem, code_verifier=VERIFIER)
        assert status == 200 and claims_of(tokens["id_token"])["nonce"] == "n0"
        status, refused = await here.token(basic=None, **redeem, code_verifier=VERIFIER)
        assert status == 400 and "used before" in refused["error_description"]
        later = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "app"}
        status, refused = await here.token(basic=None, **later)
        assert (status, refused["error"]) == (400, "invalid_grant")

    trying(tmp_path, work)


def test_a_code_is_good_for_a_minute_and_for_its_own_client(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, page, _ = await here.page()
        _, _, where = await here.submit(page)
        code = parse_qs(urlsplit(where).query)["code"][0]
        redeem: dict[str, Any] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        status, refused = await here.token(**redeem)
        assert (status, refused["error"]) == (400, "invalid_grant")
        here.clock.time_s += 61
        status, refused = await here.token(basic=None, client_id="app", **redeem)
        assert status == 400 and "expired" in refused["error_description"]

    trying(tmp_path, work)


def test_a_refresh_token_works_until_the_password_is_another(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, first = await here.token(grant_type="password", username=ADA.email, password=PASSWORD)
        here.clock.time_s += 3601
        status, second = await here.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert status == 200 and claims_of(second["access_token"])["sub"] == ADA.sub
        for wrong in (first["access_token"], first["id_token"], "x"):
            status, refused = await here.token(grant_type="refresh_token", refresh_token=wrong)
            assert (status, refused["error"]) == (400, "invalid_grant")
        await here.users.set_password("todo", ADA.email, "left horse")
        status, refused = await here.token(grant_type="refresh_token", refresh_token=second["refresh_token"])
        assert status == 400 and "another password" in refused["error_description"]

    trying(tmp_path, work)


def test_a_form_that_is_not_ours_signs_nobody_in(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, page, _ = await here.page()
        status, _, where = await here.submit(page, form_token="stolen")
        assert (status, where) == (400, "")
        here.session.cookie_jar.clear()
        status, _, where = await here.submit(page)
        assert (status, where) == (400, "")

    trying(tmp_path, work)


def test_what_is_wrong_goes_to_the_app_only_where_it_may(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        status, page, where = await here.page(redirect_uri="https://evil.example/")
        assert (status, where) == (400, "") and "does not work" in page
        status, _, where = await here.page(response_type="token")
        assert status == 303 and parse_qs(urlsplit(where).query)["error"] == ["unsupported_response_type"]

    trying(tmp_path, work)


@pytest.mark.parametrize("may", [False, True])
def test_people_make_accounts_only_where_the_tenant_lets_them(tmp_path: Path, may: bool) -> None:
    async def work(here: Here) -> None:
        _, page, _ = await here.page()
        assert ("Create an account" in page) is may
        new = {"new": "1", "username": "bob@example.org", "password": "brave horse"}
        status, _, _ = await here.submit(page, **new)
        assert (status == 303) is may
        assert (await here.users.find("todo", "bob@example.org") is not None) is may
        if may:
            status, again, _ = await here.submit(page, **new)
            assert status == 400 and "account already" in again
            status, again, _ = await here.submit(
                page, **{**new, "username": "eve@x.org", "password": "short"}
            )
            assert status == 400 and "8 to 256" in again

    trying(tmp_path, work, may_sign_up=may)


def test_keys_discovery_userinfo_and_introspection(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        async with here.session.get(here.url + "/.well-known/openid-configuration") as answer:
            told = await answer.json()
            assert told["issuer"] == "http://id.example/oauth/v4/todo"
            assert answer.headers["access-control-allow-origin"] == "*"
        async with here.session.get(here.url + "/publickeys") as answer:
            assert len((await answer.json())["keys"]) == 1
        _, tokens = await here.token(grant_type="password", username=ADA.email, password=PASSWORD)
        for token, status in ((tokens["access_token"], 200), (tokens["refresh_token"], 401), ("x", 401)):
            async with here.session.get(
                here.url + "/userinfo", headers={"Authorization": f"Bearer {token}"}
            ) as answer:
                assert answer.status == status
                if status == 200:
                    assert await answer.json() == {"sub": ADA.sub, "email": ADA.email, "name": "Ada"}
        login = {"Authorization": aiohttp.encode_basic_auth("web", "s3cret")}
        for sent, active in ((tokens["access_token"], True), ("x", False)):
            async with here.session.post(
                here.url + "/introspect", data={"token": sent}, headers=login
            ) as answer:
                assert (await answer.json())["active"] is active
        async with here.session.post(here.url + "/introspect", data={"token": "x"}) as answer:
            assert answer.status == 401
        status, machine = await here.token(grant_type="client_credentials")
        assert (
            status == 200 and claims_of(machine["access_token"])["sub"] == "web" and "id_token" not in machine
        )

    trying(tmp_path, work)


def test_no_header_comes_out_of_a_redirect_uri(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        for uri in (LOOPBACK + "#x\r\nSet-Cookie: a=b", "http://127.0.0.1/c\r\nb", LOOPBACK + "#x"):
            status, page, where = await here.page(redirect_uri=uri, response_type="token")
            assert (status, where) == (400, "") and "does not work" in page
        state = "a\r\nSet-Cookie: a=b\x00 ü&code=x"
        status, _, where = await here.page(
            redirect_uri="http://127.0.0.1:7/cb", state=state, response_type="x"
        )
        assert status == 303 and where.startswith("http://127.0.0.1:7/cb?")
        assert parse_qs(urlsplit(where).query)["state"] == [state]

    trying(tmp_path, work)


def test_the_answer_names_its_issuer_and_no_page_is_shown_to_who_wants_none(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        status, _, where = await here.page(prompt="none")
        answer = parse_qs(urlsplit(where).query)
        assert (status, answer["error"]) == (303, ["login_required"])
        _, page, _ = await here.page()
        _, _, where = await here.submit(page)
        for told in (answer, parse_qs(urlsplit(where).query)):
            assert told["iss"] == ["http://id.example/oauth/v4/todo"]

    trying(tmp_path, work)


def test_a_code_or_a_refresh_token_passes_nowhere_for_an_access_token(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        redeem = await here.code()
        _, tokens = await here.token(basic=None, **redeem)
        async with here.session.get(here.url + "/publickeys") as answer:
            keys = read_keys(await answer.json())
        for name, text in {**tokens, "code": redeem["code"]}.items():
            if name in ("access_token", "id_token", "refresh_token", "code"):
                read = read_token(text)
                assert verify(read, keys.candidates(read)) is (name in ("access_token", "id_token")), name

    trying(tmp_path, work)


def test_a_refresh_token_of_a_public_client_is_good_for_one_other(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, first = await here.token(basic=None, **await here.code())
        signed_in_at = claims_of(first["id_token"])["auth_time"]
        again = {"grant_type": "refresh_token", "client_id": "app"}
        here.clock.time_s += 100
        status, second = await here.token(basic=None, refresh_token=first["refresh_token"], **again)
        assert status == 200 and claims_of(second["id_token"])["auth_time"] == signed_in_at
        here.clock.time_s += 100
        status, refused = await here.token(basic=None, refresh_token=first["refresh_token"], **again)
        assert (status, refused["error"]) == (400, "invalid_grant")
        status, refused = await here.token(basic=None, refresh_token=second["refresh_token"], **again)
        assert (status, refused["error"]) == (400, "invalid_grant")

    trying(tmp_path, work)


def test_a_database_that_is_away_is_told_in_the_form_of_each_endpoint(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, page, _ = await here.page()
        redeem = await here.code()
        async with here.without_database():
            status, refused = await here.token(grant_type="password", username=ADA.email, password=PASSWORD)
            assert (status, refused["error"]) == (503, "temporarily_unavailable")
            assert "127.0.0.1" not in refused["error_description"]
            status, _ = await here.token(basic=None, **redeem)
            assert status == 503
            status, again, _ = await here.submit(page)
            assert status == 503 and "not possible at the moment" in again and 'name="password"' in again
        status, _ = await here.token(basic=None, **redeem)
        assert status == 200

    trying(tmp_path, work)


def test_a_request_may_come_in_a_form(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        async with here.session.post(f"{here.url}/authorization", data=ASKED) as answer:
            page = await answer.text()
            assert answer.status == 200 and "try again" not in page
        status, _, where = await here.submit(page)
        assert status == 303 and parse_qs(urlsplit(where).query)["state"] == ["s t&te"]

    trying(tmp_path, work)


def test_a_form_that_is_none_brings_the_page_again(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        for body in (b"a=1&a=1", b"a=%ff", b"\xff", b"x" * 70_000):
            async with here.session.post(
                f"{here.url}/authorization?{urlencode(ASKED)}", data=body, allow_redirects=False
            ) as answer:
                assert answer.status == 400 and answer.content_type == "text/html"

    trying(tmp_path, work)


def test_a_client_that_acts_for_itself_is_told_its_scope_and_is_no_user(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        _, machine = await here.token(grant_type="client_credentials")
        assert machine["scope"] == claims_of(machine["access_token"])["scope"] == "appid_default"
        bearer = {"Authorization": f"Bearer {machine['access_token']}"}
        async with here.session.get(here.url + "/userinfo", headers=bearer) as answer:
            assert answer.status == 403
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        async with here.session.get(here.url + "/userinfo") as answer:
            assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Bearer realm="couchgrass"')
        login = {"Authorization": aiohttp.encode_basic_auth("web", "s3cret")}
        sent = {"token": machine["access_token"]}
        async with here.session.post(here.url + "/introspect", data=sent, headers=login) as answer:
            told = await answer.json()
            assert told["active"] and (told["client_id"], told["token_type"]) == ("web", "Bearer")
        async with here.session.post(here.url + "/introspect", headers=login) as answer:
            assert answer.status == 400

    trying(tmp_path, work)


def test_the_longest_request_gets_a_code_that_can_be_redeemed(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        nonce = '"' * 255
        _, page, _ = await here.page(nonce=nonce, state="ü" * 500)
        status, _, where = await here.submit(page)
        assert status == 303 and len(where) < 8190 - 1024
        code = parse_qs(urlsplit(where).query)["code"][0]
        redeem = {"code": code, "redirect_uri": REDIRECT, "client_id": "app", "code_verifier": VERIFIER}
        status, tokens = await here.token(basic=None, grant_type="authorization_code", **redeem)
        assert status == 200 and claims_of(tokens["id_token"])["nonce"] == nonce

    trying(tmp_path, work)


def test_the_forms_cookie_holds_nothing_but_a_token_of_ours(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        for sent in ("x", 'a"b', "a" * 65, "ä"):
            headers = {"Cookie": f"couchgrass_form={sent}"}
            url = f"{here.url}/authorization?{urlencode(ASKED)}"
            async with here.session.get(url, headers=headers) as answer:
                assert len(answer.cookies["couchgrass_form"].value) == 32

    trying(tmp_path, work)


def test_what_is_not_there_is_404_and_the_wrong_verb_405(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        for path, method, status in (
            ("/nothing", "GET", 404),
            ("/token", "GET", 405),
            ("/publickeys", "DELETE", 405),
            ("/token", "OPTIONS", 204),
            ("/publickeys", "HEAD", 200),
            ("/../nobody/token", "GET", 404),
        ):
            async with here.session.request(method, here.url + path) as answer:
                assert answer.status == status, (method, path)

    trying(tmp_path, work)


def test_no_body_or_query_makes_it_fail(tmp_path: Path) -> None:
    async def work(here: Here) -> None:
        for body in (
            b"",
            b"\xff",
            b"a=1&a=1",
            b"grant_type=password",
            b"x" * 70_000,
            b"grant_type=refresh_token",
        ):
            headers = {"Authorization": aiohttp.encode_basic_auth("web", "s3cret")}
            async with here.session.post(here.url + "/token", data=body, headers=headers) as answer:
                assert 400 <= answer.status < 500
                assert set(await answer.json()) == {"error", "error_description"}

    trying(tmp_path, work)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(text=st.binary(max_size=60))
def test_hostile_paths_are_answered(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    async def work() -> None:
        service = SignIn(
            tenant=lambda name: None,
            users=CouchUsers(CouchServer("http://127.0.0.1:9")),
            signer=lambda: pytest.fail("not asked"),
            keys=lambda: pytest.fail("not asked"),
            issuer=lambda name: "",
            clock=MovedClock(),
        )
        scope = {"method": "GET", "raw_path": b"/oauth/v4/" + text, "query_string": text, "headers": []}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        assert (await service.answer(Request(scope, receive))).status in (400, 404)

    asyncio.run(work())
