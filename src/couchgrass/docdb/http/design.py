"""What design documents have a say in: which writes are refused, and which design documents are stored.

A document that is written, also by a replicator or an admin, is shown to the ``validate_doc_update`` function
of every design document of its database, and is refused when one of them throws. Design documents themselves
are not shown to them, but must have the form that CouchDB asks for; ``_local`` documents are free.

Which functions there are is read once and kept until a design document changes, which `Totals.design` tells,
so that a database without any pays a look-up for each request.

Specification: ``validate_doc_update`` of ``couch_db`` and of ``couch_query_servers`` in CouchDB 3.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import apsw

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb import render
from couchgrass.docdb.attachment import Attachment, Stub
from couchgrass.docdb.document import Edit, is_design, is_local
from couchgrass.docdb.javascript.context import FunctionFailed, Program, error_of
from couchgrass.docdb.javascript.form import (
    JAVASCRIPT,
    QUERY,
    check_form,
    language_of,
    not_compiled,
    view_functions,
)
from couchgrass.docdb.rev import parse_rev
from couchgrass.docdb.selector import compile_selector
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.docdb.sqlite.transaction import find_leaf
from couchgrass.docdb.update import Leaf, Row, parent_of, tree_of
from couchgrass.errors import Conflict, CouchgrassError, Forbidden

if TYPE_CHECKING:
    from couchgrass.docdb.http.request import Request
    from couchgrass.docdb.http.server import Server

ON_LOOP_MAX: Final = 10
"""So many documents are looked up on the event loop; more than that on a thread."""

REVISIONS_SHOWN: Final = 20
"""Revisions in ``_revisions`` of a stored document as functions see it; CouchDB's default."""

_DESIGN_DOCS: Final = "SELECT id,rev,body FROM docs WHERE id>='_design/' AND id<'_design0' AND deleted=0"
_HAS_DESIGN_DOCS: Final = "SELECT 1 FROM docs WHERE id>='_design/' AND id<'_design0' LIMIT 1"


class Validators(NamedTuple):
    """The validation functions of a database as they were when `design` was the value in its totals."""

    design: int
    programs: tuple[Program, ...] = ()
    selectors: tuple[Callable[[Any], bool], ...] = ()
    unknown: str | None = None
    """A language that nobody here speaks: as in CouchDB nothing can be written then."""

    @property
    def is_free(self) -> bool:
        return not self.programs and not self.selectors and self.unknown is None


class Pair(NamedTuple):
    """A document to be written and the one it replaces, ``null`` for none, as JSON texts."""

    new: bytes
    old: bytes


_known: Final[WeakKeyDictionary[Database, Validators]] = WeakKeyDictionary()


async def before_write(
    request: Request, writes: Sequence[Write], refused: Mapping[int, CouchgrassError], *, new_edits: bool
) -> Mapping[int, CouchgrassError]:
    """What may not be written, by its place in `writes`: what was `refused` already, and what is now."""
    database = request.db
    designs = [place for place, write in enumerate(writes) if write.edit.id[:1] == "_"]
    if designs:
        refused = {**refused, **await _bad_designs(request.server, writes, designs, refused)}
    validators = _known.get(database)
    if validators is None or validators.design != database.totals.design:
        validators = await _validators(database)
    if validators.is_free:
        return refused
    return {**refused, **await _invalid(request, validators, writes, refused, new_edits)}


async def _bad_designs(
    server: Server, writes: Sequence[Write], places: Sequence[int], refused: Mapping[int, CouchgrassError]
) -> dict[int, CouchgrassError]:
    """The design documents that can't be stored."""
    bad: dict[int, CouchgrassError] = {}
    for place in places:
        write = writes[place]
        if place not in refused and is_design(write.edit.id) and not write.merge:
            try:
                await check_design(server, write.edit.body)
            except CouchgrassError as refusal:
                bad[place] = refusal
    return bad


