"""What a copier does with each kind of answer, between databases of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.in_process import AsgiTransport
from couchgrass.docdb.wire import Fetched, NotThere, Refusal, Wanted
from couchgrass.errors import BadRequest, CouchgrassError, Forbidden, PeerLost, TooLarge, Unauthorized
from couchgrass.replication.progress import Totals
from couchgrass.replication.run import copier as copying
from couchgrass.replication.run.copier import Copier
from couchgrass.replication.run.replicator import KEEPER
from couchgrass.testing.asgi import Asked, asking

Kind = type[CouchDatabase]
Work = Callable[["Ends"], Awaitable[None]]


class Ends:
    """A source and a target of these kinds, and a copier between them."""

    def __init__(self, server: Asked, source: Kind, target: Kind) -> None:
        self.server = server
        transport = AsgiTransport(server.app, KEEPER)
        self.source, self.target = source(transport, "source"), target(transport, "target")
        self.totals = Totals()
        self.copier = Copier(self.source, self.target, self.totals, SystemClock(), batch_docs=100)

    async def write(self, *docs: Any) -> dict[str, list[str]]:
        """Writes documents to the source; the revisions to copy."""
        rows = await self.server.admin("POST", "/source/_bulk_docs", {"docs": list(docs)})
        revs: dict[str, list[str]] = {}
        for row in rows:
            revs.setdefault(row["id"], []).append(row["rev"])
        return revs

    async def there(self) -> set[str]:
        """The ids at the target."""
        return {row["id"] for row in (await self.server.admin("GET", "/target/_all_docs"))["rows"]}


def between(folder: Path, work: Work, source: Kind = CouchDatabase, target: Kind = CouchDatabase) -> None:
    async def run(server: Asked) -> None:
        await server.admin("PUT", "/source")
        await server.admin("PUT", "/target")
        await work(Ends(server, source, target))

    asking(folder / "data", run)


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"_id": f"d{number}", "n": number} for number in range(count)]


def test_what_is_there_is_not_fetched(tmp_path: Path) -> None:
    async def work(ends: Ends) -> None:
        revs = await ends.write(*numbered(10))
        assert await ends.copier.copy({}) == []
        assert await ends.copier.copy(revs) == [] and await ends.copier.copy(revs) == []
        assert await ends.there() == set(revs)
        assert ends.totals == Totals(
            revisions_checked=20,
            missing_revisions_found=10,
            docs_read=10,
            docs_written=10,
            bulk_get_docs=10,
            bulk_get_attempts=10,
        )

    between(tmp_path, work)


def refusing(error: CouchgrassError, doc_id: bytes) -> Kind:
    """A target that refuses each request in which a document is."""

    class Refusing(CouchDatabase):
        async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
            if any(b'"%s"' % doc_id in doc for doc in docs):
                raise error
            return await super().bulk_docs(docs)

    return Refusing


@pytest.mark.parametrize("error", [TooLarge("large"), BadRequest("odd"), TooLarge("")])
def test_a_document_that_spoils_a_request_is_found_and_is_a_letter(
    tmp_path: Path, error: CouchgrassError
) -> None:
    async def work(ends: Ends) -> None:
        revs = await ends.write(*numbered(11))
        [letter] = await ends.copier.copy(revs)
        assert (letter.id, letter.rev, letter.error) == ("d6", revs["d6"][0], error.error)
        assert letter.reason
        assert await ends.there() == set(revs) - {"d6"}

    between(tmp_path, work, target=refusing(error, b"d6"))


@pytest.mark.parametrize("error", [Unauthorized("who"), Forbidden("no"), PeerLost("gone")])
def test_a_target_that_takes_nothing_stops_the_job(tmp_path: Path, error: CouchgrassError) -> None:
    async def work(ends: Ends) -> None:
        with pytest.raises(type(error)):
            await ends.copier.copy(await ends.write({"_id": "d6"}))

    between(tmp_path, work, target=refusing(error, b"d6"))


def test_a_refused_design_document_is_a_letter_of_its_own(tmp_path: Path) -> None:
    async def work(ends: Ends) -> None:
        revs = await ends.write({"_id": "_design/app"}, {"_id": "_design/other"}, {"_id": "plain"})
        letters = await ends.copier.copy(revs)
        assert [letter.id for letter in letters] == ["_design/app"]
        assert await ends.there() == {"plain", "_design/other"}

    between(tmp_path, work, target=refusing(BadRequest("no"), b"_design/app"))


def test_rows_that_name_no_revision_mean_each_leaf_of_the_document(tmp_path: Path) -> None:
    class Terse(CouchDatabase):
        async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
            return [Refusal("two", "", "forbidden", "no")]

    async def work(ends: Ends) -> None:
        docs = [{"_id": "two", "_rev": "1-a", "v": 1}, {"_id": "two", "_rev": "1-b", "v": 2}]
        await ends.server.admin("POST", "/source/_bulk_docs", {"new_edits": False, "docs": docs})
        letters = await ends.copier.copy({"two": ["1-a", "1-b"]})
        assert {(letter.id, letter.rev) for letter in letters} == {("two", "1-a"), ("two", "1-b")}
        assert ends.totals.docs_written == 0

    between(tmp_path, work, target=Terse)


def test_a_row_that_says_nothing_of_the_document_stops_the_job(tmp_path: Path) -> None:
    class Busy(CouchDatabase):
        async def bulk_docs(self, docs: Sequence[bytes]) -> list[Refusal]:
            return [Refusal("d0", "1-a", "timeout", "later")]

    async def work(ends: Ends) -> None:
        with pytest.raises(PeerLost, match="later"):
            await ends.copier.copy(await ends.write(*numbered(2)))

    between(tmp_path, work, target=Busy)


def test_fewer_are_asked_for_when_they_are_too_large_together(tmp_path: Path) -> None:
    class Small(CouchDatabase):
        async def bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
            if len(wanted) > 3 or any(one.id == "d7" for one in wanted):
                raise TooLarge("too much")
            return await super().bulk_get(wanted)

    async def work(ends: Ends) -> None:
        revs = await ends.write(*numbered(20))
        [letter] = await ends.copier.copy(revs)
        assert (letter.id, letter.reason) == ("d7", "too much")
        assert await ends.there() == set(revs) - {"d7"}

    between(tmp_path, work, source=Small)


def test_what_the_source_does_not_give_is_asked_for_again_and_then_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MISSING_PAUSE_S", 0.0)

    class Forgetful(CouchDatabase):
        asked = 0

        async def bulk_get(self, wanted: Sequence[Wanted]) -> list[Fetched | NotThere]:
            self.asked += 1
            never = {"never"} | ({"once"} if self.asked == 1 else set())
            found = await super().bulk_get([one for one in wanted if one.id not in never])
            return [*found, *(NotThere(one.id, one.rev) for one in wanted if one.id in never)]

    async def work(ends: Ends) -> None:
        file = {"file": {"content_type": "text/plain", "data": "aGVsbG8="}}
        revs = await ends.write({"_id": "there"}, {"_id": "once", "_attachments": file}, {"_id": "never"})
        [letter] = await ends.copier.copy({**revs, "purged": ["1-a"]})
        assert letter.id == "never" and "does not give" in letter.reason
        assert await ends.there() == {"there", "once"}
        assert ends.totals.docs_written == 2

    between(tmp_path, work, source=Forgetful)


def test_an_attachment_that_is_cut_off_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ATTACHED_PAUSE_S", 0.0)

    class Cut(CouchDatabase):
        failures = copying.ATTACHED_TRIES - 1

        async def put_opened(self, opened: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise PeerLost("cut off")
            await super().put_opened(opened)

    async def work(ends: Ends) -> None:
        file = {"file": {"content_type": "text/plain", "data": "aGVsbG8="}}
        revs = await ends.write({"_id": "with", "_attachments": file})
        assert await ends.copier.copy(revs) == []
        assert await ends.there() == {"with"}
        more = await ends.write({"_id": "more", "_attachments": file})
        ends.target.failures = copying.ATTACHED_TRIES  # type: ignore[attr-defined]
        with pytest.raises(PeerLost):
            await ends.copier.copy(more)

    between(tmp_path, work, target=Cut)


def test_nothing_is_copied_twice_by_copiers_that_meet(tmp_path: Path) -> None:
    async def work(ends: Ends) -> None:
        revs = await ends.write(*numbered(30))
        assert await asyncio.gather(*(ends.copier.copy(revs) for _ in range(3))) == [[], [], []]
        assert await ends.there() == set(revs)

    between(tmp_path, work)


def test_what_a_source_leaves_out_without_a_word_becomes_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MISSING_PAUSE_S", 0.0)

    class Silent(CouchDatabase):
        """A source that answers well, and leaves a document with attachments out of its answer."""

        async def open_revs(self, doc_id: str, wanted: Sequence[Wanted]) -> Any:
            return
            yield

    async def work(ends: Ends) -> None:
        attachments = {"a": {"content_type": "text/plain", "data": "eA=="}}
        revs = await ends.write({"_id": "attached", "_attachments": attachments}, {"_id": "plain"})
        [letter] = await ends.copier.copy(revs)
        assert (letter.id, letter.rev) == ("attached", revs["attached"][0])
        assert await ends.there() == {"plain"}

    between(tmp_path, work, source=Silent)
