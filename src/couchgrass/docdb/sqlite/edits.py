"""Operations that write documents: they read the rows, let `update` decide, and store the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from couchgrass.docdb import attachment as att
from couchgrass.docdb.attachment import Attachment, Ready, Stub
from couchgrass.docdb.document import Edit, is_local
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.sqlite.transaction import Transaction
from couchgrass.docdb.update import Row, extend, graft, parent_of, planted, purge, tree_of
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, NotFound


class Write(msgspec.Struct, gc=False):
    """One document to write, its attachments made ready.

    `merge` is what the attachment endpoints do: the body of the parent stays, and so do those of its
    attachments that `attachments` does not name, but for `dropped`. The edit's own body counts only when
    there is no parent. `merge` is for ordinary edits.
    """

    edit: Edit
    attachments: Mapping[str, Ready] | None = None
    merge: bool = False
    dropped: str | None = None


Outcome = Rev | CouchgrassError
"""What became of one document: its new revision, or why it was refused."""


def write_one(write: Write, *, new_edits: bool, revs_limit: int) -> Callable[[Transaction], Rev]:
    """An operation that writes one document. Raises what refuses it."""

    def operation(transaction: Transaction) -> Rev:
        if is_local(write.edit.id):
            return _write_local(transaction, write.edit)
        row = transaction.row(write.edit.id)
        return _write(transaction, row, write, new_edits, revs_limit)[0]

    return operation


def write_many(
    writes: Sequence[Write], *, new_edits: bool, revs_limit: int
) -> Callable[[Transaction], list[Outcome]]:
    """An operation that writes documents one after the other, each on its own: the outcomes in order."""

    def operation(transaction: Transaction) -> list[Outcome]:
        rows = transaction.rows([write.edit.id for write in writes])
        outcomes: list[Outcome] = []
        fresh: list[Row] = []
        for write in writes:
            edit = write.edit
            try:
                if rows.get(edit.id) is None and not write.attachments and not is_local(edit.id):
                    rev, row = _new(edit, new_edits, revs_limit)
                    fresh.append(row)
                    rows[edit.id] = row
                    outcomes.append(rev)
                    continue
                if fresh:
                    transaction.insert_all(fresh)
                    fresh = []
                if is_local(edit.id):
                    outcomes.append(_write_local(transaction, edit))
                    continue
                rev, rows[edit.id] = _write(transaction, rows.get(edit.id), write, new_edits, revs_limit)
                outcomes.append(rev)
            except CouchgrassError as refused:
                outcomes.append(refused)
        if fresh:
            transaction.insert_all(fresh)
        return outcomes

    return operation


def _new(edit: Edit, new_edits: bool, revs_limit: int) -> tuple[Rev, Row]:
    """The first revision here of a document without attachments."""
    if not new_edits:
        return Rev(edit.pos, edit.ids[0]), planted(edit, None, revs_limit)
    update = extend(None, edit, None, b"", revs_limit)
    assert update.rev is not None
    return update.rev, update.row


def _write(
    transaction: Transaction, row: Row | None, write: Write, new_edits: bool, revs_limit: int
) -> tuple[Rev, Row | None]:
    """Decides and stores one document. Its new revision, and its row after that."""
    edit = _on_parent(transaction, row, write.edit) if write.merge else write.edit
    pending: list[tuple[int, bytes]] = []
    held: dict[str, Attachment] = {}
    if write.attachments or write.merge:
        if new_edits:
            parent_of(row, edit)  # a stale edit is a conflict before its stubs are looked at
        parent = _parent_attachments(transaction, row, edit, new_edits)
        revpos = _next_pos(row, edit) if new_edits else None
        held = _held(transaction, write, parent, revpos, pending)
    atts = att.encode(held) or None
    if new_edits:
        update = extend(row, edit, atts, att.fingerprint(held), revs_limit)
        assert update.rev is not None
        rev = update.rev
    else:
        rev = Rev(edit.pos, edit.ids[0])
        grafted = graft(row, edit, atts, revs_limit)
        if grafted is None:
            return rev, row
        update = grafted
    for blob, data in pending if update.rev is not None else ():
        transaction.store_blob(blob, data)
    return rev, transaction.apply(row, update)


def _on_parent(transaction: Transaction, row: Row | None, edit: Edit) -> Edit:
    """The edit with the body of the leaf that it builds on. Raises Conflict.

    CouchDB tells a revision that it never had (409 ``not_found``) from one that was replaced.
    """
    if edit.rev is not None and (row is None or edit.rev not in tree_of(row)):
        raise Conflict("missing_rev", error="not_found")
    parent_of(row, edit)
    leaf = transaction.leaf(row, str(edit.rev)) if row is not None and edit.ids else None
    if leaf is None:
        return edit
    return msgspec.structs.replace(edit, body=leaf.body, deleted=leaf.deleted)


def _next_pos(row: Row | None, edit: Edit) -> int:
    """The generation that an ordinary edit will make."""
    if row is not None and row.deleted and not edit.ids:
        return parse_rev(row.rev).pos + 1
    return edit.pos + 1


def _parent_attachments(
    transaction: Transaction, row: Row | None, edit: Edit, new_edits: bool
) -> dict[str, Attachment] | None:
    """The attachments of the revision that the edit builds on; None when we don't have it."""
    if row is None:
        return None
    if new_edits and not edit.ids:
        return {}
    newest = 0 if new_edits else 1
    for back, rev_id in enumerate(edit.ids[newest:], newest):
        leaf = transaction.leaf(row, f"{edit.pos - back}-{rev_id}")
        if leaf is not None:
            return att.decode(leaf.atts or b"")
    return None


