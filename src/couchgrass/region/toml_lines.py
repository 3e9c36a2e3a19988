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

_END: Final[Token] = ("end", "", 0)


def key_lines(text: str) -> Mapping[Path, int]:
    """The line, from 1, of each key, each table's header, and each element of a list: its number, from 0, is
    the last part of its path."""
    return _Reader(text).read()


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


class _Reader:
    """Reads a text once. `_many` counts the elements of each array of tables so far."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), _END]
        self._at = 0
        self._found: dict[Path, int] = {}
        self._many: dict[Path, int] = {}

    def read(self) -> Mapping[Path, int]:
        table: Path = ()
        while self._tokens[self._at] is not _END:
            if self._is("line"):
                self._at += 1
            elif self._is("mark", "["):
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _is(self, kind: str, text: str = "") -> bool:
        token = self._tokens[self._at]
        return token[0] == kind and (not text or token[1] == text)

    def _header(self) -> Path:
        """[a.b] or [[a.b]]: the table's path. A part that is an array of tables means its last element."""
        line = self._tokens[self._at][2]
        is_many = self._tokens[self._at + 1][:2] == ("mark", "[")
        self._at += 2 if is_many else 1
        path: Path = ()
        for name in self._name_parts():
            path = self._last(path)
            path += (name,)
        if is_many:
            self._many[path] = self._many.get(path, 0) + 1
            self._note(path, line)
        path = self._last(path)
        self._note(path, line)
        self._at += 2 if is_many else 1
        return path

    def _last(self, path: Path) -> Path:
        return (*path, str(self._many[path] - 1)) if path in self._many else path

    def _name_parts(self) -> list[str]:
        """The names of a dotted key, up to the mark that ends it."""
        names = []
        while not self._is("mark") or self._is("mark", "."):
            kind, text, _ = self._tokens[self._at]
            if kind != "mark":
                names.append(_name(kind, text))
            self._at += 1
        return names

    def _pair(self, table: Path) -> None:
        """A key and its value."""
        line = self._tokens[self._at][2]
        path = (*table, *self._name_parts())
        self._note(path, line)
        self._at += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._is("mark", "["):
            self._list(path)
        elif self._is("mark", "{"):
            self._at += 1
            while not self._is("mark", "}"):
                if self._is("mark", ","):
                    self._at += 1
                else:
                    self._pair(path)
            self._at += 1
        else:
            while not (self._is("line") or self._is("end") or self._ends()):
                self._at += 1

    def _list(self, path: Path) -> None:
        self._at += 1
        number = 0
        while not self._is("mark", "]"):
            if self._is("line") or self._is("mark", ","):
                self._at += 1
                continue
            element = (*path, str(number))
            self._note(element, self._tokens[self._at][2])
            self._value(element)
            number += 1
        self._at += 1

    def _ends(self) -> bool:
        """A mark after a value; the dot of a number does not end it."""
        return self._is("mark") and not self._is("mark", ".")

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self._found.setdefault(path[:length], line)


def _name(kind: str, token: str) -> str:
    """A key's name, out of its quotes."""
    if kind != "string":
        return token
    return next(iter(tomllib.loads(f"{token} = 0")))
