"""What must be true of databases that replicate: the invariants of the simulation, as functions of values.

The winner and the ancestors are worked out here once more, in the plainest way, so that a wrong rule in
`docdb.revtree` does not pass because all databases share it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from hashlib import md5

import msgspec

from couchgrass.docdb import attachment as att
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.rev import parse_rev
from couchgrass.testing.sim_database import Doc, SimDatabase, State


class LeafView(msgspec.Struct, frozen=True):
    """A leaf as far as all databases must agree. `path` is its ids, newest first."""

    deleted: bool
    path: tuple[str, ...]
    body: bytes
    attachments: tuple[tuple[object, ...], ...]


class DocView(msgspec.Struct, frozen=True):
    """A document as far as all databases must agree."""

    leaves: Mapping[str, LeafView]
    winner: str
    deleted: bool


View = Mapping[str, DocView]
"""A database's documents."""


class Journal:
    """What the clients did. Revisions are (document, revision).

    `issued`: some client's edit made it. `acked`: that client got its answer. `forgiven`: it was only on a
    disk that was wiped or replaced by an older copy, so that it may be gone.
    """

    def __init__(self) -> None:
        self.issued: set[tuple[str, str]] = set()
        self.acked: set[tuple[str, str]] = set()
        self.forgiven: set[tuple[str, str]] = set()

    @property
    def owed(self) -> set[tuple[str, str]]:
        """What every database must have in the end."""
        return self.acked - self.forgiven


def view(state: State) -> dict[str, DocView]:
    """A state's documents."""
    return {doc_id: _doc_view(doc) for doc_id, doc in state.docs.items()}


def _doc_view(doc: Doc) -> DocView:
    tree = doc.tree
    leaves = {}
    for rev in tree.leaves:
        leaf = doc.leaf(str(rev))
        held = sorted(
            (one.name, one.content_type, one.revpos, one.digest, one.length, one.encoding)
            for one in att.decode(leaf.atts or b"").values()
        )
        leaves[str(rev)] = LeafView(leaf.deleted, tuple(tree.path(rev)), leaf.body, tuple(held))
    return DocView(leaves, doc.row.rev, doc.row.deleted)


def revisions_of(state: State) -> set[tuple[str, str]]:
    """Every revision that a state knows, leaf or ancestor."""
    return {(doc_id, str(rev)) for doc_id, doc in state.docs.items() for rev in doc.tree.parents}


def differences(views: Mapping[str, View]) -> Iterator[str]:
    """Convergence: same leaves, winners, deleted flags, paths, bodies and attachments everywhere."""
    first, *others = views
    for name in others:
        for doc_id in sorted(views[first].keys() | views[name].keys()):
            left, right = views[first].get(doc_id), views[name].get(doc_id)
            if left is None or right is None:
                yield f"convergence: {doc_id} is not in {first if left is None else name}"
            elif left.leaves.keys() != right.leaves.keys():
                only = {first: left.leaves.keys() - right.leaves, name: right.leaves.keys() - left.leaves}
                leaves = {where: sorted(revs) for where, revs in only.items() if revs}
                yield f"convergence: {doc_id} has leaves in one database only: {leaves}"
            elif left != right:
                yield f"convergence: {doc_id} differs: {first} {left}, {name} {right}"


def wrong_winners(views: Mapping[str, View]) -> Iterator[str]:
    """The winner is the greatest leaf by (not deleted, generation, id)."""
    for name, documents in views.items():
        for doc_id, doc in documents.items():
            expected = max(doc.leaves, key=lambda rev: _rank(rev, doc.leaves[rev].deleted))
            if doc.winner != expected or doc.deleted != doc.leaves[expected].deleted:
                yield f"winner: {name} shows {doc.winner} of {doc_id}, {expected} wins"


def _rank(rev: str, deleted: bool) -> tuple[bool, int, str]:
    generation, _, rev_id = rev.partition("-")
    return not deleted, int(generation), rev_id


def lost_and_invented(views: Mapping[str, View], journal: Journal) -> Iterator[str]:
    """Each acknowledged revision is everywhere, a leaf or an ancestor of one; none is that nobody wrote."""
    for name, documents in views.items():
        present = set()
        for doc_id, doc in documents.items():
            for rev, leaf in doc.leaves.items():
                newest = parse_rev(rev).pos
                present |= {(doc_id, f"{newest - back}-{each}") for back, each in enumerate(leaf.path)}
        for doc_id, rev in sorted(journal.owed - present):
            yield f"lost: {name} lacks {rev} of {doc_id}, which was acknowledged"
        for doc_id, rev in sorted(present - journal.issued):
            yield f"phantom: {name} has {rev} of {doc_id}, which nobody wrote"


def rotten_bytes(name: str, database: SimDatabase) -> Iterator[str]:
    """The attachments' bytes are what their digests say."""
    for doc_id, doc in database.durable.docs.items():
        for rev in doc.tree.leaves:
            for one in att.decode(doc.leaf(str(rev)).atts or b"").values():
                data = database.blobs[one.blob]
                digest = b64encode(md5(data, usedforsecurity=False).digest()).decode()
                if len(data) != one.encoded_length or one.digest != f"md5-{digest}":
                    yield f"attachment: {name} has wrong bytes for {one.name} of {doc_id} {rev}"


def checkpoint_gaps(
    source: SimDatabase, target: State, seq: str, excused: Collection[tuple[str, str]]
) -> Iterator[str]:
    """A checkpoint at `seq` is ahead of `target`'s disk: these leaves of the source are not there.

    `excused` are the dead letters. A leaf that has been replaced since counts no more: its document has moved
    behind `seq`.
    """
    upto = source.number_of(seq)
    for number, change in source.changes(0, Filter()):
        if number > upto:
            break
        there = target.docs.get(change.id)
        tree = there.tree if there else None
        for leaf in change.changes:
            if (tree is None or parse_rev(leaf.rev) not in tree) and (change.id, leaf.rev) not in excused:
                yield f"checkpoint: {seq} is recorded, and the target lacks {change.id} {leaf.rev}"
