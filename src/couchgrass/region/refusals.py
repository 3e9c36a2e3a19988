"""What a reader of TOML and a checker of values refuse, in the words of people who write such files.

Pure. Both libraries speak to programmers; what is not known here is passed on as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "datetime": "a date",
    "date": "a date",
    "time": "a time",
    "ellipsis": "inf or nan",
}

_TOML: Final[tuple[tuple[str, Callable[[re.Match[str]], str]], ...]] = (
    (r"Illegal character '\\n'", lambda _: "a text has no closing quote"),
    (r"Cannot declare \((.*?),?\) twice", lambda it: f"the table [{_dotted(it[1])}] stands there twice"),
    (r"Cannot overwrite a value", lambda _: "this key has a value already"),
    (r"Invalid value", lambda _: "no value: text stands in quotes, truth is true or false"),
    (r"Expected '=' after a key.*", lambda _: "a key and its value have = between them"),
)


def in_toml(reason: str) -> str:
    """What `tomllib` said, without the place."""
    for pattern, told in _TOML:
        if it := re.fullmatch(pattern, reason):
            return told(it)
    return reason[:1].lower() + reason[1:]


def in_value(reason: str) -> str:
    """What `msgspec` said, without the place: Expected `int` <= 5, or Expected `int`, got `str`."""
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", reason):
        return f"has no {missing[1]}"
    told = re.sub(r"`([\w| ]+)`", lambda it: _kinds(it[1]), reason)
    told = re.sub(r"^Expected (.*), got (.*)$", r"must be \1, not \2", told)
    return re.sub(r"^Expected ", "must be ", told)


def _kinds(names: str) -> str:
    """Of `array | null`: what may be left out is null there."""
    return " or ".join(KINDS.get(name, name) for name in names.split(" | ") if name != "null")


def _dotted(names: str) -> str:
    return ".".join(re.findall(r"'([^']*)'", names))
