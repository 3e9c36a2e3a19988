"""Pages put into a region's database, and taken out of it.

New contents are written first, some at a time, and then the document of the site, by which all is switched
over. What no site needs any more is deleted in the end, when nothing goes back any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from couchgrass import json
from couchgrass.couch.server import CouchServer, path
from couchgrass.deploy.site import Published
from couchgrass.deploy.steps import Change, Step
from couchgrass.errors import Conflict, CouchgrassError, FileExists, NotFound
from couchgrass.gateway import site
from couchgrass.gateway.site import DATABASE, Site

BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
BATCH_DOCS_MAX: Final = 100
"""Contents that go into one request. Cloudant takes some 10 MB, and base64 makes a third more."""

ROWS_MAX: Final = 10_000
"""Documents that are looked at; two deploys of the largest site have 4,002."""

Doc = dict[str, Any]

DELETED: Final[Doc] = {"_deleted": True}


class Publisher:
    """The pages of a region. `contents` are those that a deploy brings, by digest."""

    def __init__(
        self, couch: CouchServer, contents: Mapping[str, bytes] = {}, database: str = DATABASE
    ) -> None:
        self._couch = couch
        self._contents = contents
        self._database = database
        self._revs: dict[str, str] = {}
        self._tried: list[Doc] = []

    async def look(self, where: str = "") -> Published:
        """What there is; of contents those of the site at a path. Raises what the database refuses."""
        try:
            sites = await self._rows(site.SITES, include_docs="true")
            contents = await self._contents_at(where) if where else {}
        except NotFound:
            return Published()
        found = [(one, doc["_rev"]) for row in sites if (one := site.from_document(doc := row["doc"]))]
        self._revs = {one.path: rev for one, rev in found}
        return Published({one.path: one for one, _ in found}, dict(self._revs), frozenset(contents))

    async def do(self, step: Step) -> None:
        """A step about pages. Raises Conflict when another deploy was faster, and the database's refusals."""
        if step.change is Change.DELETE:
            await self._write(step.name, DELETED)
            return
        wanted = site.from_document(step.body)
        assert wanted is not None, "a step has a site's document"
        await self._bring(wanted)
        await self._write(step.name, site.to_document(wanted))

    async def tidy(self, where: str) -> None:
        """Deletes the contents that the site at a path does not need. Those of pages that another deploy is
        about to put may be among them: its gateway answers that it has not got them until the next deploy,
        whose look finds them missing."""
        try:
            doc = await self._now(where)
            there = None if doc is None else site.from_document(doc)
            needed = set() if there is None else site.contents_of(there)
            gone = [
                {"_id": doc_id, "_rev": rev, **DELETED}
                for doc_id, rev in (await self._contents_at(where)).items()
                if doc_id not in needed
            ]
            for at in range(0, len(gone), BATCH_DOCS_MAX):
                await self._bulk(gone[at : at + BATCH_DOCS_MAX])
        except CouchgrassError:
            return  # the next deploy that changes these pages takes them away

    async def _contents_at(self, where: str) -> dict[str, str]:
        """The revisions of a site's contents, by id."""
        rows = await self._rows(site.content_id(where, ""))
        return {row["id"]: row["value"]["rev"] for row in rows}

    async def _rows(self, prefix: str, **query: str) -> list[Any]:
        ends = {"startkey": f'"{prefix}"', "endkey": f'"{prefix}\\ufff0"', "limit": str(ROWS_MAX)}
        answer = await self._couch.ask("GET", path(self._database, "_all_docs"), query={**ends, **query})
        rows: list[Any] = answer["rows"]
        return rows

    async def _bring(self, wanted: Site) -> None:
        """Writes the contents that are not there yet."""
        try:
            await self._couch.ask("PUT", path(self._database))
        except FileExists:
            pass
        there = await self._contents_at(wanted.path)
        lacks = {
            one.digest: self._contents[one.digest]
            for one in (*wanted.files, *wanted.kept)
            if site.content_id(wanted.path, one.digest) not in there and one.digest in self._contents
        }
        for batch in _batches(lacks):
            await self._bulk([site.content_document(wanted.path, digest, body) for digest, body in batch])

    async def _bulk(self, docs: list[Doc]) -> None:
        """One that is there already is the same: its id is made of what is in it."""
        rows = await self._couch.ask("POST", path(self._database, "_bulk_docs"), {"docs": docs})
        for row in rows:
            if row.get("error", "conflict") != "conflict":
                raise CouchgrassError(f"{row['id']}: {row['error']}: {row.get('reason', '')}")

    async def _write(self, where: str, doc: Doc) -> None:
        """Puts the document of a site, or deletes it, in place of what this deploy saw or has written. What
        was written without an answer is known again by what is in it."""
        before, asked = list(self._tried), _bare(doc)
        self._tried.append(asked)
        rev = self._revs.get(where, "")
        if rev or doc is not DELETED:
            try:
                self._revs[where] = await self._put(where, doc, rev)
                return
            except Conflict:
                pass
        there = await self._now(where)
        if (found := _bare(there or DELETED)) not in (*before, asked):
            raise Conflict(f"another deploy put pages at {where} meanwhile: run it again")
        self._revs[where] = "" if there is None else str(there["_rev"])
        if found != asked:
            self._revs[where] = await self._put(where, doc, self._revs[where])

    async def _put(self, where: str, doc: Doc, rev: str) -> str:
        """The new revision; "" of what is deleted."""
        body = {**doc, "_id": site.site_id(where), **({"_rev": rev} if rev else {})}
        answer = await self._couch.ask("PUT", path(self._database, site.site_id(where)), body)
        return "" if doc is DELETED else str(answer["rev"])

    async def _now(self, where: str) -> Doc | None:
        try:
            found: Doc = await self._couch.ask("GET", path(self._database, site.site_id(where)))
        except NotFound:
            return None
        return found


def _bare(doc: Mapping[str, Any]) -> Doc:
    """What is in it, as the database tells it."""
    found: Doc = json.decode(json.encode({key: value for key, value in doc.items() if key != "_rev"}))
    return found


def _batches(contents: Mapping[str, bytes]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for digest, body in contents.items():
        if batch and (size + len(body) > BATCH_BYTES_MAX or len(batch) == BATCH_DOCS_MAX):
            yield batch
            batch, size = [], 0
        batch.append((digest, body))
        size += len(body)
    if batch:
        yield batch
