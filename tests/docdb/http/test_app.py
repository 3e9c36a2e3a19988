"""What every answer has: its type, headers and errors; HEAD, method override, CORS and broken signatures."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from couchgrass.testing.asgi import basic
from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess, running

Ask = Callable[..., Reply]

OWN = {"date", "x-couch-request-id", "transfer-encoding"}
"""Headers that differ from answer to answer."""

MOVING = {"/_uuids": {"etag"}, "/_active_tasks": {"content-length"}}
"""What differs because the content does: other tests' databases may just be compacted."""


def shared(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in OWN}


# Content types


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html, application/json;q=0.9", "application/json"),
        ("application/*", "application/json"),
        ("text/html,*/*;q=0.1", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html", "text/plain; charset=utf-8"),
        (";;", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("path", ["", "/doc", "/none", "/_all_docs", "/_changes"])
def test_json_is_called_so_for_those_who_take_it(
    ask: Ask, path: str, accept: str | None, content_type: str
) -> None:
    ask("PUT", "/doc", {})
    headers = {} if accept is None else {"accept": accept}
    assert ask("GET", path, **headers).headers["content-type"] == content_type


def test_every_json_answer_ends_its_line(ask: Ask) -> None:
    ask("PUT", "/doc", {})
    for path in ("", "/doc", "/none", "/_all_docs", "/_changes", "/_security", "/doc?open_revs=[]"):
        assert ask("GET", path, accept="application/json").body.endswith(b"\n"), path


# Headers


def test_every_answer_names_the_server_and_wants_to_be_asked_again(ask: Ask) -> None:
    for reply in (ask("GET"), ask("GET", "/none"), ask("PUT", "/doc", {}), ask("GET", "/_changes")):
        assert reply.headers["server"].startswith("couchgrass/")
        assert reply.headers["cache-control"] == "must-revalidate"
        assert re.fullmatch("[0-9a-f]{10}", reply.headers["x-couch-request-id"])


def test_each_request_has_an_id_of_its_own(ask: Ask) -> None:
    assert len({ask("GET").headers["x-couch-request-id"] for _ in range(20)}) == 20


@pytest.mark.parametrize("named", ["E7498DE1-B661-42FA-943D-17F890143068", "a_b", "0"])
def test_the_client_may_name_its_request(ask: Ask, named: str) -> None:
    assert ask("GET", x_couch_request_id=named).headers["x-couch-request-id"] == named


@pytest.mark.parametrize("named", ["", "a b", "x" * 37, "a;b", "é"])
def test_a_bad_name_for_a_request_is_replaced(ask: Ask, named: str) -> None:
    given = ask("GET", x_couch_request_id=named).headers["x-couch-request-id"]
    assert re.fullmatch("[0-9a-f]{10}", given)


# HEAD

READ = [
    "/", "/_up", "/_all_dbs", "/_uuids", "/_session", "/_active_tasks", "/_membership", "/_utils/",
    "/_node/_local", "/_node/_local/_config/couchdb", "/{db}", "/{db}/", "/{db}/doc", "/{db}/none",
    "/{db}/doc?rev=x", "/{db}/doc?meta=true", "/{db}/doc/text", "/{db}/doc/none", "/{db}/_local/one",
    "/{db}/_local/none", "/{db}/_design/d", "/{db}/_all_docs", "/{db}/_all_docs?limit=x",
    "/{db}/_design_docs", "/{db}/_local_docs", "/{db}/_changes", "/{db}/_security", "/{db}/_revs_limit",
    "/{db}/_shards", "/{db}/_bulk_docs", "/{db}none", "/Illegal", "/_nothing",
]  # fmt: skip


@pytest.mark.parametrize("path", READ)
def test_head_answers_what_get_answers_without_the_body(
    ask: Ask, couch_server: ServerProcess, db_name: str, path: str
) -> None:
    ask("PUT", "/doc", {"v": 1})
    ask("PUT", f"/doc/text?rev={ask('GET', '/doc').json()['_rev']}", b"text", content_type="text/plain")
    ask("PUT", "/_local/one", {})
    ask("PUT", "/_design/d", {})
    target = path.format(db=db_name)
    get, head = (call(couch_server.auth_url, method, target) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (get.status, b"")
    for name in set(shared(get.headers)) - MOVING.get(path, set()):
        assert head.headers[name] == get.headers[name]
    assert set(shared(head.headers)) <= set(shared(get.headers))


# Method override


def test_post_may_stand_for_another_method(ask: Ask) -> None:
    made = ask("POST", "/doc", {"bob": "connie"}, x_http_method_override="PUT")
    assert made.status == 201
    assert ask("POST", "/doc", x_http_method_override="GET").json()["bob"] == "connie"
    rev = made.json()["rev"]
    copied = ask("POST", "/doc", x_http_method_override="COPY", destination="copy")
    assert copied.json()["id"] == "copy"
    assert ask("POST", f"/doc?rev={rev}", x_http_method_override="DELETE").status == 200
    assert ask("GET", "/doc").json()["reason"] == "deleted"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_no_other_method_may(ask: Ask, method: str) -> None:
    ask("PUT", "/doc", {"v": 1})
    other = "DELETE" if method != "DELETE" else "PUT"
    reply = ask(method, "/doc", {"v": 2}, x_http_method_override=other)
    assert reply.status == (200 if method == "GET" else 409)
    assert ask("GET", "/doc").json()["v"] == 1


@pytest.mark.parametrize("wanted", ["NONSENSE", "", "PATCH"])
def test_an_unknown_method_to_stand_for_is_ignored(ask: Ask, wanted: str) -> None:
    reply = ask("POST", "", {"_id": "doc"}, x_http_method_override=wanted)
    assert (reply.status, reply.json()["id"]) == (201, "doc")


# Signatures


@pytest.mark.parametrize(
    "signature",
    ["Basic", "Basic ", "Basic: YTpi", "Basic !!!!", "Basic YQ==", "Negotiate x", "x", "Bearer", "\xff"],
)
def test_a_malformed_signature_is_none(
    ask: Ask, couch_server: ServerProcess, db_name: str, signature: str
) -> None:
    welcome = call(couch_server.url, "GET", "/", headers={"Authorization": signature})
    assert (welcome.status, welcome.json()["couchdb"]) == (200, "Welcome")
    session = call(couch_server.url, "GET", "/_session", headers={"Authorization": signature})
    assert session.json()["userCtx"] == {"name": None, "roles": []}
    refused = call(couch_server.url, "GET", f"/{db_name}", headers={"Authorization": signature})
    assert (refused.status, refused.json()["error"]) == (401, "unauthorized")


# CORS


ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets ORIGIN in, with a database and document "doc"."""
    with running(tmp_path_factory.mktemp("cors") / "data") as server:
        for key, value in [
            ("chttpd/enable_cors", "true"),
            ("cors/origins", ORIGIN),
            ("cors/credentials", "true"),
            ("cors/headers", "accept, authorization, content-type, x-mine"),
            ("cors/max_age", "3600"),
        ]:
            assert call(server.auth_url, "PUT", f"/_node/_local/_config/{key}", value).status == 200
        assert call(server.auth_url, "PUT", "/db").status == 201
        assert call(server.auth_url, "PUT", "/db/doc", {}).status == 201
        yield server


@pytest.mark.parametrize("path", ["/db/doc", "/db/none", "/db/_all_docs", "/db/_changes", "/"])
def test_an_answer_to_a_known_origin_says_so_errors_included(crossed: ServerProcess, path: str) -> None:
    reply = call(crossed.auth_url, "GET", path, headers={"Origin": ORIGIN})
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-credentials"] == "true"
    exposed = {name.strip().lower() for name in reply.headers["access-control-expose-headers"].split(",")}
    assert {"content-type", "cache-control", "server"} <= exposed
    assert {"etag", "x-couch-request-id", "accept-ranges"} <= exposed


@pytest.mark.parametrize("origin", [None, "https://other.example", "http://app.example", "null"])
def test_an_answer_to_another_origin_does_not(crossed: ServerProcess, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    reply = call(crossed.auth_url, "GET", "/db/doc", headers=headers)
    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_an_unauthorized_answer_can_be_read_across_origins(crossed: ServerProcess) -> None:
    reply = call(crossed.url, "GET", "/db/doc", headers={"Origin": ORIGIN})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (401, ORIGIN)


def preflight(server: ServerProcess, origin: str, method: str, headers: str | None = None) -> Reply:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        asked["Access-Control-Request-Headers"] = headers
    return call(server.url, "OPTIONS", "/db/doc", headers=asked)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "COPY"])
def test_a_preflight_needs_no_signature(crossed: ServerProcess, method: str) -> None:
    reply = preflight(crossed, ORIGIN, method, "authorization, X-Mine")
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-max-age"] == "3600"
    assert method in reply.headers["access-control-allow-methods"]
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert {"authorization", "x-mine"} <= {name.strip() for name in allowed.split(",")}


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [("https://other.example", "PUT", None), (ORIGIN, "PATCH", None), (ORIGIN, "PUT", "x-other")],
)
def test_a_preflight_for_what_is_not_allowed_allows_nothing(
    crossed: ServerProcess, origin: str, method: str, headers: str | None
) -> None:
    reply = preflight(crossed, origin, method, headers)
    assert "access-control-allow-methods" not in reply.headers


def test_without_cors_no_answer_speaks_of_it(ask: Ask, couch_server: ServerProcess, db_name: str) -> None:
    reply = ask("GET", "", origin=ORIGIN)
    assert not [name for name in reply.headers if name.startswith("access-control")]
    reply = ask("OPTIONS", "", origin=ORIGIN, access_control_request_method="GET")
    assert (reply.status, reply.json()["error"]) == (405, "method_not_allowed")


def test_http_1_0_is_served(couch_server: ServerProcess) -> None:
    class Old(http.client.HTTPConnection):
        _http_vsn, _http_vsn_str = 10, "HTTP/1.0"

    connection = Old("127.0.0.1", couch_server.port, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.read()[:11]) == (200, b'{"couchdb":')
    connection.close()


def test_an_answer_that_is_cut_off_is_in_the_log(server_data: Path) -> None:
    with running(server_data) as server:
        call(server.auth_url, "PUT", "/db")
        content = {"content-type": "image/png"}
        assert call(server.auth_url, "PUT", "/db/a/x", b"x" * 300_000, headers=content).status == 201
        damage = apsw.Connection(str(server_data / "databases" / "db" / "data.sqlite"))
        damage.set_busy_timeout(60_000)
        damage.execute("UPDATE chunks SET data=7 WHERE chunk=(SELECT max(chunk) FROM chunks)")
        damage.close()
        with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as asked:
            asked.request("GET", "/db/a/x", headers={"authorization": basic(server.user, server.password)})
            with asked.getresponse() as answer, pytest.raises(http.client.IncompleteRead):
                answer.read()
        assert "GET /db/a/x was cut off\n" in (server_data.parent / f"{server_data.name}.log").read_text()
