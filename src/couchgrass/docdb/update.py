"""What one edit does to one document: pure decisions over the stored row.

A document is one row with its winner's body. Almost all have a single leaf whose ids are hashes; their
history is `path`, 16 bytes an ancestor, newest first, and extending it needs no tree at all. The others
have `tree`, and the bodies of the leaves that lost lie beside the row.

Rules (CouchDB's ``couch_db:prep_and_validate_update`` and ``couch_db_updater:merge_rev_tree``):
an ordinary edit extends a leaf or conflicts; without a revision it may create, also on top of a
tombstone; a fully deleted document takes nothing else. A replicated edit merges its path and never
conflicts, and changes nothing when the revision is known.

A revision that was replaced keeps its content beside the row until the database is compacted, as in
CouchDB: replicators and editors read ``?rev=`` of a revision that was a leaf a moment ago.
"""

from __future__ import annotations

import msgspec

from couchgrass.docdb.document import Edit
from couchgrass.docdb.rev import Rev, is_hex, next_rev, parse_rev
from couchgrass.docdb.revtree import Tree, decode_tree, encode_tree, merge, prune, single, stem
from couchgrass.errors import Conflict


class Row(msgspec.Struct, gc=False):
    """A document as it is stored; the columns of table ``docs``.

    `path` is None for a first generation and when `tree` says it all; `leaves` is the JSON text between
    the brackets of a ``_changes`` row's list when there is more than one leaf.
    """

    seq: int
    id: str
    rev: str
    deleted: bool
    path: bytes | None
    tree: bytes | None
    leaves: str | None
    body: bytes
    atts: bytes | None


class Leaf(msgspec.Struct, gc=False):
    """A revision's content beside the row: a losing leaf, or a replaced one until compaction."""

    rev: str
    deleted: bool
    body: bytes
    atts: bytes | None


