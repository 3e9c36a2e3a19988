"""The ``$regex`` operator's engine: RE2, which matches in time linear in the text.

CouchDB runs PCRE, which backtracks. RE2 takes the same everyday syntax (classes, POSIX classes, named
groups, inline flags, ``\\Q..\\E``, lazy repeats, ``\\z``) and has no look-around, back-references,
atomic groups or recursion: such a pattern is refused when the selector is compiled, never matched wrongly
and never able to stop the server. Two differences stay: ``.`` is a character where CouchDB's is a byte,
and ``$`` is only the very end, not also before a last newline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import re2  # type: ignore[import-untyped]

PATTERN_MEMORY_BYTES_MAX: Final = 1 << 20
"""What one compiled pattern may take; RE2 refuses what needs more."""

PROGRAM_STEPS_MAX: Final = 4_000
"""A match costs at most this many steps for each byte of text."""


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES_MAX
    options.never_capture = True
    options.log_errors = False
    return options


_OPTIONS: Final = _options()


def compile_regex(pattern: str) -> Callable[[str], bool]:
    """A predicate: does the text hold a match of `pattern`. Raises ValueError for one that can't be used."""
    try:
        compiled = re2.compile(pattern.encode(), _OPTIONS)
    except re2.error as bad:
        raise ValueError(str(bad)) from bad
    if compiled.programsize > PROGRAM_STEPS_MAX:
        raise ValueError("the pattern is too large")
    search = compiled.search

    def matches(text: str) -> bool:
        return search(text.encode()) is not None

    return matches
