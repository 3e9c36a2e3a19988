"""pouchdb-server, a CouchDB of another make, as either end of replications, by our replicator and by its own.

Afterwards both ends must have the same leaves, winners, histories and bodies, and the same bytes in the
attachments. Their digests are compared where both are of the same bytes: CouchDB's is of the packed ones for
types that it packs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.clients.pouchdb_server import PouchdbServer

DOCS = 1200
WITHIN_S = 60.0
JSON = {"Accept": "application/json"}
FILES = {
    "raw.bin": ("application/octet-stream", bytes(range(256)) * 40),
    "a note, ü.txt": ("text/plain", b"couch grass \xc3\xbc " * 4000),
    "empty.dat": ("application/octet-stream", b""),
}
DESIGN = {
    "_id": "_design/app",
    "language": "javascript",
    "filters": {"even": "function (doc, req) { return doc.n % 2 === 0 && doc.n < +req.query.below }"},
    "views": {"by_n": {"map": "function (doc) { emit(doc.n) }"}},
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PouchdbServer]:
    server = PouchdbServer(tmp_path_factory.mktemp("pouchdb") / "server")
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Db:
    """One database of either server. `url` holds the credentials."""

    def __init__(self, server: str, name: str) -> None:
        self.server = server
        self.name = name
        self.url = f"{server}/{name}"

    def ask(self, method: str, path: str = "", body: Any = None) -> Any:
        reply = call(self.server, method, f"/{self.name}{path}", body, headers=JSON)
        assert reply.status < 300, (method, path, reply)
        return reply.json()

    def bytes_of(self, doc_id: str, attachment: str) -> bytes:
        path = f"/{self.name}/{quote(doc_id, safe='')}/{quote(attachment, safe='')}"
        reply = call(self.server, "GET", path)
        assert reply.status == 200, (path, reply)
        return reply.body

    def write(self, *docs: Mapping[str, Any], new_edits: bool = True) -> list[Any]:
        rows: list[Any] = self.ask("POST", "/_bulk_docs", {"docs": list(docs), "new_edits": new_edits})
        assert not [row for row in rows if "error" in row], rows
        return rows

    def leaves(self) -> dict[str, tuple[list[str], bool]]:
        """By id: all leaves, and whether the document is deleted."""
        rows = self.ask("GET", "/_changes?style=all_docs")["results"]
        return {
            row["id"]: (sorted(one["rev"] for one in row["changes"]), row.get("deleted", False))
            for row in rows
        }

    def winners(self) -> dict[str, Any]:
        """By id: the document without its attachments, which each side describes in its own way."""
        rows = self.ask("GET", "/_all_docs?include_docs=true&conflicts=true")["rows"]
        return {row["id"]: _listed(row["doc"]) for row in rows}

    def opened(self, doc_id: str) -> list[Any]:
        """All leaves with their histories."""
        found = self.ask("GET", f"/{quote(doc_id, safe='')}?open_revs=all&revs=true")
        return sorted((_listed(one["ok"]) for one in found), key=lambda doc: str(doc["_rev"]))


def _listed(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The document; of attachments (type, length, digest where it is that of the bytes themselves)."""
    stubs = {
        name: (
            stub["content_type"],
            stub["length"],
            None if stub["content_type"].startswith("text/") else stub["digest"],
        )
        for name, stub in doc.get("_attachments", {}).items()
    }
    return {**doc, "_attachments": stubs, "_conflicts": sorted(doc.get("_conflicts", []))}


