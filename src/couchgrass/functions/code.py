"""An action's code as it is put: text, or base64 of an archive.

Whether it is base64 nobody has to say: what reads as base64 is (OpenWhisk's ``Exec.isBinaryCode``), so a
source of a few letters in a multiple of four is taken for it too, there as here.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class CodeText(msgspec.Struct, frozen=True):
    """`text` as it is kept: base64 is without white space around it. `digest` is its SHA-256 in hex."""

    text: bytes
    binary: bool
    digest: str


def code_text(code: str) -> CodeText:
    """Looks at all of it, some 0.1 s for the largest: not for an event loop when it is large."""
    text = code.encode()
    stripped = text.strip()
    binary = is_base64(stripped)
    kept = stripped if binary else text
    return CodeText(kept, binary, hashlib.sha256(kept).hexdigest())


def is_base64(text: bytes) -> bool:
    """Whole groups of four, with at most two `=` at the end."""
    if not text or len(text) % 4:
        return False
    padding = 2 if text.endswith(b"==") else 1 if text.endswith(b"=") else 0
    return not text[: len(text) - padding].translate(None, _ALPHABET)
