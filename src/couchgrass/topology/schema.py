"""A JSON Schema of `couchgrass.toml`, for editors: names, kinds, defaults and words, as far as a schema can.

Pure, and derived: shapes are those of the values that the file is read into, descriptions are what the
examples say behind their keys. What the parser takes, the schema takes; what needs a look at two places (a
region that there is not, a port that two have) only the parser refuses. Specification: json-schema.org,
2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from couchgrass.region import config as region_config
from couchgrass.region.config import NAME_PATTERN, Region
from couchgrass.topology import example
from couchgrass.topology.config import REGIONS_MAX, File
from couchgrass.topology.pages import CSP_CHARS_MAX, CSP_PATTERN, PATH_CHARS_MAX, PATH_PATTERN

Schema = dict[str, Any]

TITLE: Final = "couchgrass.toml"

_STRUCTS: Final = {
    "databases": "Synced",
    "apps": "App",
    "balancer": "Balancer",
    "regions.london": "Region",
    "": "Region",
    "database": "Database",
    "functions": "Functions",
    "functions.limits": "Limits",
    "gateway": "Gateway",
    "agent": "Agent",
    "dashboard": "Dashboard",
    "identity": "Identity",
}
"""The value that a table of the examples is read into."""

_HEADER: Final = re.compile(r"(?:# )?\[{1,2}([\w.]+)\]{1,2}")
_KEY: Final = re.compile(r"(?:# )?(\w+) = .*?\S +# (.+)")

_URL: Final = {"pattern": r"^([Hh][Tt][Tt][Pp][Ss]?://[^@]*)?$"}
_PATTERN: Final = {"pattern": r"^(?!_|whisk_|couchgrass_)(?!.*\*\*)[a-z*][a-z0-9_$()+/*-]*$"}

_NARROWER: Final[Mapping[tuple[str, str], Schema]] = {
    ("Database", "url"): _URL,
    ("Database", "public_url"): _URL,
    ("Functions", "url"): _URL,
    ("Functions", "public_url"): _URL,
    ("Gateway", "url"): _URL,
    ("Gateway", "public_url"): _URL,
    ("Dashboard", "public_url"): _URL,
    ("Identity", "issuer"): _URL,
    ("Synced", "match"): _PATTERN,
    ("Synced", "regions"): {"uniqueItems": True},
    ("App", "regions"): {"uniqueItems": True},
    ("Pages", "folder"): {"minLength": 1},
    ("Pages", "path"): {"pattern": f"^{PATH_PATTERN}$", "maxLength": PATH_CHARS_MAX},
    ("Pages", "csp"): {"pattern": f"^{CSP_PATTERN}$", "maxLength": CSP_CHARS_MAX},
}
"""What the parser looks at besides kinds."""


def _given(key: str, **what: Any) -> Schema:
    """A table that has this key, and not an empty text."""
    return {"required": [key], "properties": {key: what or {"minLength": 1}}}


def _without(*keys: str) -> Schema:
    return {"not": {"anyOf": [{"required": [key]} for key in keys]}}


_RULES: Final[Mapping[str, tuple[tuple[Schema, Schema], ...]]] = {
    "Database": ((_given("url"), _without("host", "port")),),
    "Functions": ((_given("url"), _without("host", "port", "memory_mb", "limits", "runtimes", "images")),),
    "Gateway": ((_given("url"), _without("host", "port", "default_namespace", "trusted_proxies")),),
    "Region": ((_given("functions", **_given("url")), _given("gateway", **_given("url"))),),
    "Synced": (
        (_given("shape", const="hub"), _given("hub")),
        (_given("hub"), _given("shape", const="hub")),
    ),
    "Balancer": (
        (_given("policy", const="geo"), {"anyOf": [_given("location"), {"required": ["coordinates"]}]}),
        (_given("weights", minProperties=1), _given("policy", const="weighted")),
    ),
}
"""(if, then) about more keys than one of a table."""


def schema() -> Schema:
    """The schema of the whole file."""
    _, parts = msgspec.json.schema_components([File, Region], ref_template="#/$defs/{name}")
    parts = {name: _plain(part) for name, part in parts.items()}
    for struct, key, told in _descriptions():
        parts[struct]["properties"][key]["description"] = told
    for (struct, key), more in _NARROWER.items():
        parts[struct]["properties"][key].update(more)
    for struct, rules in _RULES.items():
        parts[struct]["allOf"] = [{"if": when, "then": then} for when, then in rules]
    del parts["Region"]["properties"]["name"]
    file = parts.pop("File")
    file["properties"]["regions"] = {
        "type": "object",
        "description": "The regions by their names, in the order in which failover takes them.",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"$ref": "#/$defs/Region"},
        "minProperties": 1,
        "maxProperties": REGIONS_MAX,
    }
    file |= {"title": TITLE, "description": "Several regions of couchgrass.", "required": ["regions"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **file, "$defs": parts}


def _descriptions() -> Iterator[tuple[str, str, str]]:
    """(struct, key, what the examples say behind it)."""
    for text in (region_config.EXAMPLE, example.EXAMPLE):
        table = ""
        for line in text.splitlines():
            if header := _HEADER.match(line):
                table = header[1]
            elif (key := _KEY.fullmatch(line)) and table in _STRUCTS:
                yield _STRUCTS[table], key[1], key[2]


def _plain(part: Any) -> Any:
    """TOML has no null: what may be left out is of its own kind when it stands there. Texts flow."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    kinds = [kind for kind in part.get("anyOf", ()) if kind != {"type": "null"}]
    rest = {key: _plain(value) for key, value in part.items() if key != "anyOf"}
    if isinstance(told := rest.get("description"), str):
        rest["description"] = " ".join(told.split())
    if rest.get("default", ...) is None:
        del rest["default"]
    if len(kinds) == 1:
        return {**_plain(kinds[0]), **rest}
    return {**rest, "anyOf": _plain(kinds)} if kinds else rest