async def check_design(server: Server, body: bytes) -> None:
    """Raises InvalidDesignDoc, or CompilationError for a function of a view."""
    ddoc = json.decode(body)
    check_form(ddoc)
    if language_of(ddoc) != JAVASCRIPT:
        return
    compiler = _compiler(body)
    for function in view_functions(ddoc):
        try:
            await server.javascript.run(compiler, "compile", function.source)
        except FunctionFailed as failed:
            raise not_compiled(function, str(failed.reason)) from failed


def _compiler(body: bytes) -> Program:
    """Where the functions of one design document are compiled. To compile is to run what stands around a
    function, so nobody else's functions may be compiled there."""
    return Program(("compiler", hashlib.blake2b(body, digest_size=16).hexdigest()), "{}")


async def _validators(database: Database) -> Validators:
    """Reads the functions. A design document that is written meanwhile makes them be read again."""
    design = database.totals.design
    if database.reader.execute(_HAS_DESIGN_DOCS).fetchone() is None:
        found: list[tuple[str, str, bytes]] = []
    else:
        found = await database.scan(lambda connection: list(connection.execute(_DESIGN_DOCS)))
    programs, selectors, unknown = [], [], None
    for doc_id, rev, body in found:
        if b'"validate_doc_update"' not in body:
            continue
        ddoc = json.decode(body)
        language = language_of(ddoc)
        if "validate_doc_update" not in ddoc:
            continue
        if language == JAVASCRIPT:
            programs.append(program_of(database, doc_id, rev, body))
        elif language == QUERY:
            selectors.append(compile_selector(ddoc["validate_doc_update"]))
        else:
            unknown = language
    validators = _known[database] = Validators(design, tuple(programs), tuple(selectors), unknown)
    return validators


def program_of(database: Database, doc_id: str, rev: str, body: bytes) -> Program:
    """A stored design document as a program. Databases share no state, even of equal functions."""
    source = render.doc_json(doc_id, rev, False, body).decode()
    return Program((database.name, database.about.uuid, doc_id, rev), source)


async def _invalid(
    request: Request,
    validators: Validators,
    writes: Sequence[Write],
    refused: Mapping[int, CouchgrassError],
    new_edits: bool,
) -> dict[int, CouchgrassError]:
    """What the functions refuse, and what is a conflict already: that is not even shown to them."""
    shown = {
        place: write
        for place, write in enumerate(writes)
        if place not in refused and not is_local(write.edit.id) and not is_design(write.edit.id)
    }
    if not shown:
        return {}
    database = request.db

    def read(connection: apsw.Connection) -> dict[int, Pair | CouchgrassError]:
        rows = reads.rows_of(connection, [write.edit.id for write in shown.values()])
        return dict(_pairs(connection, rows, shown, new_edits))

    pairs = await database.scan(read) if len(shown) > ON_LOOP_MAX else read(database.reader)
    bad = {place: pair for place, pair in pairs.items() if isinstance(pair, CouchgrassError)}
    left = {place: pair for place, pair in pairs.items() if isinstance(pair, Pair)}
    if validators.unknown is not None:
        refusal = CouchgrassError(validators.unknown, error="unknown_query_language")
        return bad | dict.fromkeys(left, refusal)
    caller = json.encode([user_ctx(request), database.about.security]).decode()
    for program in validators.programs:
        texts = [b"[%b,%b]" % pair for pair in left.values()]
        try:
            answers = await request.server.javascript.run_each(program, "validate", "", texts, caller)
        except CouchgrassError as failed:
            return bad | dict.fromkeys(left, failed)
        for (place, _), answer in zip(list(left.items()), answers, strict=True):
            if answer is not None:
                bad[place] = error_of(*answer)
                del left[place]
    for accepts in validators.selectors:
        for place, pair in list(left.items()):
            if not accepts(json.decode(b'{"newDoc":%b,"oldDoc":%b}' % pair)):
                bad[place] = Forbidden("document is not valid")
                del left[place]
    return bad


