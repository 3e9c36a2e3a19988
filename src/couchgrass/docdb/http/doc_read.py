"""Reading documents: which leaf is meant, and its JSON with the members that the options ask for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb import attachment as att
from couchgrass.docdb import render
from couchgrass.docdb.attachment import Attachment
from couchgrass.docdb.attachment_bytes import Base64, Gunzip
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.revtree import Tree, decode_tree
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.schema import CHUNK_BYTES
from couchgrass.docdb.sqlite.transaction import find_leaf
from couchgrass.docdb.update import Leaf, Row, path_of, tree_of
from couchgrass.errors import BadRequest, NotFound

REVS_ASKED_MAX = 100_000
"""Revisions in one `open_revs` or `atts_since`."""


class Options(msgspec.Struct, frozen=True):
    """What a reader wants of a document; CouchDB's names."""

    revs: bool = False
    revs_info: bool = False
    local_seq: bool = False
    conflicts: bool = False
    deleted_conflicts: bool = False
    attachments: bool = False
    att_encoding_info: bool = False
    atts_since: tuple[Rev, ...] | None = None
    latest: bool = False
    deleted: bool = False


PLAIN = Options()

_KEPT = "SELECT rev,deleted FROM leaves WHERE id=?"


def options_of(query: Mapping[str, Any]) -> Options:
    """Options from a query string's texts. Only "true" turns one on, as in CouchDB."""

    def on(name: str) -> bool:
        return query.get(name) in ("true", True)

    since = query.get("atts_since")
    return Options(
        revs=on("revs"),
        revs_info=on("revs_info") or on("meta"),
        local_seq=on("local_seq"),
        conflicts=on("conflicts") or on("meta"),
        deleted_conflicts=on("deleted_conflicts") or on("meta"),
        attachments=on("attachments") or since is not None,
        att_encoding_info=on("att_encoding_info"),
        atts_since=None if since is None else tuple(parse_rev_list(since)),
        latest=on("latest"),
        deleted=on("deleted"),
    )


def parse_rev_list(value: Any) -> list[Rev]:
    """A list of revisions, or the JSON text of one. Raises BadRequest."""
    if isinstance(value, str):
        value = json.decode(value)
    if type(value) is not list or len(value) > REVS_ASKED_MAX:
        raise BadRequest("Invalid list of revisions")
    return [parse_rev(one) for one in value]


class Opened(msgspec.Struct):
    """One revision of a document with its content.

    `kept` says which revisions beside the row have content, and whether each is a deletion; it is filled
    for `revs_info` only.
    """

    row: Row
    leaf: Leaf
    kept: dict[str, bool] = {}


def open_doc(connection: apsw.Connection, doc_id: str, rev: Rev | None, options: Options = PLAIN) -> Opened:
    """The winner, or one revision; with `latest` the first leaf that descends from it.

    Raises NotFound with CouchDB's reason: missing or deleted.
    """
    if rev is None:
        row = reads.row_of(connection, doc_id)
        if row is None:
            raise NotFound("missing")
        if row.deleted and not options.deleted:
            raise NotFound("deleted")
        return _opened(connection, row, Leaf(row.rev, row.deleted, row.body, row.atts), options)
    with connection:  # all looks at one moment: a leaf may be on its way to or from the row
        row = reads.row_of(connection, doc_id)
        if row is not None and options.latest:
            rev = _latest(tree_of(row), rev)[0]
        leaf = None if row is None else leaf_of(connection, row, str(rev))
    if row is None or leaf is None:
        raise NotFound("missing")
    return _opened(connection, row, leaf, options)


def _opened(connection: apsw.Connection, row: Row, leaf: Leaf, options: Options) -> Opened:
    opened = Opened(row, leaf)
    if options.revs_info:
        opened.kept = {rev: bool(deleted) for rev, deleted in connection.execute(_KEPT, (row.id,))}
        opened.kept[row.rev] = row.deleted
    return opened


def leaf_of(connection: apsw.Connection, row: Row, rev: str) -> Leaf | None:
    if rev == row.rev:
        return Leaf(row.rev, row.deleted, row.body, row.atts)
    return find_leaf(connection, row.id, rev)


def open_revs(
    connection: apsw.Connection, doc_id: str, revs: Iterable[Rev] | None, options: Options
) -> list[Opened | Rev]:
    """`open_revs`: all leaves (None), or for each named revision its content, or itself when missing.

    With `options.latest` a revision that was replaced is answered by the leaves that descend from it.
    """
    found: list[Opened | Rev] = []
    with connection:  # all looks at one moment
        row = reads.row_of(connection, doc_id)
        if row is None and revs is None:
            raise NotFound("missing")
        for rev in _wanted(row, revs, options):
            leaf = None if row is None else leaf_of(connection, row, str(rev))
            found.append(rev if row is None or leaf is None else _opened(connection, row, leaf, options))
    return found


def _wanted(row: Row | None, revs: Iterable[Rev] | None, options: Options) -> list[Rev]:
    if row is None:
        return list(revs or ())
    tree = tree_of(row)
    if revs is None:
        return list(tree.leaves)
    if options.latest:
        return list(dict.fromkeys(leaf for rev in revs for leaf in _latest(tree, rev)))
    return list(dict.fromkeys(revs))


def _latest(tree: Tree, rev: Rev) -> list[Rev]:
    return tree.descendants(rev) if rev in tree else [rev]


