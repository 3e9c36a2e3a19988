"""`$NAME` and `${NAME}` in a manifest's texts, from the environment.

Pure. wskdeploy's rules: a text is looked at when it begins with `$`, or has `${` and as many opening braces
as closing ones. A name is all up to the next `$`, brace or end, so `$A/b` asks for "A/b": braces tell where
it ends. `$${NAME}` stands for the text `${NAME}`. What is not set is "". Values are not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_VARIABLE: Final = re.compile(r"\$\$\{(?P<kept>[^${}]+)\}|\$\{(?P<braced>[^${}]+)\}|\$(?P<bare>[^${}]+)")


class Filled(msgspec.Struct, frozen=True):
    """The text with its variables filled in; `unset` are the names that the environment has not."""

    text: str
    unset: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Filled(unset={self.unset})"


def is_interpolated(text: str) -> bool:
    """Is it looked at?"""
    if text.startswith("$"):
        return len(text) > 1
    return "${" in text and text.count("{") == text.count("}")


def interpolate(text: str, env: Mapping[str, str]) -> Filled:
    """The text with its variables' values."""
    if not is_interpolated(text):
        return Filled(text)
    unset: list[str] = []

    def value(found: re.Match[str]) -> str:
        if found["kept"] is not None:
            return "${" + found["kept"] + "}"
        name = found["braced"] or found["bare"]
        if name not in env:
            unset.append(name)
        return env.get(name, "")

    return Filled(_VARIABLE.sub(value, text), tuple(dict.fromkeys(unset)))


def names(text: str) -> tuple[str, ...]:
    """The names that it asks the environment for, each once."""
    return interpolate(text, {}).unset


def variable(text: str) -> str:
    """The name in a text that is one variable and nothing else, "" for others: `$X`, `${X}`."""
    found = _VARIABLE.fullmatch(text)
    return "" if found is None else found["braced"] or found["bare"] or ""


def deep(value: Any, env: Mapping[str, str]) -> tuple[Any, tuple[str, ...]]:
    """A JSON object with its texts filled in, those of objects in it too; texts in lists stay, as wskdeploy
    leaves them. And the names that are not set."""
    if isinstance(value, str):
        filled = interpolate(value, env)
        return filled.text, filled.unset
    if isinstance(value, dict):
        parts = {key: deep(one, env) for key, one in value.items()}
        unset = tuple(name for _, missing in parts.values() for name in missing)
        return {key: one for key, (one, _) in parts.items()}, unset
    return value, ()