def _held(
    transaction: Transaction,
    write: Write,
    parent: dict[str, Attachment] | None,
    revpos: int | None,
    pending: list[tuple[int, bytes]],
) -> dict[str, Attachment]:
    """The new revision's attachments. Bytes still to be stored go to `pending` as (blob, bytes).

    `revpos` is the new generation of an ordinary edit; a replicated one brings its own.
    """
    held = dict(parent or {}) if write.merge else {}
    if write.dropped is not None and held.pop(write.dropped, None) is None:
        raise NotFound("Document is missing attachment")
    for name, ready in (write.attachments or {}).items():
        if isinstance(ready, Stub):
            held[name] = att.resolve_stub(write.edit.id, name, ready, parent)
            continue
        blob = ready.blob
        if ready.data is not None:
            blob = transaction.new_blob()
            pending.append((blob, ready.data))
        elif ready.stored.encoded_length and not transaction.has_blob(blob):
            # Copied from a revision that compaction took while the copy was on its way here.
            raise NotFound("missing")
        held[name] = ready.attachment(name, revpos or ready.revpos or write.edit.pos, blob)
    return held


def _write_local(transaction: Transaction, edit: Edit) -> Rev:
    """A ``_local`` document: its revision is a plain count, and like CouchDB we take the last writer."""
    count = 0
    if edit.ids:
        if edit.pos or not (edit.ids[0].isascii() and edit.ids[0].isdigit()) or len(edit.ids[0]) > 15:
            raise BadRequest("Invalid rev format")
        count = int(edit.ids[0])
    if edit.deleted:
        transaction.delete_local(edit.id)
        return Rev(0, "0")
    transaction.put_local(edit.id, count + 1, edit.body)
    return Rev(0, str(count + 1))


def purge_many(
    asked: Mapping[str, Sequence[Rev]], limit: int
) -> Callable[[Transaction], dict[str, list[str]]]:
    """An operation that purges leaves: the ones of each document that it took away.

    Keeps the newest `limit` entries of the purge history.
    """

    def operation(transaction: Transaction) -> dict[str, list[str]]:
        return {doc_id: _purge(transaction, doc_id, revs, limit) for doc_id, revs in asked.items()}

    return operation


def _purge(transaction: Transaction, doc_id: str, revs: Sequence[Rev], limit: int) -> list[str]:
    row = transaction.row(doc_id)
    if row is None:
        return []
    leaves = tree_of(row).deleted
    gone = [rev for rev in revs if rev in leaves]
    if not gone:
        return []
    left = purge(row, gone)
    if left is None:
        transaction.remove(row)
    else:
        transaction.apply(row, left)
    names = [str(rev) for rev in gone]
    transaction.note_purge(doc_id, names, limit)
    return names
