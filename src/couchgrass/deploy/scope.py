"""What a manifest is read with, the environment above all, and what is to be said about it.

Pure. A warning tells what has no effect; a doubt tells what is probably not meant, and is refused when the
user asks for strictness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from couchgrass.deploy import interpolate
from couchgrass.deploy.refused import ManifestRefused


class Scope:
    """`params` are inputs given by the user, which go before all files. `source` is the file's name."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        source: str,
        params: Mapping[str, Any] = {},
        strict: bool = False,
        warnings: list[str] | None = None,
    ) -> None:
        self.env = env
        self.source = source
        self.params = params
        self.strict = strict
        self.params_taken: set[str] = set()
        self.warnings: list[str] = [] if warnings is None else warnings

    def of(self, source: str) -> Scope:
        """The same for another file; warnings go to one list."""
        return Scope(self.env, source=source, params=self.params, strict=self.strict, warnings=self.warnings)

    def refusal(self, line: int, reason: str) -> ManifestRefused:
        """The error to raise."""
        return ManifestRefused(reason, source=self.source, line=line)

    def warn(self, line: int, text: str) -> None:
        """Each text once."""
        told = f"{self.source}:{line}: {text}"
        if told not in self.warnings:
            self.warnings.append(told)

    def doubt(self, line: int, text: str) -> None:
        """A warning; with strictness raises ManifestRefused."""
        if self.strict:
            raise self.refusal(line, text)
        self.warn(line, text)

    def not_set(self, names: Iterable[str], line: int) -> None:
        """A doubt for each variable that the environment has not."""
        for name in names:
            self.doubt(line, f"{name} is not set in the environment: it is taken as empty text")

    def text(self, raw: str, line: int) -> str:
        """A text with its variables filled in."""
        filled = interpolate.interpolate(raw, self.env)
        self.not_set(filled.unset, line)
        return filled.text

    def deep(self, value: Any, line: int) -> Any:
        """A text, or an object with its texts, filled in."""
        filled, unset = interpolate.deep(value, self.env)
        self.not_set(unset, line)
        return filled

    def annotations(self, given: Mapping[str, Any], line: int) -> dict[str, Any]:
        """Annotations, of which the texts are filled in that are not inside of others."""
        return {
            key: self.text(value, line) if isinstance(value, str) else value for key, value in given.items()
        }

    def param(self, name: str) -> Any:
        """What the user gave for an input, which is in `params`."""
        self.params_taken.add(name)
        return self.deep(self.params[name], 1)
