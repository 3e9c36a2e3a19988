"""Where pages may be: beside APIs, and never where the gateway serves something itself."""

from __future__ import annotations

import pytest

from couchgrass.topology.pages import csp_problem, path_problem


@pytest.mark.parametrize("path", ["/", "/todo/", "/a/b-c_d.e~f/", "/apis/", "/api.v2/", "/oauth2/", "/..a/"])
def test_a_path_begins_and_ends_with_a_slash(path: str) -> None:
    assert path_problem(path) == ""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "begins and ends with a slash"),
        ("todo/", "begins and ends with a slash"),
        ("/todo", "begins and ends with a slash"),
        ("/api/", "below /api/ is what the gateway itself serves"),
        ("/api/guest/", "below /api/ is"),
        ("/oauth/", "below /oauth/ is"),
        ("/_couchgrass/x/", "below /_couchgrass/ is"),
        ("/.well-known/", "below /.well-known/ is"),
        ("//", "between slashes are letters"),
        ("/a//b/", "between slashes are letters"),
        ("/../", "between slashes are letters"),
        ("/a/./", "between slashes are letters"),
        ("/a b/", "between slashes are letters"),
        ("/a%2F/", "between slashes are letters"),
        ("/ä/", "between slashes are letters"),
        ("/a\n/", "between slashes are letters"),
        (f"/{'a' * 200}/", "200 in all"),
    ],
)
def test_what_is_no_path_is_told_why(path: str, words: str) -> None:
    assert words in path_problem(path)


def test_a_policy_is_one_line_for_a_header() -> None:
    assert csp_problem("") == csp_problem("default-src 'self'; connect-src *") == ""
    for bad in ("default-src\n", "default-src\r\nset-cookie: a=b", "é", "a" * 4097):
        assert "one line of ASCII" in csp_problem(bad)
