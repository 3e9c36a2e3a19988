"""What a client accepts: the Accept and Accept-Encoding headers with their quality values.

Follows what CouchDB asks of its HTTP library: types count with their parameters, ``*/*`` and ``main/*``
stand for what they cover, a type with ``q=0`` is refused, no Accept header means ``*/*``; identity is
accepted unless it is refused. A header that does not parse accepts nothing special: no type, and
identity as the only encoding (CouchDB fails there).
"""

from __future__ import annotations

import re

_QUALITY = re.compile(r"[01](?:\.[0-9]{1,3})?")

ENCODINGS = ("gzip", "identity")


def accepts_type(header: str | None, media_type: str) -> bool:
    """Does the Accept `header` (None: there is none) take `media_type`, such as ``multipart/mixed``?"""
    qualities = _qualities("*/*" if header is None else header)
    if qualities is None:
        return False
    every = media_type.partition("/")[0] + "/*"
    if any(quality == 0 and name in (media_type, every) for name, quality in qualities):
        return False
    return any(quality > 0 and name in (media_type, every, "*/*") for name, quality in qualities)


def accepted_encodings(header: str | None) -> frozenset[str]:
    """Which of ENCODINGS the Accept-Encoding `header` (None: there is none) takes; may be empty."""
    qualities = _qualities(header or "") or []
    taken = {name for name, quality in qualities if quality > 0}
    refused = {name for name, quality in qualities if quality == 0}
    if "*" in refused:
        refused.update(name for name in ENCODINGS if name not in taken)
    if "*" in taken:
        taken.update(ENCODINGS)
    taken.add("identity")
    return frozenset(ENCODINGS) & (taken - refused)


def _qualities(header: str) -> list[tuple[str, float]] | None:
    """(name with its parameters, quality) of each entry, lower-cased; None if a quality is malformed."""
    found: list[tuple[str, float]] = []
    for entry in header.lower().split(","):
        name, *parameters = ("".join(part.split()) for part in entry.split(";"))
        if not name:
            continue
        quality, kept = 1.0, [name]
        for at, parameter in enumerate(parameters):
            if parameter.startswith("q="):
                if not _QUALITY.fullmatch(parameter[2:]) or float(parameter[2:]) > 1:
                    return None
                quality = float(parameter[2:])
                kept += parameters[at + 1 :]
                break
            kept.append(parameter)
        found.append((";".join(kept), quality))
    return found
