"""A path that is passed on stays below its server's URL, and is otherwise what it was."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.dashboard.paths import below, check_path, is_feed, target
from couchgrass.errors import BadRequest

BASE = "http://127.0.0.1:5984/proxied"

PIECES = st.sampled_from(
    b"/ // .. . %2e %2E %2f %5c \\ db a%2Fb : @ evil.xy http: ? # %00 %0d%0a \xff ; % %% %zz _design".split(
        b" "
    )
)
PATHS = st.lists(PIECES, max_size=8).map(b"".join).map(b"/".__add__)


@given(PATHS, st.binary(max_size=20))
def test_whatever_is_asked_stays_below_the_base(path: bytes, query: bytes) -> None:
    try:
        url = target(BASE, path, query)
    except BadRequest:
        return
    assert url.startswith(f"{BASE}/")
    assert url.isascii() and url.isprintable() and " " not in url
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("http", "127.0.0.1:5984", "")
    decoded = unquote_to_bytes(parts.path).replace(b"\\", b"/")
    assert not {b".", b".."} & set(decoded.split(b"/"))
    assert "//" not in parts.path


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_what_a_browser_sends_goes_on_as_it_is(segments: list[str]) -> None:
    from urllib.parse import quote

    if any({".", ".."} & set(segment.replace("\\", "/").split("/")) for segment in segments):
        return
    path = "/" + "/".join(quote(segment.encode("utf-8", "replace"), safe="") for segment in segments)
    assert target("https://couch.example", path.encode(), b"") == f"https://couch.example{path}"


STEPS = (
    *(b"/..", b"/db/../_users", b"/db/%2e%2e/_users", b"/db/.%2E", b"/db/..%2f_users", b"/db/x%5c..%5cy"),
    *(b"//evil.example/", b"/db//doc", b"/.", b"/db/.", b"/db/..\\x"),
)


@pytest.mark.parametrize("path", STEPS)
def test_steps_and_empty_segments_are_refused(path: bytes) -> None:
    with pytest.raises(BadRequest):
        check_path(path)


@pytest.mark.parametrize(
    "path", [b"/", b"/db/", b"/a%2Fb/_design%2Fx", b"/db/...", b"/db/a..b", b"/db/%252e%252e"]
)
def test_what_only_looks_like_it_goes_through(path: bytes) -> None:
    check_path(path)


def test_a_path_is_below_its_prefix_or_somebody_elses() -> None:
    assert below(b"/couch/db", b"/couch") == b"/db"
    assert below(b"/couch/", b"/couch") == b"/"
    for path in (b"/couch", b"/couchdb/x", b"/cou%63h/x", b"http://h/couch/x"):
        assert below(path, b"/couch") is None


def test_a_query_goes_on_as_it_is() -> None:
    query = b'startkey="a"&key=[1,{}]&name=%22\xc3\xa9'
    assert target(BASE, b"/db", query) == f"{BASE}/db?startkey=%22a%22&key=[1,{{}}]&name=%22%C3%A9"


@pytest.mark.parametrize(
    ("path", "query", "is_one"),
    [
        (b"/db/_changes", b"feed=continuous", True),
        (b"/db/_changes/", b"since=now&feed=longpoll", True),
        (b"/_db_updates", b"feed=eventsource", True),
        (b"/_replicate", b"", True),
        (b"/db/_changes", b"", False),
        (b"/db/_changes", b"feed=normal", False),
        (b"/db/_all_docs", b"feed=continuous", False),
        (b"/db/_changes", b"&" * 1000 + b"a=1&" * 300, False),
    ],
)
def test_feeds_are_known(path: bytes, query: bytes, is_one: bool) -> None:
    assert is_feed(path, query) is is_one
