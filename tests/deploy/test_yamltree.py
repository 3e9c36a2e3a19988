"""YAML as a tree with lines: scalars as wskdeploy reads them, bounds, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.deploy import yamltree
from couchgrass.deploy.refused import ManifestRefused
from couchgrass.deploy.yamltree import Items, Scalar, Table, parse, plain


def value(text: str) -> Any:
    return plain(parse(f"a: {text}\n", "m.yaml"))["a"]


def reason(text: str) -> str:
    with pytest.raises(ManifestRefused) as bad:
        parse(text, "m.yaml")
    return bad.value.reason


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("yes", True),
        ("On", True),
        ("y", True),
        ("no", False),
        ("OFF", False),
        ("yEs", "yEs"),
        ("", None),
        ("~", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("1", 1),
        ("-7", -7),
        ("010", 8),
        ("0o10", 8),
        ("0x1F", 31),
        ("-0b101", -5),
        ("1_000", 1000),
        ("09", 9.0),
        ("1e3", 1000.0),
        ("1.0", 1.0),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("'yes'", "yes"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("! yes", "yes"),
        ("!!int '3'", 3),
        ("!!float 3", 3.0),
        ("|-\n  no", "no"),
        ("[1, no, {b: c}]", [1, False, {"b": "c"}]),
        ("=", "="),
    ],
)
def test_a_scalar_is_what_wskdeploy_reads(text: str, wanted: Any) -> None:
    found = value(text)
    assert (found, type(found)) == (wanted, type(wanted))


def test_keys_and_texts_stay_as_they_are_written() -> None:
    root = parse("on: 1.0\n1.10: x\n", "m.yaml")
    assert isinstance(root, Table)
    assert [(one.key, one.line) for one in root.members] == [("on", 1), ("1.10", 2)]
    first = root.members[0].node
    assert isinstance(first, Scalar)
    assert first.text == "1.0"


def test_a_text_without_anything_is_nothing() -> None:
    assert plain(parse("", "m.yaml")) is None
    assert plain(parse("---\n# only a comment\n", "m.yaml")) is None


def test_an_alias_is_what_its_anchor_is_and_a_merge_goes_below_own_keys() -> None:
    text = "a: &one {x: 1, y: 2}\nb: *one\nc: {<<: *one, x: 3}\nd: {<<: [*one, {z: 9, x: 8}]}\n"
    assert plain(parse(text, "m.yaml")) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 3, "y": 2},
        "d": {"x": 1, "y": 2, "z": 9},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "m.yaml:3: the key a stands here twice, first in line 1"),
        ("x:\n  a: 1\n  'a': 3\n", "m.yaml:3: the key a stands here twice, first in line 2"),
        ("a: .inf\n", "m.yaml:1: infinity and not-a-number can't be sent as JSON"),
        ("a: 99999999999999999999\n", "m.yaml:1: a number that is too large: put it into quotes"),
        ("a: 1e999\n", "m.yaml:1: a number that is too large"),
        ("a: !!python/object:os.system x\n", "m.yaml:1: the tag tag:yaml.org,2002:python/object:os.system "),
        ("a: !mine x\n", "m.yaml:1: the tag !mine means nothing here"),
        ("a: !!int x\n", "m.yaml:1: this is no !!int"),
        ("a: *nope\n", "m.yaml:1: the alias *nope has no anchor above it"),
        ("a: &x [*x]\n", "m.yaml:1: the alias *x stands inside of what it means"),
        ("? [1]\n: 2\n", "m.yaml:1: a key must be plain text"),
        ("a: 1\n---\nb: 2\n", "m.yaml:2: a second document begins here"),
        ("a: 1\n\tb: 2\n", "m.yaml:2: "),
        ("a: b: c\n", "m.yaml:1: a colon where no key can be"),
        ("a: [1\n", "m.yaml:2: no YAML: "),
        ("a: \x00\n", "m.yaml:1: has a character that YAML does not allow"),
        ("a: {<<: 3}\n", "m.yaml:1: << takes a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    assert reason(text).startswith(told)


def test_a_bomb_of_aliases_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "more than 50000 values" in reason("\n".join(lines))


def test_depth_is_bounded_by_brackets_and_by_aliases() -> None:
    assert "nested deeper than 50 levels" in reason("[" * 100_000)
    chain = ["- &a0 [x]", *(f"- &a{n} [*a{n - 1}]" for n in range(1, 100))]
    assert "nested deeper than 50 levels" in reason("\n".join(chain))


def test_size_is_bounded() -> None:
    assert "more than 512 kB" in reason("#" * (yamltree.TEXT_BYTES_MAX + 1))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab:-{}[]&*!|>'\"#% \n,?0~<", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text, "m.yaml")
    except ManifestRefused as bad:
        assert bad.reason.startswith("m.yaml:")
    else:
        assert isinstance(found, Scalar | Items | Table)
