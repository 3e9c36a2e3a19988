"""Whatever is sent to web actions, to the gateway, or answered by an action: it is never our failure.

No answer is a 500 of ours, none shows a path of the machine, a secret or a traceback, and the connection can
be used for the next request.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.region.places import ACCOUNT, ADMIN
from couchgrass.testing.call import call
from couchgrass.testing.region import Owner, RegionProcess, running_region

pytestmark = pytest.mark.timeout(300)
"""A start of the whole region, and what is deployed to it, counts for the first test."""

TIMEOUT_S = 60.0
EXAMPLES = 250
ECHO = {
    "python": "def main(args): return {'body': args}",
    "nodejs": "function main(args) { return { body: args } }",
}
SAYS = """
import base64, json
def main(args):
    return json.loads(base64.b64decode(args["__ow_body"]))
"""
TRACES = (b"Traceback (most recent call last)", b"site-packages", b"granian", b"/src/couchgrass")

METHODS = ("GET", "POST", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "nonsense",
    "",
)
WORDS = (
    "..", ".", "%2e%2e", "%2F", "%00", "%ff", "%", "%zz", "a", "echo", "default", "guest", "_", "%C3%A9",
    ".http", ".json", ".html", ".svg", ".text", ";", "*", "'", "api", "v1", "web", "//", "$x",
)  # fmt: skip


class Asked(NamedTuple):
    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Got(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Site(NamedTuple):
    region: RegionProcess
    owner: Owner
    secrets: list[bytes]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    gateway = {"default_namespace": "guest"}
    limits = {"actions_per_minute": 10_000_000}
    folder = tmp_path_factory.mktemp("fuzz")
    with running_region(folder, gateway=gateway, **{"functions.limits": limits}) as region:
        owner = region.owner("guest")
        for name, code in ECHO.items():
            owner.put(f"echo-{name}", f"{name}:default", code, web=True)
            exposed(region, owner, f"echo-{name}", f"/{name}", "json")
        raw = {"key": "raw-http", "value": True}, {"key": "web-export", "value": True}
        body = {"exec": {"kind": "python:3", "code": SAYS}, "annotations": list(raw)}
        assert owner.ask("PUT", "actions/says", body).status == 200
        exposed(region, owner, "says", "/says", "http")
        yield Site(region, owner, secrets_of(region))


def exposed(region: RegionProcess, owner: Owner, action: str, path: str, kind: str) -> None:
    """Makes an API that leads to it."""
    for method in ("GET", "POST"):
        owner.add_api("/fuzz", path, action, method=method, kind=kind)
    region.until(lambda: call(region.gateway, "OPTIONS", f"/fuzz{path}").status == 200)


def secrets_of(region: RegionProcess) -> list[bytes]:
    files = [region.data / name for name in (ADMIN, ACCOUNT, "functions/secret", "keys/guest.json")]
    words = re.findall(r"[\w-]{20,}", "\n".join(path.read_text() for path in files))
    return [word.encode() for word in words]


# --- what is sent --------------------------------------------------------------------------------------

VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f\x80\x85\xa0\xad")
SAFE = st.text("abcXYZ019-._~!$&()*+,;=:@", max_size=6)
"""What may stand in a path as it is; most of the rest is refused before anything of ours sees it."""

PART = st.sampled_from(WORDS) | SAFE | SAFE | st.binary(max_size=4).map(urllib.parse.quote_from_bytes)
WILD = st.one_of(PART, PART, PART, PART, PART, st.text(VISIBLE, max_size=6))
PATH = st.lists(WILD, max_size=4).map("/".join)
QUERY = st.lists(st.tuples(PART, PART).map("=".join), max_size=4).map("&".join)
NAME = st.sampled_from(
    (
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Request-ID",
        "Access-Control-Request-Headers", "Authorization", "X-Require-Whisk-Auth", "Cookie", "Accept",
        "Range", "Origin", "If-None-Match", "Accept-Encoding", "X-Namespace-Id", "__ow_user", "Forwarded",
        "Upgrade", "TE",
    )
) | st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True).filter(
    lambda name: name.lower() not in ("host", "content-length", "transfer-encoding", "connection", "expect")
)  # fmt: skip
VALUE = st.text(VISIBLE | st.just(" "), max_size=20) | st.sampled_from(
    ("Basic Og==", "Basic !", "Bearer a.b.c", "Bearer ", "gzip", "http://x", "bytes=0-", "127.0.0.1, 8.8.8.8")
)
BODY = st.binary(max_size=40) | st.sampled_from(
    (
        b"{}",
        b"[1]",
        b'{"__ow_path": 1}',
        b'{"a": "\xff"}',
        b"null",
        b"{" * 300,
        b"a=%ff&b",
        b'{"a":1e999}',
        b"\x00",
    )
)


def bytes_of(text: str) -> bytes:
    return text.encode("latin-1", "replace").replace(b" ", b"%20").replace(b"#", b"%23")


def asked(prefixes: list[str]) -> st.SearchStrategy[Asked]:
    """A request below one of these, or anywhere."""
    target = st.tuples(st.sampled_from([*prefixes, ""]), PATH, QUERY).map(
        lambda parts: (
            b"/" + bytes_of(parts[0] + "/" * bool(parts[1]) + parts[1] + ("?" + parts[2] if parts[2] else ""))
        )
    )
    header = st.tuples(NAME, VALUE).map(lambda pair: (pair[0].encode(), pair[1].strip().encode("latin-1")))
    typed = st.sampled_from(TYPES).map(lambda kind: (b"Content-Type", kind.encode()))
    headers = st.tuples(typed, st.lists(header, max_size=5)).map(lambda both: [both[0], *both[1]])
    return st.builds(Asked, st.sampled_from(METHODS), target, headers, BODY)


# --- asking --------------------------------------------------------------------------------------------


class Wire:
    """One connection, by which requests are sent as they are written."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None

    def ask(self, request: Asked) -> Got | None:
        """The answer; None when the connection was closed instead of one."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        head = [b"%b %b HTTP/1.1" % (request.method.encode(), request.target), b"Host: a.example"]
        head += [name + b": " + value for name, value in request.headers]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            head.append(b"Content-Length: %d" % len(request.body))
        try:
            self._socket.sendall(b"\r\n".join(head) + b"\r\n\r\n" + request.body)
            answer = http.client.HTTPResponse(self._socket, method=request.method)
            answer.begin()
            got = Got(answer.status, answer.getheaders(), answer.read())
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            return None
        if answer.will_close:
            self.close()
        return got

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


WELL = Asked("GET", b"/", [], b"")


def judged(site: Site, wire: Wire, request: Asked) -> Got | None:
    """The answer, which gives nothing away; after it the server is well."""
    got = wire.ask(request)
    if got is not None:
        shown = b"\n".join([got.body, *(f"{name}: {value}".encode() for name, value in got.headers)])
        shown = shown.replace(b"server: granian", b"")
        places = (str(site.region.folder), str(Path(__file__).parents[2]), sys.prefix)
        for leak in (*TRACES, *site.secrets, *map(str.encode, places)):
            assert leak not in shown, (request, got)
    after = wire.ask(WELL)
    assert after is not None
    assert after.status in (200, 404), (request, got, after)
    return got


FEW = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""Bounded, and the same at each run."""


