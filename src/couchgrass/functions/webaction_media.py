"""Media types: which bodies are text and which are bytes that travel as base64 inside JSON.

Source: OpenWhisk, which asks its HTTP library (Pekko HTTP, ``MediaTypes``). A type that the library has no
entry for is binary there, unless it comes with a charset. So ``application/hal+json`` is, which surprises
people: `Form.UNKNOWN` lets the reader of such a body be more forgiving.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
SVG: Final = "image/svg+xml"

MEDIA_CACHE_MAX: Final = 256
"""How many header texts are remembered; an application uses a handful."""


class Form(Enum):
    """How a body of some media type travels inside JSON."""

    TEXT = "text"
    BINARY = "binary"
    UNKNOWN = "unknown"
    """OpenWhisk takes it for binary because it does not know it."""


class Media(msgspec.Struct, frozen=True):
    """A Content-Type. `essence` is type/subtype, `charset` "" for none; both are in lower case."""

    essence: str
    form: Form
    charset: str = ""

    @property
    def is_json(self) -> bool:
        """JSON itself or a type that is built on it."""
        return self.essence == JSON or self.essence.endswith("+json")

    @property
    def is_textual(self) -> bool:
        """Text by its name, whatever `form` says."""
        return self.essence.startswith("text/") or self.essence.endswith(("+json", "+xml"))


_ESSENCE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHARSET = re.compile(r";[ \t]*charset[ \t]*=[ \t]*\"?([^\s;\",]+)", re.IGNORECASE)

_TEXT_APPLICATIONS = """
    atom+xml base64 javascript json json-patch+json merge-patch+json problem+json problem+xml rss+xml soap+xml
    vnd.api+json vnd.google-earth.kml+xml x-latex x-vrml x-www-form-urlencoded xhtml+xml xml xml-dtd
"""
_TEXTS = """
    asp cache-manifest calendar css csv event-stream html markdown mcf plain richtext tab-separated-values
    uri-list vnd.wap.wml vnd.wap.wmlscript x-asm x-c x-component x-h x-java-source x-pascal x-script
    x-server-parsed-html x-setext x-sgml x-speech x-uuencode x-vcalendar x-vcard xml
"""
_TEXT: Final = frozenset(
    [
        *(f"application/{name}" for name in _TEXT_APPLICATIONS.split()),
        *(f"text/{name}" for name in _TEXTS.split()),
    ]
)
_BINARY_APPLICATIONS = """
    cbor gnutar java-archive lha lzx msword octet-stream pdf postscript vnd.ms-excel vnd.ms-fontobject
    vnd.ms-powerpoint x-7z-compressed x-bzip x-bzip2 x-compress x-compressed x-dvi x-gtar x-gzip
    x-rar-compressed x-shockwave-flash x-tar x-tex zip
"""
_BINARY: Final = frozenset(f"application/{name}" for name in _BINARY_APPLICATIONS.split())
_BINARY_KINDS: Final = ("audio/", "font/", "image/", "message/", "multipart/", "video/")


@lru_cache(MEDIA_CACHE_MAX)
def media(header: str) -> Media | None:
    """What a Content-Type header says; None when it is none. Parameters other than charset do not matter."""
    essence = header.partition(";")[0].strip().lower()
    if not _ESSENCE.fullmatch(essence):
        return None
    found = _CHARSET.search(header)
    charset = found[1].lower() if found else ""
    return Media(essence, _form(essence, bool(charset)), charset)


def _form(essence: str, has_charset: bool) -> Form:
    if essence in _TEXT:
        return Form.TEXT
    if essence in _BINARY or (essence.startswith(_BINARY_KINDS) and essence != SVG):
        return Form.BINARY
    if essence == SVG:
        return Form.UNKNOWN
    return Form.TEXT if has_charset else Form.UNKNOWN
