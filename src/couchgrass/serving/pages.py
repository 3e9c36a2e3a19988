"""Built web pages, as files of the package: names with a hash may be kept for ever, others are asked after.

`web/` is built into `couchgrass/pages/`; what is there is read once and kept, also as gzip. A strict
Content-Security-Policy goes with every answer: scripts, styles, connections and frames of the same origin; in
nobody's frame.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.errors import NotFound, ServiceUnavailable

PAGES: Final = Path(__file__).resolve().parent.parent / "pages"
DASHBOARD: Final = "dashboard"

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HASHED: Final = re.compile(r"assets/.+-[A-Za-z0-9_-]{8}\.\w+")
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK: Final = "no-cache"
GZIP_BYTES_MIN: Final = 1000
FILES_MAX: Final = 500

TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
    ".wasm": "application/wasm",
    ".map": "application/json",
}
"""Media types by the end of a name; anything else is bytes."""


class PageFile(msgspec.Struct, frozen=True):
    """One file. `zipped` is empty where that would gain nothing."""

    body: bytes
    zipped: bytes
    media_type: str
    etag: str
    keep: str


class Found(msgspec.Struct, frozen=True):
    """An answer: 200, or 304 without a body. Header names are in lower case."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    media_type: str


def media_type_of(name: str) -> str:
    """Of a file's name."""
    return TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def etag_of(digest: str) -> str:
    """The entity tag of a content, by its SHA-256 in hex."""
    return f'"{digest[:24]}"'


def keep_of(name: str) -> str:
    """How long what has this name may be kept."""
    return FOR_EVER if HASHED.fullmatch(name) else ASK


def page_file(name: str, body: bytes, media_type: str = "") -> PageFile:
    """A file that is served under this name; its media type is told by the name, unless it is given."""
    zipped = gzip.compress(body, 9, mtime=0) if len(body) >= GZIP_BYTES_MIN else b""
    return PageFile(
        body,
        zipped if len(zipped) < 0.9 * len(body) else b"",
        media_type or media_type_of(name),
        etag_of(hashlib.sha256(body).hexdigest()),
        keep_of(name),
    )


def takes_gzip(accepts: str) -> bool:
    """Whether an Accept-Encoding does (RFC 9110 12.5.3); the last of several that fit counts."""
    takes = False
    for one in accepts.lower().split(","):
        coding, _, rest = one.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            takes = not re.fullmatch(r"q=0(\.0*)?", rest.strip())
    return takes


def headers_of(etag: str, keep: str, csp: str, *, varies: bool) -> list[tuple[str, str]]:
    """The headers of a page's answers, 304 too. `varies`: there is a zipped one."""
    found = [
        ("cache-control", keep),
        ("etag", etag),
        ("content-security-policy", csp),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ]
    return [*found, ("vary", "accept-encoding")] if varies else found


def answered(file: PageFile, csp: str, *, accepts: str = "", known: str = "") -> Found:
    """The answer with a file. `accepts` is the Accept-Encoding, `known` the If-None-Match."""
    headers = headers_of(file.etag, file.keep, csp, varies=bool(file.zipped))
    if file.etag in known:
        return Found(304, b"", tuple(headers), file.media_type)
    if file.zipped and takes_gzip(accepts):
        headers.append(("content-encoding", "gzip"))
        return Found(200, file.zipped, tuple(headers), file.media_type)
    return Found(200, file.body, tuple(headers), file.media_type)


class Pages:
    """All files of one set of pages, by path; `csp` is their policy."""

    def __init__(self, files: dict[str, PageFile], csp: str = CSP) -> None:
        self._files = files
        self._csp = csp

    def find(self, path: str, *, accepts: str = "", known: str = "") -> Found | None:
        """The answer for a path below the pages, "" is the first page; None when there is no such file. See
        `answered`."""
        file = self._files.get(path or "index.html")
        return None if file is None else answered(file, self._csp, accepts=accepts, known=known)


@cache
def built(name: str, folder: Path = PAGES) -> Pages:
    """The pages of this name. Raises ServiceUnavailable when they were not built."""
    place = folder / name
    paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else []
    if not any(path.name == "index.html" for path in paths):
        raise ServiceUnavailable("The pages are not built: run make setup in the source tree")
    if len(paths) > FILES_MAX:
        raise NotFound(f"{place} has {len(paths)} files; {FILES_MAX} are read")
    names = {path.relative_to(place).as_posix(): path for path in paths}
    return Pages({name: page_file(name, path.read_bytes()) for name, path in names.items()})
