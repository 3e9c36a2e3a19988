"""Where each key of a TOML text stands, for errors that name a line: `tomllib` tells values only.

Pure. The text must be good TOML, which `tomllib` has seen to; only so much of it is understood here as is
needed to tell keys from values: strings, comments, brackets, line ends. Specification: toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final

Path = tuple[str, ...]

_TOKEN: Final = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    |(?P<comment>\#[^\n]*) |(?P<line>\n) |(?P<mark>[\[\]{}=,.]) |(?P<blank>[ \t\r]+)
    |(?P<word>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)

Token = tuple[str, str, int]
"""(kind, text, line)."""


def key_lines(text: str) -> Mapping[Path, int]:
    """The line, from 1, of each key and each table's header. Keys in an array of tables have the line of the
    first of them that has it."""
    found: dict[Path, int] = {}
    for path, line in _keys(text):
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], line)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a key, else of the table that should have it; 1 when there is neither."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for token in _TOKEN.finditer(text):
        if token.lastgroup not in ("blank", "comment"):
            yield str(token.lastgroup), token[0], line
        line += token[0].count("\n")


def _keys(text: str) -> Iterator[tuple[Path, int]]:
    """Each key's whole path with its line. `open_tables` is the stack of what is open: the path of an inline
    table, or None for an array."""
    table: Path = ()
    open_tables: list[Path | None] = []
    key: list[str] = []
    at, in_value, in_header = 0, False, False
    for kind, token, line in _tokens(text):
        if in_header:
            if kind == "line":
                table, in_header, key = tuple(key), False, []
                yield table, at
            elif kind != "mark":
                key.append(_name(kind, token))
        elif kind == "line":
            if not open_tables:
                in_value, key = False, []
        elif not in_value:
            at = line if not key else at
            if token == "=":  # noqa: S105
                in_value = True
                yield _prefix(table, open_tables) + tuple(key), at
            elif token == "[" and kind == "mark" and not open_tables:  # noqa: S105
                in_header, key, at = True, [], line
            elif token == "}" and kind == "mark":  # noqa: S105
                open_tables.pop()
                in_value, key = True, []
            elif kind != "mark":
                key.append(_name(kind, token))
        elif kind == "mark":
            in_value, key = _in_value(token, open_tables, _prefix(table, open_tables) + tuple(key), key)
    if in_header:
        yield tuple(key), at


def _in_value(
    token: str, open_tables: list[Path | None], path: Path, key: list[str]
) -> tuple[bool, list[str]]:
    """What a mark in a value does: (still in a value, the key that it belongs to)."""
    if token == "{":  # noqa: S105
        open_tables.append(path)
        return False, []
    if token == "[":  # noqa: S105
        open_tables.append(None)
    elif token in ("]", "}") and open_tables:
        open_tables.pop()
    elif token == "," and open_tables and open_tables[-1] is not None:  # noqa: S105
        return False, []
    return True, key


def _prefix(table: Path, open_tables: list[Path | None]) -> Path:
    """The path of the table that a key stands in."""
    inline = [path for path in open_tables if path is not None]
    return inline[-1] if inline else table


def _name(kind: str, token: str) -> str:
    """A key's name, out of its quotes."""
    if kind != "string":
        return token
    return next(iter(tomllib.loads(f"{token} = 0")))