def has_meta(opened: Opened, options: Options) -> bool:
    """True when the answer holds more than the revision tells, so that no ETag can stand for it."""
    if options.revs_info or options.local_seq:
        return True
    tree = opened.row.tree
    if tree is None or not (options.conflicts or options.deleted_conflicts):
        return False
    flags = decode_tree(tree).deleted.items()
    shown = {False: options.conflicts, True: options.deleted_conflicts}
    return any(shown[deleted] for leaf, deleted in flags if str(leaf) != opened.leaf.rev)


def _linear_path(row: Row, rev: str) -> tuple[int, list[str]]:
    """The path to this revision in a history without branches: the winner's, or what it builds on."""
    newest, ids = path_of(row)
    pos, rev_id = parse_rev(rev)
    older = ids[newest - pos :]
    return pos, older if older[:1] == [rev_id] else [rev_id]


def meta_members(opened: Opened, options: Options) -> bytes:
    """``_revisions``, ``_revs_info``, … as members that each start with a comma."""
    row, leaf = opened.row, opened.leaf
    members = b""
    tree = tree_of(row) if row.tree is not None else None
    if options.revs or options.revs_info:
        if tree is None:
            pos, ids = _linear_path(row, leaf.rev)
        else:
            rev = parse_rev(leaf.rev)
            pos, ids = rev.pos, tree.path(rev)
        if options.revs:
            members += render.revisions(pos, ids)
        if options.revs_info:
            members += render.revs_info(pos, ids, opened.kept)
    if options.local_seq:
        members += b',"_local_seq":%d' % row.seq
    if tree is not None and leaf.rev == row.rev:
        if options.conflicts:
            members += render.rev_list("_conflicts", tree.conflicts())
        if options.deleted_conflicts:
            members += render.rev_list("_deleted_conflicts", tree.conflicts(deleted=True))
    return members


def document(opened: Opened, options: Options = PLAIN) -> bytes:
    """The document as JSON text, its attachments as stubs."""
    row, leaf = opened.row, opened.leaf
    tail = meta_members(opened, options)
    if leaf.atts:
        held = att.decode(leaf.atts).values()
        stubs = (att.stub_json(one, encoding_info=options.att_encoding_info) for one in held)
        tail += b"," + att.attachments_json(stubs)
    return render.doc_json(row.id, leaf.rev, leaf.deleted, leaf.body, tail)


def is_wanted(attachment: Attachment, opened: Opened, options: Options) -> bool:
    """Whether the reader gets this attachment's bytes, given what it says it has (`atts_since`)."""
    if not options.attachments:
        return False
    if options.atts_since is None:
        return True
    known = tree_of(opened.row)
    path = known.path(parse_rev(opened.leaf.rev))
    pos = parse_rev(opened.leaf.rev).pos
    revpos_known = max(
        (
            rev.pos
            for rev in options.atts_since
            if 0 <= pos - rev.pos < len(path) and path[pos - rev.pos] == rev.id
        ),
        default=0,
    )
    return attachment.revpos > revpos_known


async def document_pieces(db: Database, opened: Opened, options: Options) -> AsyncIterator[bytes]:
    """The document as JSON text with the wanted attachments inline, in pieces of bounded size."""
    row, leaf = opened.row, opened.leaf
    tail = meta_members(opened, options)
    whole = render.doc_json(row.id, leaf.rev, leaf.deleted, leaf.body, tail)
    if not leaf.atts:
        yield whole
        return
    yield whole[:-1] + b',"_attachments":{'
    comma = b""
    for one in att.decode(leaf.atts).values():
        if not is_wanted(one, opened, options):
            yield comma + att.stub_json(one, encoding_info=options.att_encoding_info)
        else:
            head, end = att.inline_frame(one, encoding_info=options.att_encoding_info)
            yield comma + head
            text = Base64()
            async for data in identity_bytes(db, one):
                yield text.write(data)
            yield text.finish() + end
        comma = b","
    yield b"}}"


async def stored_bytes(db: Database, attachment: Attachment, first: int = 0) -> AsyncGenerator[bytes, None]:
    """An attachment's bytes as they are stored, piece by piece; from byte `first` on."""
    number, skipped = divmod(first, CHUNK_BYTES)
    left = attachment.encoded_length - first
    blob = attachment.blob
    db.reading[blob] = db.reading.get(blob, 0) + 1
    try:
        while left > 0:
            data = await db.scan(partial(_chunk, blob, number))
            if data is None:
                raise NotFound("The attachment was replaced while it was read")
            yield data[skipped:] if skipped else data
            left -= len(data) - skipped
            number, skipped = number + 1, 0
    finally:
        db.reading[blob] -= 1
        if not db.reading[blob]:
            del db.reading[blob]


def _chunk(blob: int, number: int, connection: apsw.Connection) -> bytes | None:
    return reads.chunk_of_blob(connection, blob, number)


async def identity_bytes(db: Database, attachment: Attachment) -> AsyncIterator[bytes]:
    """An attachment's bytes as the user sees them, piece by piece."""
    if attachment.encoding == "identity":
        async for data in stored_bytes(db, attachment):
            yield data
        return
    gunzip = Gunzip()
    async for data in stored_bytes(db, attachment):
        for plain in gunzip.write(data):
            yield plain
    gunzip.close()
