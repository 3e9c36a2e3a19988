"""The schema takes what the parser takes, and refuses what a schema can."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from couchgrass.region import config as region_config
from couchgrass.region.config import ConfigRefused
from couchgrass.topology.config import App, Balancer, Synced, parse_topology
from couchgrass.topology.example import EXAMPLE
from couchgrass.topology.schema import schema
from tests.topology.test_fuzz import TABLES, text_of

SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["additionalProperties"] is False
    assert "name" not in SCHEMA["$defs"]["Region"]["properties"]


@pytest.mark.parametrize(
    "text", [EXAMPLE, "[regions.a]", "[regions.a.functions.runtimes]\n'x:1' = 'http://a'"]
)
def test_it_takes_good_files(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


def test_it_takes_all_settings_of_a_region() -> None:
    example = tomllib.loads(region_config.EXAMPLE)
    del example["name"]
    VALIDATOR.validate({"regions": {"a": example}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[balancer]",
        "[regions]",
        "[regions.'a b']",
        "[regions.a]\nname = 'a'",
        "[regions.a]\nprot = 1",
        "[regions.a.gateway]\nport = 70000",
        "[regions.a.database]\nurl = 'couch'",
        "[regions.a.database]\nurl = 'https://me:pw@couch'",
        "[regions.a.database]\nurl = 'https://couch'\nport = 1",
        "[regions.a.functions]\nurl = 'https://whisk'",
        "[regions.a]\ncoordinates = [1]",
        "[regions.a]\ncoordinates = [100, 1]",
        "[regions.a]\n[[databases]]\nshape = 'ring'",
        "[regions.a]\n[[databases]]\nmatch = 'a'\nshape = 'star'",
        "[regions.a]\n[[databases]]\nmatch = '_users'",
        "[regions.a]\n[[databases]]\nmatch = 'a**'",
        "[regions.a]\n[[databases]]\nmatch = 'a'\nshape = 'hub'",
        "[regions.a]\n[[databases]]\nmatch = 'a'\nhub = 'a'",
        "[regions.a]\n[[apps]]\nnamespace = 'guest'",
        "[regions.a]\n[[apps]]\nfolder = 'a'\npages = {path = '/'}",
        "[regions.a]\n[[apps]]\nfolder = 'a'\npages = {folder = ''}",
        "[regions.a]\n[[apps]]\nfolder = 'a'\npages = {folder = 'web', path = 'todo'}",
        "[regions.a]\n[[apps]]\nfolder = 'a'\npages = {folder = 'web', path = '/api/'}",
        "[regions.a]\n[[apps]]\nfolder = 'a'\npages = {folder = 'web', csp = 'é'}",
        "[regions.a]\n[balancer]\npolicy = 'geo'",
        "[regions.a]\n[balancer]\npolicy = 'fast'",
        "[regions.a]\n[balancer]\ntls = {key = 'k'}",
        "[regions.a]\n[balancer.weights]\na = -1",
        "[regions.a]\n[balancer.weights]\na = 1",
        "[regions.a]\n[balancer]\nprobe_ms = 1",
    ],
)
def test_it_refuses_what_the_parser_refuses(text: str) -> None:
    with pytest.raises(ConfigRefused):
        parse_topology(text, "/srv", "c.toml")
    assert not VALIDATOR.is_valid(tomllib.loads(text))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(TABLES)
def test_it_takes_whatever_the_parser_takes(tables: list[tuple[str, dict[str, Any]]]) -> None:
    text = text_of(tables)
    try:
        parse_topology(text, "/srv", "c.toml")
    except ConfigRefused:
        return
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize("kind", [Synced, App, Balancer])
def test_every_key_tells_what_it_is(kind: type[msgspec.Struct]) -> None:
    told = SCHEMA["$defs"][kind.__name__]["properties"]
    plain = {"host", "port", "weights"}
    assert {name for name, one in told.items() if "description" not in one} - plain == set()


def test_nothing_is_null() -> None:
    assert "null" not in msgspec.json.encode(SCHEMA).decode()
