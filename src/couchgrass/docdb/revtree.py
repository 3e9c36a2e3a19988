"""The revision tree of one document, as a value.

A tree is a set of revisions with, for each, the parents that were ever seen for it, and for each leaf
whether it is a deletion. Adding a path is a union of sets. That makes merging commutative, associative
and idempotent by construction, whatever order replication delivers paths in; the properties that
``couch_key_tree`` and ``pouchdb-merge`` test are the specification.

- A path may start late (its older part was stemmed away): its oldest node then has no known parent
  until some other path brings one. A path that meets no known node is a further root.
- The winner is the greatest leaf by (not deleted, generation, id bytes).
- Stemming keeps the newest `limit` nodes of each leaf's path, and so every leaf.
- A revision has one parent when ids are hashes of their parent. Hand-made ids can give it several; all
  are kept, and its path follows the greatest, so that the answer does not depend on the order of merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import msgspec

from couchgrass.docdb.rev import Rev, order_bytes

PATHS_ENCODER = msgspec.msgpack.Encoder()
PATHS_DECODER = msgspec.msgpack.Decoder(list[tuple[int, int, list[str]]])
_INNER, _LIVE, _DELETED = 0, 1, 2


class Tree:
    """An immutable revision tree. `parents[rev]` are its known parents' ids, sorted; `deleted[leaf]`."""

    def __init__(self, parents: dict[Rev, tuple[str, ...]], deleted: dict[Rev, bool]) -> None:
        self.parents = parents
        self.deleted = deleted

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.parents == other.parents and self.deleted == other.deleted

    def __hash__(self) -> int:
        return hash((frozenset(self.parents.items()), frozenset(self.deleted.items())))

    def __repr__(self) -> str:
        return f"Tree({[(str(leaf), self.deleted[leaf], self.path(leaf)) for leaf in self.leaves]})"

    def __contains__(self, rev: Rev) -> bool:
        """True for any known revision, leaf or inner."""
        return rev in self.parents

    @cached_property
    def leaves(self) -> tuple[Rev, ...]:
        """All leaves, the winner first."""
        return tuple(sorted(self.deleted, key=self._rank, reverse=True))

    @property
    def winner(self) -> Rev:
        return self.leaves[0]

    def _rank(self, leaf: Rev) -> tuple[bool, int, bytes]:
        return (not self.deleted[leaf], leaf.pos, order_bytes(leaf.id))

    def conflicts(self, *, deleted: bool = False) -> list[Rev]:
        """The leaves that lost: the live ones, or the deleted ones."""
        return [leaf for leaf in self.leaves[1:] if self.deleted[leaf] is deleted]

    def path(self, rev: Rev) -> list[str]:
        """Ids from `rev` up to the oldest known ancestor, newest first. `rev` itself may be unknown."""
        ids = [rev.id]
        pos, above = rev.pos, self.parents.get(rev, ())
        while above:
            parent = above[0] if len(above) == 1 else max(above, key=order_bytes)
            ids.append(parent)
            pos -= 1
            above = self.parents[Rev(pos, parent)]
        return ids

    def descendants(self, rev: Rev) -> list[Rev]:
        """The leaves that descend from `rev` (or are it), the winner's order."""
        return [leaf for leaf in self.leaves if rev in self._ancestry(leaf)]

    def _ancestry(self, leaf: Rev) -> set[Rev]:
        seen = {leaf}
        todo = [leaf]
        while todo:
            node = todo.pop()
            above = {Rev(node.pos - 1, parent) for parent in self.parents[node]} - seen
            seen |= above
            todo.extend(above)
        return seen


def single(pos: int, ids: Sequence[str], *, deleted: bool) -> Tree:
    """The tree of one path: leaf ``pos-ids[0]``, then its ancestors, newest first."""
    parents = {Rev(pos - back, rev_id): tuple(ids[back + 1 : back + 2]) for back, rev_id in enumerate(ids)}
    return Tree(parents, {Rev(pos, ids[0]): deleted})