@pytest.fixture
def ours(couch_server: ServerProcess) -> Db:
    """A database of our server that is not there yet."""
    return Db(couch_server.auth_url, f"ours-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def theirs(peer: PouchdbServer) -> Db:
    """A database of pouchdb-server that is not there yet."""
    return Db(peer.url, f"theirs-{uuid.uuid4().hex[:12]}")


def fill(db: Db) -> None:
    """All that a replication has to bring over."""
    db.ask("PUT")
    db.write(*({"_id": f"doc-{n:04}", "n": n, "text": f"ü {n}", "f": n / 8} for n in range(DOCS)), DESIGN)
    db.ask("PUT", "/_local/here", {"n": 1})
    edit(db, "first")
    attach(db, "with files", "1-" + "0" * 32)


def edit(db: Db, side: str) -> None:
    """Branches, deleted branches, deletions, odd names, a long history."""
    mark = hashlib.md5(side.encode()).hexdigest()
    db.write(
        *({"_id": "branched", "_rev": f"1-{letter * 32}", "side": letter} for letter in "abc"),
        {"_id": "branched", "_revisions": {"start": 2, "ids": [mark, "a" * 32]}, "side": side},
        {"_id": "half gone", "_rev": f"1-{'d' * 32}", "kept": True},
        {"_id": "half gone", "_revisions": {"start": 2, "ids": [mark, "e" * 32]}, "_deleted": True},
        {"_id": "a/b +ü %", "_rev": f"1-{mark}", "side": side},
        {"_id": "aged", "_revisions": {"start": 300, "ids": [mark, *(f"{n:032x}" for n in range(299))]}},
        new_edits=False,
    )
    gone = {"_id": f"gone {side}", "n": 1}
    rev = db.write(gone)[0]["rev"]
    db.write({"_id": f"gone {side}", "_rev": rev, "_deleted": True, "why": "it is deleted"})


def attach(db: Db, doc_id: str, rev: str, text: str = "") -> None:
    inline = {
        name: {
            "content_type": content_type,
            "data": base64.b64encode(content + text.encode() * bool(content)).decode(),
        }
        for name, (content_type, content) in FILES.items()
    }
    db.write({"_id": doc_id, "_rev": rev, "text": text, "_attachments": inline}, new_edits=False)


def assert_same(one: Db, other: Db) -> None:
    assert one.leaves() == other.leaves()
    assert one.winners() == other.winners()
    for doc_id in ("branched", "half gone", "a/b +ü %", "aged", "with files", "gone first"):
        assert one.opened(doc_id) == other.opened(doc_id)
    for name, (_, content) in FILES.items():
        assert one.bytes_of("with files", name) == other.bytes_of("with files", name) == content
    assert call(other.server, "GET", f"/{other.name}/_local/here").status == 404


def replicate(server: str, source: Db | str, target: Db | str, **options: Any) -> Any:
    ends = [end.url if isinstance(end, Db) else end for end in (source, target)]
    reply = call(server, "POST", "/_replicate", {"source": ends[0], "target": ends[1], **options})
    assert reply.status in (200, 202), reply
    return reply.json()


def until(look: Callable[[], Any], what: str) -> Any:
    """Looks until there is something to see."""
    deadline = time.monotonic() + WITHIN_S
    while not (seen := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return seen


# --- by our replicator -------------------------------------------------------------------------------


def test_we_pull_all_that_it_has(ours: Db, theirs: Db) -> None:
    fill(theirs)
    told = replicate(ours.server, theirs, ours.name, create_target=True)
    entry = told["history"][0]
    assert (entry["doc_write_failures"], entry["docs_written"]) == (0, entry["missing_found"])
    assert_same(theirs, ours)
    assert replicate(ours.server, theirs, ours.name)["no_changes"] is True


def test_we_push_all_that_we_have(ours: Db, theirs: Db) -> None:
    fill(ours)
    told = replicate(ours.server, ours.name, theirs, create_target=True)
    entry = told["history"][0]
    assert (entry["doc_write_failures"], entry["docs_written"]) == (0, entry["missing_found"])
    assert_same(ours, theirs)
    assert replicate(ours.server, ours.name, theirs)["no_changes"] is True


@pytest.mark.parametrize("pulls", [True, False])
def test_attachments_that_change_come_over_and_the_others_stay(ours: Db, theirs: Db, pulls: bool) -> None:
    source, target = (theirs, ours) if pulls else (ours, theirs)
    source.ask("PUT")
    attach(source, "files", "1-" + "1" * 32)
    replicate(ours.server, source, target, create_target=True)
    first = source.ask("GET", "/files")
    stubs = {name: first["_attachments"][name] for name in ("raw.bin", "a note, ü.txt")}
    new = {"content_type": "image/png", "data": base64.b64encode(b"new").decode()}
    source.write({"_id": "files", "_rev": first["_rev"], "_attachments": {**stubs, "new.png": new}})
    told = replicate(ours.server, source, target)
    assert told["history"][0]["doc_write_failures"] == 0
    assert source.opened("files") == target.opened("files")
    assert target.ask("GET", "/files")["_attachments"].keys() == {*stubs, "new.png"}
    assert target.bytes_of("files", "new.png") == b"new"
    for name in stubs:
        assert target.bytes_of("files", name) == FILES[name][1]


def test_its_filters_choose(ours: Db, theirs: Db) -> None:
    fill(theirs)
    even = {"filter": "app/even", "query_params": {"below": "100"}, "create_target": True}
    replicate(ours.server, theirs, ours.name, **even)
    assert sorted(ours.winners()) == [f"doc-{n:04}" for n in range(0, 100, 2)]


def test_continuous_jobs_keep_both_equal(ours: Db, theirs: Db) -> None:
    fill(ours)
    theirs.ask("PUT")
    jobs = Db(ours.server, "_replicator")
    assert call(ours.server, "PUT", "/_replicator").status in (201, 412)
    docs = {"push": (ours.url, theirs.url), "pull": (theirs.url, ours.url)}
    ids = {way: f"{way}-{ours.name}" for way in docs}
    for way, (source, target) in docs.items():
        jobs.write({"_id": ids[way], "source": source, "target": target, "continuous": True})
    until(lambda: ours.leaves() == theirs.leaves(), "the first copy")
    contested, doomed = (ours.ask("GET", f"/{doc_id}") for doc_id in ("doc-0007", "doc-0008"))
    parent = contested["_rev"].partition("-")[2]
    ours.write({"_id": doomed["_id"], "_rev": doomed["_rev"], "_deleted": True})
    for db, side in ((ours, "ours"), (theirs, "theirs")):
        mark = hashlib.md5(side.encode()).hexdigest()
        branch = {**contested, "side": side, "_revisions": {"start": 2, "ids": [mark, parent]}}
        db.write({name: value for name, value in branch.items() if name != "_rev"}, new_edits=False)
        edit(db, side)
        attach(db, f"files {side}", "1-" + "2" * 32, side)
    until(lambda: ours.leaves() == theirs.leaves(), "what both wrote at the same time")
    assert len(ours.leaves()["doc-0007"][0]) == 2
    assert_same(ours, theirs)
    for side in ("ours", "theirs"):
        files = f"files {side}"
        assert ours.opened(files) == theirs.opened(files)
        for name, (_, content) in FILES.items():
            written = content + side.encode() * bool(content)
            assert ours.bytes_of(files, name) == theirs.bytes_of(files, name) == written
    for doc_id in ids.values():
        row = call(ours.server, "GET", f"/_scheduler/docs/_replicator/{doc_id}").json()
        assert (row["state"], row["dead_letters"], row["error_count"]) == ("running", 0, 0), row
        jobs.ask("DELETE", f"/{doc_id}?rev={jobs.ask('GET', f'/{doc_id}')['_rev']}")
    until(lambda: not jobs_of(ours), "the end of jobs whose documents are gone")


def test_a_job_goes_on_when_the_peer_was_killed_and_is_back(
    ours: Db, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = PouchdbServer(tmp_path_factory.mktemp("pouchdb") / "server")
    server.start()
    theirs = Db(server.url, "theirs")
    try:
        for db in (ours, theirs):
            db.ask("PUT")
        ours.write(*({"_id": f"a{n}"} for n in range(100)))
        for source, target in ((ours, theirs), (theirs, ours)):
            replicate(ours.server, source, target, continuous=True)
        until(lambda: len(theirs.leaves()) == 100, "the first documents")
        server.kill()
        ours.write(*({"_id": f"b{n}"} for n in range(100)))
        until(lambda: {job["history"][0]["type"] for job in jobs_of(ours)} == {"crashed"}, "the loss")
        server.start()
        theirs.write(*({"_id": f"c{n}"} for n in range(100)))
        until(lambda: len(ours.leaves()) == 300 and ours.leaves() == theirs.leaves(), "the return")
        for job in jobs_of(ours):
            gone = call(ours.server, "POST", "/_replicate", {"cancel": True, "replication_id": job["id"]})
            assert gone.json()["ok"] is True
    finally:
        server.stop()


def jobs_of(db: Db) -> list[Any]:
    jobs = call(db.server, "GET", "/_scheduler/jobs?limit=10000").json()["jobs"]
    return [job for job in jobs if db.name in job["source"] + job["target"]]


# --- by its own replicator ---------------------------------------------------------------------------


def test_it_pulls_all_that_we_have(ours: Db, theirs: Db) -> None:
    fill(ours)
    told = replicate(theirs.server, ours, theirs.name, create_target=True)
    assert (told["ok"], told["doc_write_failures"]) == (True, 0)
    assert_same(ours, theirs)


def test_it_pushes_all_that_it_has(ours: Db, theirs: Db) -> None:
    fill(theirs)
    told = replicate(theirs.server, theirs.name, ours, create_target=True)
    assert (told["ok"], told["doc_write_failures"]) == (True, 0)
    assert_same(theirs, ours)


def test_its_continuous_replications_follow_us(ours: Db, theirs: Db) -> None:
    fill(ours)
    theirs.ask("PUT")
    ways = ((ours.url, theirs.name), (theirs.name, ours.url))
    for source, target in ways:
        replicate(theirs.server, source, target, continuous=True)
    until(lambda: ours.leaves() == theirs.leaves(), "the first copy")
    edit(ours, "ours")
    edit(theirs, "theirs")
    until(lambda: len(ours.leaves()["aged"][0]) == 3, "what they wrote")
    until(lambda: ours.leaves() == theirs.leaves(), "what both wrote")
    assert_same(ours, theirs)
    for source, target in ways:
        replicate(theirs.server, source, target, continuous=True, cancel=True)


def test_what_its_replicator_has_brought_ours_does_not_bring_again(ours: Db, theirs: Db) -> None:
    fill(theirs)
    replicate(ours.server, theirs, ours.name, create_target=True)
    edit(ours, "ours")
    edit(theirs, "theirs")
    replicate(theirs.server, ours, theirs.name)
    replicate(ours.server, theirs, ours.name)
    assert_same(theirs, ours)
    before = json.dumps(ours.ask("GET")["update_seq"])
    replicate(theirs.server, theirs.name, ours)
    replicate(ours.server, theirs, ours.name)
    assert json.dumps(ours.ask("GET")["update_seq"]) == before
