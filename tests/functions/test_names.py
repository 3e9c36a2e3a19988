"""Names: what may be one, and how they stand in paths."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.functions import names
from couchgrass.functions.names import FullName

UPSTREAM = re.compile(r"([a-zA-Z0-9_]|[a-zA-Z0-9_][a-zA-Z0-9_@ .&-]{0,254}[a-zA-Z0-9_@.&-])")
"""OpenWhisk's own pattern, with Java's meaning of a word character."""

a_name = st.from_regex(UPSTREAM, fullmatch=True)


@given(st.one_of(a_name, st.text(max_size=300), st.text(alphabet="aZ0_@ .&-\n\té", max_size=300)))
def test_a_name_is_what_openwhisk_takes_for_one(text: str) -> None:
    assert names.is_name(text) == (UPSTREAM.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        ("a" * 257, "Name segment longer than allowed: 257 > 256."),
        ("a/b", "The name of the entity contains illegal characters."),
        ("a ", "The name of the entity contains illegal characters."),
        ("", "The name of the entity contains illegal characters."),
        ("a\n", "The name of the entity contains illegal characters."),
    ],
)
def test_what_is_no_name_is_refused_in_openwhisks_words(segment: str, why: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(why)):
        names.check_name(segment)


def test_the_longest_name_is_one() -> None:
    assert names.check_name("a" * 256) == "a" * 256


def test_a_namespace_is_never_called_like_ones_own() -> None:
    assert names.check_namespace("team.one") == "team.one"
    for text in ("_", "_a", "", "a/b"):
        with pytest.raises(BadRequest, match=r"The namespace contains illegal characters\."):
            names.check_namespace(text)


def test_the_package_of_what_is_in_none_is_reserved() -> None:
    assert names.check_package("defaults") == "defaults"
    with pytest.raises(BadRequest, match=r"Package name 'default' is reserved\."):
        names.check_package("default")


def test_an_activation_id_is_32_hexadecimal_digits() -> None:
    assert names.check_activation_id("0" * 31 + "f") == "0" * 31 + "f"
    with pytest.raises(BadRequest, match=r"Activation id length is 3 but must be 32\."):
        names.check_activation_id("abc")
    for text in ("g" * 32, "A" * 32, "٣" * 32):
        with pytest.raises(BadRequest, match=r"The activation id is not valid\."):
            names.check_activation_id(text)


@given(a_name, st.just("") | a_name, a_name, a_name)
def test_a_full_name_comes_back_from_its_text(space: str, package: str, name: str, mine: str) -> None:
    full = FullName(space, package, name)
    found = names.parse_full_name(str(full), mine)
    assert found == (FullName(mine, package, name) if space == "_" else full)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/_/act", FullName("me", "", "act")),
        ("/_/pkg/act", FullName("me", "pkg", "act")),
        ("_/act", FullName("me", "", "act")),
        ("ns//pkg/act/", FullName("ns", "pkg", "act")),
        ("/whisk.system/utils/echo", FullName("whisk.system", "utils", "echo")),
    ],
)
def test_names_inside_of_bodies(text: str, found: FullName) -> None:
    assert names.parse_full_name(text, "me") == found


@pytest.mark.parametrize("text", ["", "/", "act", "/act", "a/b/c/d", "a/?/c", "/ns/pkg/act "])
def test_what_is_no_full_name_is_an_error_of_form(text: str) -> None:
    with pytest.raises(ValueError, match="fully qualified name"):
        names.parse_full_name(text, "me")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("act", "/me/act"),
        ("pkg/act", "/me/pkg/act"),
        ("/ns/act", "/ns/act"),
        ("ns/pkg/act", "/ns/pkg/act"),
        ("/_/pkg/act", "/me/pkg/act"),
        ("/act", None),
        ("", None),
        ("a/b/c/d", None),
        ("not?", None),
    ],
)
def test_a_conductor_names_actions_more_freely(text: str, found: str | None) -> None:
    resolved = names.resolve_name(text, "me")
    assert (None if resolved is None else str(resolved)) == found


def test_a_path_is_made_of_names() -> None:
    assert names.is_path("alarm") and names.is_path("/whisk.system/alarms/alarm")
    assert not names.is_path("") and not names.is_path("a/?")
