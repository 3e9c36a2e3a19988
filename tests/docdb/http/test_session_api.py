"""``/_session``: signing in and out, and how long a cookie is good for."""

from __future__ import annotations

import gzip
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from couchgrass.docdb.password import WRONG
from couchgrass.testing.asgi import ADMIN, Asked, Credentials, asking, refusal
from couchgrass.testing.call import Reply

ANNA: Credentials = ("anna", "pässword & more")
JSON = {"content_type": "application/json"}
FORM = {"content_type": "application/x-www-form-urlencoded; charset=utf-8"}


def login(who: Credentials = ADMIN) -> dict[str, str]:
    return {"name": who[0], "password": who[1]}


def cookie(reply: Reply) -> str:
    """What the client sends back."""
    return reply.headers["set-cookie"].split(";")[0]


async def signed_in(server: Asked, who: Credentials = ADMIN) -> str:
    reply = await server.ask("POST", "/_session", login(who))
    assert reply.status == 200, reply
    return cookie(reply)


def test_nobody_is_told_that_they_are_nobody(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        answer = (await server.ask("GET", "/_session")).json()
        handlers = ["cookie", "default"]
        assert answer == {
            "ok": True,
            "userCtx": {"name": None, "roles": []},
            "info": {"authentication_handlers": handlers},
        }
        assert refusal(await server.ask("GET", "/_session?basic=true")) == (
            401,
            "unauthorized",
            "Please login.",
        )
        by_basic = (await server.ask("GET", "/_session?basic=true", user=ADMIN)).json()
        assert by_basic["info"] == {"authentication_handlers": handlers, "authenticated": "default"}

    asking(tmp_path / "data", work)


def test_signing_in_gives_a_cookie_that_is_known_again_and_signing_out_takes_it(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["gardener"])
        reply = await server.ask("POST", "/_session", login(ANNA))
        assert (reply.status, reply.json()) == (200, {"ok": True, "name": "anna", "roles": ["gardener"]})
        parts = reply.headers["set-cookie"].split("; ")
        assert {"Path=/", "HttpOnly", "Max-Age=600"} < set(parts) and "Secure" not in parts
        answer = (await server.ask("GET", "/_session", cookie=cookie(reply))).json()
        assert answer["userCtx"] == {"name": "anna", "roles": ["gardener"]}
        assert answer["info"]["authenticated"] == "cookie"
        out = await server.ask("DELETE", "/_session", cookie=cookie(reply))
        assert (out.status, out.json(), cookie(out)) == (200, {"ok": True}, "AuthSession=")

    asking(tmp_path / "data", work)


@pytest.mark.parametrize("field", ["name", "username"])
def test_a_form_or_gzipped_json_signs_in_as_well(tmp_path: Path, field: str) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        fields = {field: ANNA[0], "password": ANNA[1]}
        for body, headers in (
            (urlencode(fields).encode(), FORM),
            (f"{field}=anna&password=pässword+%26+more".encode(), FORM),
            (gzip.compress(json.dumps(fields).encode()), {**JSON, "content_encoding": "gzip"}),
        ):  # fmt: skip
            reply = await server.ask("POST", "/_session", body, **dict[str, Any](headers))
            assert reply.json() == {"ok": True, "name": "anna", "roles": []}

    asking(tmp_path / "data", work)


def test_a_wrong_password_is_a_401_that_ends_the_session(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        for who in (("admin", "wrong"), ("nobody", "x"), ("", "")):
            reply = await server.ask("POST", "/_session", login(who))
            assert refusal(reply) == (401, "unauthorized", WRONG)
            assert cookie(reply) == "AuthSession="
        assert refusal(await server.ask("POST", "/_session", {"name": "admin"}))[0] == 401

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"{}", JSON, 400, "request body must contain a username"),
        (b"x=1", FORM, 400, "request body must contain a username"),
        (b"name=a&username=b", FORM, 400, "request body contains different usernames"),
        (b"name=%ff", FORM, 400, "The form is not valid UTF-8 or has too many fields"),
        (b"[]", JSON, 400, "Request body must be a JSON object"),
        (b'{"name":7}', JSON, 400, "`name` must be a string"),
        (b'{"name":"a","password":null}', JSON, 400, "`password` must be a string"),
        (b"{", JSON, 400, "invalid UTF-8 JSON"),
        (b"name=a", {"content_type": "text/plain"}, 415,
         "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"),
        (b"name=a", {}, 415,
         "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'"),
        (b"name=" + b"a" * 70_000, FORM, 413, "the request entity is too large"),
    ],
)  # fmt: skip
def test_what_is_no_login_is_refused(
    tmp_path: Path, body: bytes, headers: dict[str, Any], status: int, reason: str
) -> None:
    async def work(server: Asked) -> None:
        found = refusal(await server.ask("POST", "/_session", body, **headers))
        assert (found[0], found[2]) == (status, reason)

    asking(tmp_path / "data", work)


