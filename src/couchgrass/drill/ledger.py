"""What was acknowledged, held against what a region's database has.

Pure. A write counts as there when the database has its value in any leaf of the document, or the value of a
write that was tried later, which replaced it; a removal when a leaf is deleted. A losing leaf counts: it was
not lost, it is a conflict that can be read and resolved. A document that was created and is not known at all
is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from couchgrass.drill.ops import Method, Op, Outcome


class Leaf(msgspec.Struct, frozen=True):
    """A leaf of a document in a database: its rev, and its value unless it is deleted."""

    rev: str
    value: int | None = None
    deleted: bool = False


class Missing(msgspec.Struct, frozen=True):
    """An acknowledged write that a database does not have; `acknowledged_s` is when its answer came."""

    doc: str
    number: int
    method: Method
    region: str
    acknowledged_s: float


def missing(
    outcomes: Iterable[Outcome],
    leaves: Mapping[str, tuple[Leaf, ...]],
    *,
    until_s: float,
    under_way: Iterable[Op] = (),
) -> list[Missing]:
    """The acknowledged writes with an answer until `until_s` that the database with these leaves lacks, one a
    document: the last of each, since a document holds its last value only. What is `under_way` may have been
    done already, though nobody has answered yet."""
    trying = {op.doc: op for op in under_way if op.method.writes and op.doc}
    tried: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.op.method.writes and outcome.doc:
            tried.setdefault(outcome.doc, []).append(outcome)
    lacking = []
    for doc, writes in tried.items():
        writes.sort(key=lambda one: one.op.number)
        known = [one for one in writes if one.acknowledged and one.ended_s <= until_s]
        ops = [one.op for one in writes] + ([trying[doc]] if doc in trying else [])
        if known and not _has(known[-1].op, ops, leaves.get(doc, ())):
            last = known[-1]
            lacking.append(Missing(doc, last.op.number, last.op.method, last.region, last.ended_s))
    return lacking


def _has(wanted: Op, tried: Iterable[Op], leaves: tuple[Leaf, ...]) -> bool:
    later = {op.number: op.method for op in tried if op.number >= wanted.number}
    removable = Method.DELETE in later.values()
    return any(leaf.value in later or (leaf.deleted and removable) for leaf in leaves)


def conflicts(leaves: Mapping[str, tuple[Leaf, ...]]) -> int:
    """Documents with more than one leaf that is not deleted."""
    return sum(1 for found in leaves.values() if sum(not leaf.deleted for leaf in found) > 1)
