"""The deepest route wins; literal before pattern before parameter, from the left; slashes don't count."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.gateway.api import Api, Operation
from couchgrass.gateway.routes import Routes, Table

GET = {"GET": Operation(None)}


def api(base_path: str, *paths: str, key: str = "k", namespace: str = "guest") -> Api:
    return Api(key=key, namespace=namespace, base_path=base_path, resources=dict.fromkeys(paths, GET))


def found(routes: Routes, path: str) -> tuple[str, str] | None:
    """The key of the API that was found, and the rest."""
    hit = routes.find(path.encode())
    return None if hit is None else (hit[0].api.key, hit[1].decode())


TODOS = Routes([api("/v1", "/todo")])


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/v1/todo", ""),
        ("/v1/todo/", "/"),
        ("/v1/todo/42", "/42"),
        ("/v1/todo//42", "//42"),
        ("//v1///todo/42//", "/42//"),
        ("/v1/todo/a/b%2Fc", "/a/b%2Fc"),
        ("/v1/%74odo/1", "/1"),
    ],
)
def test_what_follows_the_route_is_kept_as_it_came(path: str, rest: str) -> None:
    assert found(TODOS, path) == ("k", rest)


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/", "/v1/tod", "/v1/todos", "/todo", "/V1/todo", "x"])
def test_no_route_matches_half_a_path(path: str) -> None:
    assert found(TODOS, path) is None


def routes_of(*paths: str) -> Routes:
    """Routes whose API keys are their paths."""
    return Routes([api("/", path, key=path) for path in paths])


@pytest.mark.parametrize(
    ("paths", "path", "wins"),
    [
        (("/a/{x}", "/a/b"), "/a/b", "/a/b"),
        (("/a/{x}", "/a/b"), "/a/c", "/a/{x}"),
        (("/a/{x}/c", "/a/b/d"), "/a/b/c", "/a/{x}/c"),
        (("/a/b", "/{x}/{y}/c"), "/a/b/c", "/{x}/{y}/c"),
        (("/a", "/a/{x}/c"), "/a/b", "/a"),
        (("/{x}/b", "/a/{y}"), "/a/b", "/a/{y}"),
        (("/f/{x}", "/f/{x}.json"), "/f/a.json", "/f/{x}.json"),
        (("/f/{x}", "/f/{x}.json"), "/f/.json", "/f/{x}"),
        (("/f/{x}", "/f/v{x}.json", "/f/v1.json"), "/f/v1.json", "/f/v1.json"),
        (("/", "/a"), "/b", "/"),
        (("/{x}",), "/%2F", "/{x}"),
        (("/é",), "/%C3%A9", "/é"),
        (("/a%20b",), "/a%20b", "/a%20b"),
    ],
)
def test_which_of_several_wins(paths: tuple[str, ...], path: str, wins: str) -> None:
    for order in (paths, paths[::-1]):
        hit = found(routes_of(*order), path)
        assert hit is not None and hit[0] == wins


SEGMENTS = st.sampled_from(["a", "b", "c", "{x}", "{y}.j"])
PATHS = st.lists(st.lists(SEGMENTS, max_size=4), min_size=1, max_size=6)
ASKED = st.lists(st.sampled_from(["a", "b", "c", "d", "", "q.j", "%61"]), max_size=6)


def rank(route: list[str], asked: list[bytes]) -> tuple[int, ...] | None:
    """The rule: how well a route fits; None when it does not."""
    if len(route) > len(asked):
        return None
    ranks = []
    for segment, given_ in zip(route, asked, strict=False):
        value = unquote_to_bytes(given_)
        if "{" not in segment:
            fits, each = value == segment.encode(), 2
        elif segment.startswith("{") and segment.endswith("}"):
            fits, each = True, 0
        else:
            fits, each = re.fullmatch(rb"(?s:.+)\.j", value) is not None, 1
        if not fits:
            return None
        ranks.append(each)
    return (len(route), *ranks)


@given(PATHS, ASKED)
def test_the_trie_finds_what_the_rule_says(paths: list[list[str]], asked: list[str]) -> None:
    routes = routes_of(*("/" + "/".join(path) for path in paths))
    segments = [segment.encode() for segment in asked if segment]
    ranks = [each for each in (rank(path, segments) for path in paths) if each is not None]
    hit = routes.find(("/" + "/".join(asked)).encode())
    if not ranks:
        assert hit is None
        return
    assert hit is not None
    won = [segment for segment in hit[0].api.key.split("/") if segment]
    assert rank(won, segments) == max(ranks)
    rest = [segment for segment in hit[1].split(b"/") if segment]
    assert rest == segments[len(won) :]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_path(path: bytes) -> None:
    table = Table("guest")
    table.put("guest", [api("/", "/", "/a/{x}", "/{x}.{y}/z")])
    for lead in (b"", b"/", b"/api/guest", b"/api/", b"//api//guest/"):
        hit = table.find(lead + path)
        assert hit is None or ((lead + path).endswith(hit[1]) and hit[1].endswith(hit[2]))


def test_many_segments_cost_no_more_than_the_trie_has_nodes() -> None:
    routes = routes_of(*("/" + "/".join(["{x}"] * depth) for depth in range(1, 60)))
    assert found(routes, "/a" * 10_000) == ("/" + "/".join(["{x}"] * 59), "/a" * (10_000 - 59))


def test_verbs_of_one_path_come_from_all_apis_that_have_it() -> None:
    one = Api(key="1", namespace="guest", base_path="/v1", resources={"/a/b": GET})
    two = Api(key="2", namespace="guest", base_path="/v1/a", resources={"/b": {"POST": Operation(None)}})
    hit = Routes([two, one]).find(b"/v1/a/b")
    assert hit is not None
    assert {verb: pair[0].key for verb, pair in hit[0].operations.items()} == {"GET": "1", "POST": "2"}


def test_tenants_are_apart_and_the_default_needs_no_prefix() -> None:
    table = Table("guest")
    table.put("guest", [api("/v1", "/todo", key="guest")])
    table.put("other", [api("/v1", "/todo", key="other", namespace="other")])

    def ask(path: bytes) -> tuple[str, bytes, bytes] | None:
        hit = table.find(path)
        return None if hit is None else (hit[0].api.key, hit[1], hit[2])

    assert ask(b"/api/guest/v1/todo/1") == ("guest", b"/v1/todo/1", b"/1")
    assert ask(b"/api/other/v1//todo/1") == ("other", b"/v1//todo/1", b"/1")
    assert ask(b"//api//other/v1/todo") == ("other", b"/v1/todo", b"")
    assert ask(b"/v1/todo/") == ("guest", b"/v1/todo/", b"/")
    assert ask(b"//v1/todo") == ("guest", b"//v1/todo", b"")
    assert ask(b"/api/nobody/v1/todo") is None
    assert ask(b"/api/other") is None
    table.put("other", [])
    assert ask(b"/api/other/v1/todo") is None


def test_an_api_of_the_default_namespace_may_be_named_api() -> None:
    table = Table("guest")
    table.put("guest", [api("/api", "/x")])
    assert table.find(b"/api/x") is not None
    assert Table().find(b"/api/x") is None


PARTS = st.lists(st.sampled_from(["{x}", "{y}", "a", "b", "ab"]), min_size=2, max_size=6).map("".join)


@given(pattern=PARTS, segment=st.text("ab", max_size=9))
def test_a_partly_literal_segment_matches_as_its_regular_expression_does(pattern: str, segment: str) -> None:
    expression = "(.+)".join(map(re.escape, re.split(r"\{[^{}]*\}", pattern)))
    hit = found(routes_of(f"/{pattern}"), f"/{segment}") if segment else None
    assert (hit is not None) == (re.fullmatch(expression, segment) is not None)


def test_many_parameters_in_one_segment_take_no_longer_than_one() -> None:
    pattern = "/" + "{x}" * 40 + "y"
    assert found(routes_of(pattern), "/" + "a" * 8000) is None
    assert found(routes_of(pattern), "/" + "a" * 8000 + "y") == (pattern, "")
