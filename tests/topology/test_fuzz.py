"""Whatever stands in `couchgrass.toml`: it is a topology, or it is refused with a line that there is."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.region.config import ConfigRefused
from couchgrass.region.toml_lines import key_lines
from couchgrass.topology.config import Topology, parse_topology
from couchgrass.topology.example import EXAMPLE

KEYS = st.sampled_from(
    [
        "regions",
        "databases",
        "apps",
        "balancer",
        "london",
        "dallas",
        "paris",
        "database",
        "functions",
        "gateway",
        "agent",
        "identity",
        "port",
        "host",
        "url",
        "key",
        "data",
        "match",
        "shape",
        "hub",
        "source",
        "folder",
        "env_file",
        "namespace",
        "account",
        "pages",
        "path",
        "csp",
        "policy",
        "weights",
        "location",
        "coordinates",
        "tls",
        "certificate",
        "hostname",
        "metrics_port",
        "public_url",
        "credentials",
        "name",
        "limits",
        "runtimes",
        "a.b",
    ]
)
WORDS = st.sampled_from(
    [
        "london",
        "dallas",
        "paris",
        "todos*",
        "*",
        "_users",
        "whisk_x",
        "ring",
        "hub",
        "mesh",
        "geo",
        "weighted",
        "failover",
        "http://a",
        "https://b:1",
        "moon",
        "127.0.0.1",
        "0.0.0.0",
        "London",
        "../x",
    ]
) | st.text("abc .*/_\"'\\#[]{}=\n", max_size=6)
SCALARS = st.one_of(
    WORDS, WORDS, st.integers(-3, 70_000), st.floats(-200, 200), st.booleans(), st.just("nan"), st.just(5984)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["london", "dallas", "paris"])
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "match": st.sampled_from(["todos", "todos*", "*", "_users", "whisk_*", "T", "a**"]),
    "shape": st.sampled_from(["mesh", "ring", "hub", "star"]),
    "hub": NAMES,
    "source": NAMES,
    "regions": st.lists(NAMES, max_size=3),
    "folder": st.sampled_from(["a", "b", ".."]),
    "policy": st.sampled_from(["failover", "geo", "weighted", "least-request", ""]),
    "location": st.sampled_from(["London", "Dallas, US", "moon", ""]),
    "coordinates": st.lists(st.floats(-100, 100), min_size=2, max_size=2),
    "port": st.sampled_from([0, 1, 5984, 3233, 70_000]),
    "data": st.sampled_from(["a", "a/b", "a/../london", "/d"]),
    "url": st.sampled_from(["https://a", "http://b:1/", "c", "http://d@e", "http://["]),
    "host": st.sampled_from(["127.0.0.1", "0.0.0.0", "localhost", ""]),
    "metrics_host": st.sampled_from(["127.0.0.1", "0.0.0.0"]),
    "london": st.integers(-1, 2),
    "dallas": st.integers(0, 2),
    "probe_ms": st.integers(40, 60),
    "metrics_port": st.integers(0, 2),
    "addresses": st.lists(WORDS, max_size=2),
    "trusted_proxies": st.lists(WORDS, max_size=2),
}
OWN = {
    "[regions.london]": "location coordinates data addresses",
    "[regions.dallas]": "location coordinates data",
    "[regions.london.database]": "host port url public_url credentials",
    "[regions.dallas.functions]": "host port url key public_url",
    "[regions.dallas.gateway]": "host port url trusted_proxies",
    "[[databases]]": "match shape hub source regions",
    "[[apps]]": "folder env_file namespace account regions",
    "[balancer]": "host port metrics_host metrics_port hostname data policy location coordinates probe_ms",
    "[balancer.weights]": "london dallas",
    "[balancer.tls]": "certificate key",
}


def table(header: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """One table; most of its keys are its own and have likely values."""
    own = {key: mostly(LIKELY.get(key, WORDS), VALUES) for key in OWN[header].split()}
    whole = st.fixed_dictionaries({}, optional=own)
    strange = st.dictionaries(KEYS, VALUES, max_size=3)
    return mostly(whole, strange).map(lambda one: (header, one))


def mostly(usual: st.SearchStrategy[Any], else_: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The one, but now and then the other."""
    return st.integers(0, 19).flatmap(lambda number: usual if number else else_)


TABLES = st.lists(st.sampled_from(["[regions.london]", *OWN, "[[databases]]"]).flatmap(table), max_size=6)


def written(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n".join(written(one) for one in value) + "]" if value else "[]"
    return "nan" if value == "nan" else json.dumps(value)


def text_of(tables: list[tuple[str, dict[str, Any]]]) -> str:
    lines: list[str] = []
    for header, table in tables:
        if header in lines and not header.startswith("[["):
            continue
        lines += [header, *(f"{json.dumps(key)} = {written(value)}" for key, value in table.items())]
    return "\n".join(lines)


def judged(text: str) -> Topology | None:
    """The topology, or None for one that is refused well."""
    try:
        return parse_topology(text, "/srv", "c.toml")
    except ConfigRefused as refused:
        assert 1 <= refused.line <= text.count("\n") + 1, (text, refused)
        assert refused.reason.startswith(f"c.toml:{refused.line}: ")
        assert "`" not in refused.reason.replace(text, ""), refused.reason
        return None


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(TABLES)
def test_no_file_of_tables_makes_us_fail(tables: list[tuple[str, dict[str, Any]]]) -> None:
    judged(text_of(tables))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_no_slip_in_a_good_file_makes_us_fail(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(EXAMPLE)))
    cut = data.draw(st.integers(0, 30))
    slip = data.draw(st.text("[]{}=.,#\"'\n a1", max_size=4))
    judged(EXAMPLE[:at] + slip + EXAMPLE[at + cut :])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(TABLES)
def test_every_key_and_element_has_a_line(tables: list[tuple[str, dict[str, Any]]]) -> None:
    text = text_of(tables)
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    for path in paths(whole, ()):
        assert 1 <= lines[path] <= text.count("\n") + 1, path
    assert len(lines) == sum(1 for _ in paths(whole, ()))


def paths(value: Any, above: tuple[str, ...]) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield (*above, str(key))
        yield from paths(one, (*above, str(key)))