def merge(left: Tree, right: Tree) -> Tree:
    """Both trees' revisions in one. Equal to `left` when `right` brings nothing new."""
    parents = dict(left.parents)
    for rev, above in right.parents.items():
        known = parents.get(rev)
        if not known:
            parents[rev] = above
        elif above and above != known:
            parents[rev] = tuple(sorted({*known, *above}))
    # Only a node that was inner on one side can stop being a leaf, so only leaves are looked at.
    flags = {**left.deleted, **right.deleted}
    inner = _with_children(parents, flags)
    return Tree(parents, {leaf: flag for leaf, flag in flags.items() if leaf not in inner})


def _with_children(parents: dict[Rev, tuple[str, ...]], asked: Iterable[Rev]) -> set[Rev]:
    """Those of `asked` that are some node's parent."""
    wanted = set(asked)
    found: set[Rev] = set()
    for rev, above in parents.items():
        for parent in above:
            if (node := Rev(rev.pos - 1, parent)) in wanted:
                found.add(node)
    return found


def stem(tree: Tree, limit: int) -> Tree:
    """The tree with at most `limit` nodes on each leaf's path. All leaves stay."""
    if len(tree.parents) <= limit:
        return tree
    kept: set[Rev] = set()
    for leaf in tree.leaves:
        level = {leaf}
        for _ in range(limit):
            kept |= level
            level = {Rev(rev.pos - 1, parent) for rev in level for parent in tree.parents[rev]}
            if not level:
                break
    if len(kept) == len(tree.parents):
        return tree
    parents = {
        rev: tuple(parent for parent in tree.parents[rev] if Rev(rev.pos - 1, parent) in kept) for rev in kept
    }
    return Tree(parents, tree.deleted)


def prune(tree: Tree, purged: Iterable[Rev]) -> Tree | None:
    """The tree without these leaves and the ancestors that only they had. None when nothing is left."""
    keep = [leaf for leaf in tree.leaves if leaf not in set(purged)]
    if not keep:
        return None
    nodes: set[Rev] = set()
    for leaf in keep:
        nodes |= tree._ancestry(leaf)
    return Tree({rev: tree.parents[rev] for rev in nodes}, {leaf: tree.deleted[leaf] for leaf in keep})


def missing(tree: Tree | None, asked: Iterable[Rev]) -> tuple[list[Rev], list[Rev]]:
    """What ``_revs_diff`` answers: the unknown ones, and the leaves that may be their ancestors."""
    if tree is None:
        return list(asked), []
    unknown = [rev for rev in asked if rev not in tree]
    if not unknown:
        return [], []
    newest = max(rev.pos for rev in unknown)
    return unknown, [leaf for leaf in tree.leaves if leaf.pos < newest]


def encode_tree(tree: Tree) -> bytes:
    """The tree as bytes: chains of ids, each cut at the first revision that an earlier chain has."""
    seen: set[Rev] = set()
    chains: list[tuple[int, int, list[str]]] = []
    todo: list[tuple[int, Rev, str | None]] = [
        (_DELETED if tree.deleted[leaf] else _LIVE, leaf, None) for leaf in reversed(tree.leaves)
    ]
    while todo:
        kind, start, via = todo.pop()
        chain = [start.id]
        node, step = start, via
        while True:
            above = tree.parents[node]
            if node not in seen:
                seen.add(node)
                todo.extend((_INNER, node, other) for other in above[1:])
                step = above[0] if above else None
            if step is None:
                break
            chain.append(step)
            node, step = Rev(node.pos - 1, step), None
            if node in seen:
                break
        chains.append((kind, start.pos, chain))
    return PATHS_ENCODER.encode(chains)


def decode_tree(stored: bytes) -> Tree:
    """The inverse of `encode_tree`."""
    parents: dict[Rev, tuple[str, ...]] = {}
    deleted: dict[Rev, bool] = {}
    for kind, pos, ids in PATHS_DECODER.decode(stored):
        if kind != _INNER:
            deleted[Rev(pos, ids[0])] = kind == _DELETED
        for back, rev_id in enumerate(ids):
            rev, above = Rev(pos - back, rev_id), tuple(ids[back + 1 : back + 2])
            known = parents.get(rev)
            if not known:
                parents[rev] = above
            elif above and above[0] not in known:
                parents[rev] = tuple(sorted((*known, above[0])))
    return Tree(parents, deleted)