def test_next_and_fail_redirect_on_this_server_only(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        host: dict[str, Any] = {"host": "couch.example:5984"}
        ok = await server.ask("POST", "/_session?next=/_up%3Fa=b%0d%0ax", login(), **host)
        assert (ok.status, ok.headers["location"]) == (302, "http://couch.example:5984/_up?a=b%0D%0Ax")
        assert ok.json()["ok"] and cookie(ok) != "AuthSession="
        secure: dict[str, Any] = {**host, "x_forwarded_proto": "https"}
        bad = await server.ask("POST", "/_session?fail=/_up", login(("admin", "wrong")), **secure)
        assert (bad.status, bad.headers["location"]) == (302, "https://couch.example:5984/_up")
        assert bad.json()["error"] == "unauthorized" and "Secure" in bad.headers["set-cookie"].split("; ")
        out = await server.ask("DELETE", "/_session?next=//evil.example/", **host)
        assert (out.status, out.headers["location"]) == (302, "http://couch.example:5984//evil.example/")
        for method in ("POST", "DELETE"):
            reply = await server.ask(method, "/_session?next=http://evil.example/", login(), **host)
            assert refusal(reply) == (400, "bad_request", "path must begin with a /.")

    asking(tmp_path / "data", work)


def test_a_cookie_is_renewed_when_a_tenth_of_its_time_is_over_and_ends_with_it(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        first = await signed_in(server)
        server.clock.time_s += 59
        assert "set-cookie" not in (await server.ask("GET", "/_session", cookie=first)).headers
        server.clock.time_s += 2
        renewed = await server.ask("GET", "/_all_dbs", cookie=first)
        assert renewed.status == 200
        server.clock.time_s += 540
        assert (await server.who(cookie=first))["name"] is None
        assert (await server.who(cookie=cookie(renewed)))["name"] == "admin"
        out = await server.ask("DELETE", "/_session", cookie=cookie(renewed))
        assert cookie(out) == "AuthSession="

    asking(tmp_path / "data", work)


def test_a_cookie_ends_with_the_password_or_the_user(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, ["old"])
        first = await signed_in(server, ANNA)
        doc = await server.admin("GET", "/_users/org.couchdb.user:anna")
        await server.admin("PUT", "/_users/org.couchdb.user:anna", {**doc, "roles": ["new"]})
        assert await server.who(cookie=first) == {"name": "anna", "roles": ["new"]}
        rev = await server.add_user(("anna", "another"))
        assert (await server.who(cookie=first))["name"] is None
        second = await signed_in(server, ("anna", "another"))
        await server.admin("DELETE", f"/_users/org.couchdb.user:anna?rev={rev}")
        assert (await server.who(cookie=second))["name"] is None

    asking(tmp_path / "data", work)


def test_a_cookie_comes_before_basic_and_a_bad_one_leaves_it_to_basic(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA)
        good = await signed_in(server, ANNA)
        assert (await server.who(ADMIN, cookie=good))["name"] == "anna"
        forged = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
        assert (await server.who(cookie=forged))["name"] is None
        assert (await server.who(ADMIN, cookie=forged))["name"] == "admin"
        assert (await server.who(ADMIN, cookie="AuthSession="))["name"] == "admin"
        malformed = await server.ask("GET", "/", cookie="AuthSession=!!!x")
        reason = "Malformed AuthSession cookie. Please clear your cookies."
        assert refusal(await server.ask("GET", "/", cookie="AuthSession=YWJj")) == (
            400,
            "bad_request",
            reason,
        )
        assert malformed.status in (200, 400)

    asking(tmp_path / "data", work)


def test_a_second_factor_is_asked_for(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        await server.add_user(ANNA, totp={"key": "JBSWY3DPEHPK3PXP"})
        assert refusal(await server.ask("POST", "/_session", login(ANNA))) == (401, "unauthorized", WRONG)
        mac = hmac.digest(b"Hello!\xde\xad\xbe\xef", int(server.clock.time_s // 30).to_bytes(8), "sha1")
        at = mac[-1] & 15
        token = str((int.from_bytes(mac[at : at + 4]) & 0x7FFFFFFF) % 10**6).zfill(6)
        reply = await server.ask("POST", "/_session", {**login(ANNA), "token": token})
        assert reply.status == 200

    asking(tmp_path / "data", work)


def test_other_methods_and_paths_are_refused(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        assert (await server.ask("PUT", "/_session", {})).status == 405
        for method in ("GET", "POST", "DELETE"):
            assert (await server.ask(method, "/_session/x", login())).status == 404

    asking(tmp_path / "data", work)
