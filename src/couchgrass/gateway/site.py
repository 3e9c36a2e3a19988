"""The pages of an app under one path: which files, and as which documents a region's database keeps them.

Pure. The database `couchgrass_pages` has two kinds of documents. `site:PATH` says which files there are below
a path, each by the digest of its content, and whose they are. `file:PATH:DIGEST` has one content. A deploy
writes new contents first and the site last, so that one write switches all files over; what the former site
had and a page that is open may still ask for is in `kept`. Each region has a database of its own, which is
not replicated.

A name is looked up, never opened: no path that a client sends leads to anything but a file of the site.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

import msgspec

DATABASE: Final = "couchgrass_pages"

SITES: Final = "site:"
CONTENTS: Final = "file:"
"""How the ids of the two kinds of documents begin."""

ATTACHMENT: Final = "content"
INDEX: Final = "index.html"
REGIONS: Final = "regions.json"
"""Made by a deploy: where the app is, for clients that choose a region."""

PATH_CHARS_MAX: Final = 2048
"""Of a request. A file's name is much shorter, even with each of its characters encoded."""


class SiteFile(msgspec.Struct, frozen=True):
    """`digest` is the content's SHA-256 in hex; `bytes` is its length. `hashed`: its name changes with its
    content."""

    name: str
    digest: str
    bytes: int
    media_type: str
    hashed: bool = False


class Site(msgspec.Struct, frozen=True):
    """`path` begins and ends with a slash. `app` of `namespace` deployed it; `csp` goes with every answer.
    `kept`: files of the deploy before that only pages which are open already ask for."""

    path: str
    app: str
    namespace: str
    csp: str
    files: tuple[SiteFile, ...]
    kept: tuple[SiteFile, ...] = ()


class Moved(msgspec.Struct, frozen=True):
    """A folder that was asked for without its slash: its pages' addresses would lead beside it."""

    location: str


class Found(msgspec.Struct, frozen=True):
    """A file that is served."""

    site: Site
    file: SiteFile


class Sites:
    """All sites of a region, by path. Of sites below each other the one with the longer path counts."""

    def __init__(self) -> None:
        self._sites: dict[str, tuple[Site, dict[str, SiteFile]]] = {}
        self._paths: list[str] = []

    def put(self, doc_id: str, site: Site | None) -> None:
        """A site as it is now; None: it is gone."""
        path = doc_id.removeprefix(SITES)
        if site is None:
            self._sites.pop(path, None)
        else:
            self._sites[path] = site, {one.name: one for one in (*site.kept, *site.files)}
        self._paths = sorted(self._sites, key=len, reverse=True)

    def find(self, raw_path: bytes) -> Found | Moved | None:
        """What is served at a path as it came, percent-encoded and without its query."""
        if not self._paths or not raw_path.startswith(b"/") or len(raw_path) > PATH_CHARS_MAX:
            return None
        path = decoded(raw_path)
        if path is None:
            return None
        for place in self._paths:
            if path.startswith(place):
                return self._in(place, path[len(place) :])
            if path + "/" == place:
                return Moved(quote(place))
        return None

    def _in(self, place: str, name: str) -> Found | Moved | None:
        site, files = self._sites[place]
        file = files.get(name + INDEX if not name or name.endswith("/") else name)
        if file is not None:
            return Found(site, file)
        return Moved(quote(f"{place}{name}/")) if f"{name}/{INDEX}" in files else None


def decoded(raw_path: bytes) -> str | None:
    """A path as a text; None when it is no path of a file: a slash that is encoded is no slash, and no file's
    name has one. Names are compared in Unicode's form NFC."""
    segments = [unquote_to_bytes(segment) for segment in raw_path.split(b"/")]
    if any(b"/" in segment for segment in segments):
        return None
    try:
        return unicodedata.normalize("NFC", b"/".join(segments).decode())
    except UnicodeDecodeError:
        return None


def digest_of(content: bytes) -> str:
    """What a content is known by."""
    return hashlib.sha256(content).hexdigest()


def site_id(path: str) -> str:
    """The id of a site's document."""
    return SITES + path


def content_id(path: str, digest: str) -> str:
    """The id of the document of a content."""
    return f"{CONTENTS}{path}:{digest}"


def contents_of(site: Site) -> set[str]:
    """The ids of all documents that a site needs."""
    return {content_id(site.path, one.digest) for one in (*site.files, *site.kept)}


def to_document(site: Site) -> dict[str, Any]:
    """As it is stored, without a revision."""
    found: dict[str, Any] = msgspec.to_builtins(site)
    return {"_id": site_id(site.path), "type": "site", **found}


def from_document(document: Mapping[str, Any]) -> Site | None:
    """None for a document that is no site of this form."""
    try:
        site = msgspec.convert(document, Site)
    except msgspec.ValidationError:
        return None
    return site if document.get("_id") == site_id(site.path) else None


def content_document(path: str, digest: str, content: bytes) -> dict[str, Any]:
    """A content as it is stored."""
    attached = {"content_type": "application/octet-stream", "data": base64.b64encode(content).decode()}
    return {"_id": content_id(path, digest), "type": "file", "_attachments": {ATTACHMENT: attached}}


def content_from(document: Any, digest: str) -> bytes | None:
    """The content of a document that was read with its attachments; None when it is not the one."""
    try:
        content = base64.b64decode(document["_attachments"][ATTACHMENT]["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    return content if digest_of(content) == digest else None