class Update(msgspec.Struct, gc=False):
    """The outcome: the row to write, the losing leaves to add beside it, the revisions to take away.

    `rev` is the revision that the edit made, or None when it made none (a purge, or more history only).
    `removed` may name revisions that have no content. `replaced` is the former winner if it is no leaf
    any more, `retired` names losing leaves of which the same is true. `promoted` is set when a leaf that
    lies beside the row becomes the winner: the row's body and attachments are then to be taken from there.
    """

    rev: Rev | None
    row: Row
    added: tuple[Leaf, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: Leaf | None = None
    retired: tuple[str, ...] = ()
    promoted: str | None = None


def tree_of(row: Row) -> Tree:
    """The row's revision tree."""
    if row.tree is not None:
        return decode_tree(row.tree)
    return single(*path_of(row), deleted=row.deleted)


def path_of(row: Row) -> tuple[int, list[str]]:
    """(generation, ids newest first) of the winner."""
    rev = parse_rev(row.rev)
    if row.tree is not None:
        return rev.pos, decode_tree(row.tree).path(rev)
    older = row.path.hex() if row.path else ""
    return rev.pos, [rev.id, *(older[at : at + 32] for at in range(0, len(older), 32))]


def parent_of(row: Row | None, edit: Edit) -> Rev | None:
    """The leaf that an ordinary edit extends; None when it creates. Raises Conflict."""
    if row is None:
        if edit.ids:
            raise Conflict
        return None
    if row.deleted:
        if edit.ids or edit.deleted:
            raise Conflict
        return parse_rev(row.rev)
    if not edit.ids:
        raise Conflict
    parent = Rev(edit.pos, edit.ids[0])
    if str(parent) != row.rev and (row.tree is None or parent not in decode_tree(row.tree).deleted):
        raise Conflict
    return parent


def extend(row: Row | None, edit: Edit, atts: bytes | None, mark: bytes, revs_limit: int) -> Update:
    """An ordinary edit. `mark` is the attachments' part of the revision's hash. Raises Conflict."""
    parent = parent_of(row, edit)
    rev = next_rev(parent, edit.deleted, edit.body, mark)
    if row is None or parent is None:
        return Update(rev, Row(0, edit.id, str(rev), edit.deleted, None, None, None, edit.body, atts))
    if row.tree is None and is_hex(parent.id):
        path = (bytes.fromhex(parent.id) + (row.path or b""))[: 16 * (revs_limit - 1)] or None
        grown_row = Row(0, edit.id, str(rev), edit.deleted, path, None, None, edit.body, atts)
        return Update(rev, grown_row, replaced=Leaf(row.rev, row.deleted, row.body, row.atts))
    tree = tree_of(row)
    grown = merge(tree, single(rev.pos, (rev.id, parent.id), deleted=edit.deleted))
    return _rearranged(row, tree, stem(grown, revs_limit), rev, Leaf(str(rev), edit.deleted, edit.body, atts))


def graft(row: Row | None, edit: Edit, atts: bytes | None, revs_limit: int) -> Update | None:
    """A replicated edit; None when it changes nothing."""
    rev = Rev(edit.pos, edit.ids[0])
    leaf = Leaf(str(rev), edit.deleted, edit.body, atts)
    if row is None:
        return Update(rev, planted(edit, atts, revs_limit))
    if (line := _continued(row, edit, revs_limit)) is not None:
        grown_row = Row(0, edit.id, leaf.rev, edit.deleted, line, None, None, edit.body, atts)
        return Update(rev, grown_row, replaced=Leaf(row.rev, row.deleted, row.body, row.atts))
    old = tree_of(row)
    if rev in old:
        # Known, but its history may be longer than what we had.
        grown = stem(merge(old, _history(edit, old)), revs_limit)
        return None if grown == old else _rearranged(row, old, grown, None, None)
    grown = stem(merge(old, single(edit.pos, edit.ids, deleted=edit.deleted)), revs_limit)
    if rev not in grown.deleted:
        return None if grown == old else _rearranged(row, old, grown, None, None)
    return _rearranged(row, old, grown, rev, leaf)


def planted(edit: Edit, atts: bytes | None, revs_limit: int) -> Row:
    """The row of a replicated edit of a document that is not here yet."""
    rev = f"{edit.pos}-{edit.ids[0]}"
    older = "".join(edit.ids[1:revs_limit])
    if not older or all(map(is_hex, edit.ids[1:revs_limit])):
        path = bytes.fromhex(older) or None
        return Row(0, edit.id, rev, edit.deleted, path, None, None, edit.body, atts)
    tree = stem(single(edit.pos, edit.ids, deleted=edit.deleted), revs_limit)
    return _row(edit.id, tree, Leaf(rev, edit.deleted, edit.body, atts))


def _continued(row: Row, edit: Edit, revs_limit: int) -> bytes | None:
    """The stored history of a replicated edit that goes on where a single line of hashes ends, which is
    what most are; None for all others."""
    if row.tree is not None:
        return None
    was = parse_rev(row.rev)
    back = edit.pos - was.pos
    if not 0 < back < min(len(edit.ids), revs_limit) or edit.ids[back] != was.id:
        return None
    if not all(map(is_hex, edit.ids[1:])):
        return None
    new, older = bytes.fromhex("".join(edit.ids[1 : back + 1])), bytes.fromhex("".join(edit.ids[back + 1 :]))
    known = row.path or b""
    if not (known.startswith(older) or older.startswith(known)):
        return None
    return (new + max(known, older, key=len))[: 16 * (revs_limit - 1)]


def _history(edit: Edit, old: Tree) -> Tree:
    """The edit's path as history only: a leaf's own deletion flag is the one already known."""
    path = single(edit.pos, edit.ids, deleted=edit.deleted)
    rev = Rev(edit.pos, edit.ids[0])
    return Tree(path.parents, {rev: old.deleted[rev]} if rev in old.deleted else {})


def purge(row: Row, purged: list[Rev]) -> Update | None:
    """The document without these leaves; None when no leaf is left and the row goes."""
    old = tree_of(row)
    left = prune(old, purged)
    if left is None:
        return None
    update = _rearranged(row, old, left, None, None)
    # What the purged leaves had replaced is not to be read any more either.
    update.removed = tuple(name for rev in old.parents if rev not in left and (name := str(rev)) != row.rev)
    return update


def _rearranged(row: Row, old: Tree, new: Tree, rev: Rev | None, leaf: Leaf | None) -> Update:
    """The row after its tree went from `old` to `new`, `leaf` being the new one's content, if any."""
    was, winner = parse_rev(row.rev), new.winner
    former = Leaf(row.rev, row.deleted, row.body, row.atts)
    added: list[Leaf] = []
    losers = [lost for lost in old.leaves if lost not in new.deleted and lost != was]
    update = Update(
        rev,
        row,
        removed=tuple(str(lost) for lost in losers if lost not in new),
        retired=tuple(str(lost) for lost in losers if lost in new),
    )
    if was in new.deleted:
        if was != winner:
            added.append(former)
    elif was in new:
        update.replaced = former
    if leaf is not None and rev != winner:
        added.append(leaf)
    if leaf is not None and rev == winner:
        update.row = _row(row.id, new, leaf)
    elif winner == was:
        update.row = _row(row.id, new, former)
    else:
        update.promoted = str(winner)
        update.row = _row(row.id, new, Leaf(str(winner), new.deleted[winner], b"", None))
    update.added = tuple(added)
    return update


def _row(doc_id: str, tree: Tree, winner: Leaf) -> Row:
    """The stored form of a tree whose winner has this content."""
    path, stored, leaves = None, None, None
    ids = tree.path(tree.winner)
    if len(tree.deleted) == 1 and len(ids) == len(tree.parents) and all(map(is_hex, ids[1:])):
        path = bytes.fromhex("".join(ids[1:])) or None
    else:
        stored = encode_tree(tree)
        if len(tree.deleted) > 1:
            leaves = ",".join(f'{{"rev":{_quoted(str(leaf))}}}' for leaf in tree.leaves)
    return Row(0, doc_id, winner.rev, winner.deleted, path, stored, leaves, winner.body, winner.atts)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
