"""What is said about a manifest, a deployment file or an env file that can't be used."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from couchgrass.errors import BadRequest


class ManifestRefused(BadRequest):
    """The reason begins with `source`:LINE, counted from 1; 0: it is about all of the file. No value that may
    be a secret is in it."""

    def __init__(self, reason: str, *, source: str, line: int) -> None:
        super().__init__(f"{source}:{line}: {reason}" if line else f"{source}: {reason}")
        self.source = source
        self.line = line


def meant(word: str, known: Iterable[str]) -> str:
    """ "; did you mean X?", or what there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