@FEW
@given(request=asked([f"api/v1/web/guest/default/echo-{kind}" for kind in ECHO] + ["api/v1/web", "api/v1"]))
def test_no_request_makes_the_functions_fail(site: Site, request: Asked) -> None:
    wire = Wire(site.region.ports["functions"])
    got = judged(site, wire, request)
    wire.close()
    assert got is None or got.status not in (500, 502, 503, 504), (request, got)


@FEW
@given(request=asked([f"{top}fuzz/{kind}" for kind in ECHO for top in ("", "api/guest/")] + ["api", "fuzz"]))
def test_no_request_makes_the_gateway_fail(site: Site, request: Asked) -> None:
    wire = Wire(site.region.ports["gateway"])
    got = judged(site, wire, request)
    wire.close()
    assert got is None or got.status not in (500, 502, 503, 504), (request, got)


# --- what an action answers ----------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ANSWER_NAME = st.sampled_from(
    (
        "Content-Type", "content-length", "Content-Length", "transfer-encoding", "connection", "Set-Cookie",
        "Location", "keep-alive", "upgrade", "date", "server", "content-encoding", "x-a", "",
        "a b", "a:b", "é", "a\r\nb", "access-control-allow-origin", "x-request-id", "trailer",
    )
)  # fmt: skip
ANSWER_VALUE = (
    JSON
    | st.sampled_from(TYPES)
    | st.sampled_from(
        ("0", "5", "-1", "chunked", "close", "a\r\nb: c", "a\nb", "\x00", "é€", "image/png", "gzip")
    )
)
ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "statusCode": JSON | st.integers(90, 1100) | st.integers(200, 599).map(str),
        "headers": st.dictionaries(ANSWER_NAME, ANSWER_VALUE, max_size=4) | JSON,
        "body": JSON | st.sampled_from(("aGVsbG8=", "<b>", "!")),
        "error": JSON | st.fixed_dictionaries({"statusCode": JSON, "body": JSON}),
    },
)


@FEW
@given(answer=ANSWER | JSON, server=st.sampled_from(("functions", "gateway")))
def test_no_answer_of_an_action_makes_us_fail(site: Site, answer: Any, server: str) -> None:
    path = b"/api/v1/web/guest/default/says.http" if server == "functions" else b"/fuzz/says"
    body = json.dumps(answer).encode()
    request = Asked("POST", path, [(b"Content-Type", b"application/octet-stream")], body)
    wire = Wire(site.region.ports[server])
    got = judged(site, wire, request)
    wire.close()
    assert got is not None, answer
    if server == "gateway" and got.status == 502 and b"The action failed" in got.body:
        return  # the gateway's word for an answer that can't be sent
    assert got.status not in (500, 502, 503, 504) or str(got.status) in json.dumps(answer), (answer, got)