def _pairs(
    connection: apsw.Connection, rows: Mapping[str, Row], writes: Mapping[int, Write], new_edits: bool
) -> Iterator[tuple[int, Pair | CouchgrassError]]:
    """What the functions are shown, by place; a conflict where that is certain.

    What is shown as the old document is what is there now, the write comes later. An ordinary edit then
    extends the very revision that was shown, or conflicts; one that conflicts by now must not go on to the
    write, where it might find its parent, never validated against it. A replicated one makes the same leaf,
    whatever was written meanwhile, as it does in CouchDB.
    """
    for place, write in writes.items():
        row, edit = rows.get(write.edit.id), write.edit
        try:
            parent = _parent(connection, row, write) if new_edits else _ancestor(connection, row, edit)
        except Conflict as conflict:
            yield place, conflict
            continue
        if not new_edits and row is not None and edit.rev is not None and edit.rev in tree_of(row):
            continue
        yield (
            place,
            Pair(
                _new_text(write, parent), b"null" if parent is None or row is None else doc_text(row, parent)
            ),
        )


def _parent(connection: apsw.Connection, row: Row | None, write: Write) -> Leaf | None:
    """The leaf that an ordinary edit names. Raises Conflict."""
    edit = write.edit
    if write.merge and edit.rev is not None and (row is None or edit.rev not in tree_of(row)):
        raise Conflict("missing_rev", error="not_found")
    rev = parent_of(row, edit)
    return None if row is None or rev is None or not edit.ids else _leaf(connection, row, str(rev))


def _ancestor(connection: apsw.Connection, row: Row | None, edit: Edit) -> Leaf | None:
    """The newest ancestor of a replicated edit that we have."""
    if row is None:
        return None
    for back, rev_id in enumerate(edit.ids[1:], 1):
        leaf = _leaf(connection, row, f"{edit.pos - back}-{rev_id}")
        if leaf is not None:
            return leaf
    return None


def _leaf(connection: apsw.Connection, row: Row, rev: str) -> Leaf | None:
    if rev == row.rev:
        return Leaf(row.rev, row.deleted, row.body, row.atts)
    return find_leaf(connection, row.id, rev)


def _new_text(write: Write, parent: Leaf | None) -> bytes:
    """The document as it is to be written. Its revision is the one that it names, for an ordinary edit its
    parent, as in CouchDB."""
    edit = write.edit
    body, deleted = edit.body, edit.deleted
    held: dict[str, Attachment] = {}
    theirs = att.decode(parent.atts or b"") if parent is not None else {}
    if write.merge:
        held = {name: one for name, one in theirs.items() if name != write.dropped}
        if parent is not None:
            body, deleted = parent.body, parent.deleted
    for name, ready in (write.attachments or {}).items():
        if not isinstance(ready, Stub):
            held[name] = ready.attachment(name, ready.revpos or edit.pos + 1, 0)
        elif name in theirs:
            held[name] = theirs[name]
    tail = render.revisions(edit.pos, edit.ids) if edit.ids else b""
    if held:
        tail += b"," + att.attachments_json(map(att.stub_json, held.values()))
    if edit.ids:
        return render.doc_json(edit.id, f"{edit.pos}-{edit.ids[0]}", deleted, body, tail)
    text = render.doc_json(edit.id, "", deleted, body, tail)
    return text.replace(b',"_rev":""', b"", 1)


def doc_text(row: Row, leaf: Leaf) -> bytes:
    """A stored revision as functions are shown it."""
    rev = parse_rev(leaf.rev)
    if row.tree is not None:
        ids: Sequence[str] = tree_of(row).path(rev)[:REVISIONS_SHOWN]
    elif row.path:
        older = row.path[: 16 * (REVISIONS_SHOWN - 1)].hex()
        ids = [rev.id, *(older[at : at + 32] for at in range(0, len(older), 32))]
    else:
        ids = [rev.id]
    tail = render.revisions(rev.pos, ids)
    if leaf.atts:
        tail += b"," + att.attachments_json(map(att.stub_json, att.decode(leaf.atts).values()))
    return render.doc_json(row.id, leaf.rev, leaf.deleted, leaf.body, tail)


def user_ctx(request: Request) -> dict[str, Any]:
    """The caller as functions see him."""
    ctx = request.ctx
    return {"db": request.db.name, "name": ctx.name, "roles": list(ctx.roles)}
