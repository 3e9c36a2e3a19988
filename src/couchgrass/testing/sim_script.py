"""What happens in a simulation, drawn from its seed: the topology, the clients' edits, the faults.

A script is a value that is there before anything runs, so that a seed tells all, and a test can write one by
hand.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from couchgrass.docdb import attachment as att
from couchgrass.testing.sim_database import Doc, SimDatabase

ACTIVE_S = 40.0
"""How long clients write and faults happen."""

DOWN_S = 1.5
"""The shortest time that a crashed node is away: longer than any message travels."""

RESTORE_S = 12.0
"""The shortest time that it takes to put a backup in place: longer than a run needs to notice it."""

DOCS = 7
"""Few documents, so that everybody edits the same ones."""


class Link(msgspec.Struct, frozen=True):
    """Continuous replication from one node's database to another's, by a replicator on each of `runs_on`."""

    source: str
    target: str
    runs_on: tuple[str, ...]

    @property
    def rep_id(self) -> str:
        return f"{self.source}-{self.target}"


class Shape(msgspec.Struct, frozen=True):
    """The machines. `clocks` are (skew in seconds, drift) by node."""

    clocks: Mapping[str, tuple[float, float]]
    links: tuple[Link, ...]
    latency_s: float
    trouble: float

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.clocks)


class Write(msgspec.Struct, frozen=True):
    """A client's edit at a node. `kind` is one of KINDS, `number` makes it unlike all others."""

    node: str
    kind: str
    doc: int
    number: int


class Cut(msgspec.Struct, frozen=True):
    """Nothing goes from one node to another until `Heal`."""

    origin: str
    destination: str


class Heal(msgspec.Struct, frozen=True):
    origin: str
    destination: str


class Crash(msgspec.Struct, frozen=True):
    """kill -9 of a node, with the replicators on it."""

    node: str


class Restart(msgspec.Struct, frozen=True):
    """The node comes up; `older`: with its last backup in place of what it had."""

    node: str
    older: bool = False


class Backup(msgspec.Struct, frozen=True):
    node: str


class Recreate(msgspec.Struct, frozen=True):
    """The database is deleted and made again, empty."""

    node: str


class Kill(msgspec.Struct, frozen=True):
    """kill -9 of a replicator; it is started again after a moment."""

    link: int
    copy: int


class Stop(msgspec.Struct, frozen=True):
    """A replicator is stopped in good order, and started again."""

    link: int
    copy: int


class Forget(msgspec.Struct, frozen=True):
    """A checkpoint document is deleted, or (`older`) put back to an earlier state."""

    node: str
    older: bool


class Refuse(msgspec.Struct, frozen=True):
    """The node refuses some documents from others, until `Relent`."""

    node: str


class Relent(msgspec.Struct, frozen=True):
    """It takes them again; a design document says so."""

    node: str


Fault = Cut | Heal | Crash | Restart | Backup | Recreate | Kill | Stop | Forget | Refuse | Relent


class Strike(msgspec.Struct, frozen=True):
    """`fault` happens `steps` steps of a replicator from now: each of its calls has three, before it is sent,
    when it is done at the other side, and when its answer is back. A node that crashes comes up again.
    """

    link: int
    copy: int
    steps: int
    fault: Fault


Action = Write | Strike | Fault


class Script(msgspec.Struct, frozen=True):
    """A simulation: when (seconds) what happens."""

    seed: str
    shape: Shape
    actions: Sequence[tuple[float, Action]]


KINDS = ("put", "put", "put", "branch", "delete", "recreate", "attach", "attach", "bulk", "resolve")


def script_of(seed: object, *, faults: bool = True) -> Script:
    """The simulation of a seed."""
    dice = Random(str(seed))  # noqa: S311
    shape = _shape(dice, faults)
    actions: list[tuple[float, Action]] = []
    for number in range(dice.randint(20, 70)):
        kind, doc = dice.choice(KINDS), dice.randrange(DOCS)
        actions.append((dice.uniform(0, ACTIVE_S), Write(dice.choice(shape.nodes), kind, doc, number)))
    for _ in range(dice.randint(3, 14) if faults else 0):
        actions += _fault(dice, shape)
    return Script(str(seed), shape, sorted(actions, key=lambda each: each[0]))


def _shape(dice: Random, faults: bool) -> Shape:
    names = "abcde"[: dice.choice((2, 2, 3, 3, 4, 5))]
    pairs = [(one, other) for one in names for other in names if one != other]
    if len(names) > 3 or dice.random() < 0.3:
        ring = {(one, names[(at + 1) % len(names)]) for at, one in enumerate(names)}
        both = dice.random() < 0.5
        pairs = [(one, two) for one, two in pairs if (one, two) in ring or (both and (two, one) in ring)]
    links = []
    for source, target in pairs:
        at = dice.choice((source, target))
        twice = dice.random() < 0.15
        links.append(Link(source, target, (at, dice.choice(names)) if twice else (at,)))
    skewed = dice.random() < 0.5
    clocks = {
        name: (dice.uniform(-7200, 7200), dice.uniform(-0.01, 0.01)) if skewed else (0.0, 0.0)
        for name in names
    }
    trouble = dice.choice((0.0, 0.01, 0.05)) if faults else 0.0
    return Shape(clocks, tuple(links), dice.choice((0.005, 0.05, 0.3)), trouble)


def _fault(dice: Random, shape: Shape) -> list[tuple[float, Action]]:
    """One fault and its end."""
    at, lasts = dice.uniform(0, ACTIVE_S), dice.choice((0.7, 3.0, 12.0, 40.0)) * dice.uniform(0.8, 1.2)
    node, other = dice.sample(shape.nodes, 2)
    match dice.choice(("cut", "cut", "oneway", "crash", "crash", "kill", "kill", "kill", *_RARE)):
        case "cut":
            both = ((node, other), (other, node))
            return [*((at, Cut(*pair)) for pair in both), *((at + lasts, Heal(*pair)) for pair in both)]
        case "oneway":
            return [(at, Cut(node, other)), (at + lasts, Heal(node, other))]
        case "crash":
            return [(at, Crash(node)), (at + max(DOWN_S, lasts), Restart(node))]
        case "older":
            taken = at * dice.random()
            return [
                (taken, Backup(node)),
                (at, Crash(node)),
                (at + max(DOWN_S, lasts), Restart(node, older=True)),
            ]
        case "recreate":
            return [(at, Recreate(node))]
        case "forget":
            return [(at, Forget(node, older=dice.random() < 0.5))]
        case "refuse":
            return [(at, Refuse(node)), (at + lasts, Relent(node))]
    link = dice.randrange(len(shape.links))
    copy = dice.randrange(len(shape.links[link].runs_on))
    struck = dice.choice((Kill(link, copy), Kill(link, copy), Crash(node), Stop(link, copy)))
    return [(at, Strike(link, copy, dice.randrange(30), struck))]


_RARE = ("older", "recreate", "forget", "refuse")


def edits_of(write: Write, database: SimDatabase) -> list[dict[str, Any]]:
    """The documents that a client writes, given what it reads; none when the edit makes no sense now."""
    if write.kind == "bulk":
        each = (Write(write.node, "put", (write.doc + more) % DOCS, write.number) for more in range(3))
        return [doc for one in each for doc in edits_of(one, database)]
    doc_id = f"doc-{write.doc}"
    known = database.visible.docs.get(doc_id)
    body = {"_id": doc_id, "by": write.node, "n": write.number, "refused": write.number % 5 == 0}
    if known is None or known.row.deleted:
        if write.kind in ("put", "recreate"):
            return [body]
        return [{**body, "_attachments": _attachments(write)}] if write.kind == "attach" else []
    live = [str(leaf) for leaf in known.tree.leaves if not known.tree.deleted[leaf]]
    at = live[-1] if write.kind == "branch" else live[0]
    match write.kind:
        case "delete":
            return [_tombstone(doc_id, at)]
        case "recreate":
            return []
        case "resolve":
            return [{**body, "_rev": at}, *(_tombstone(doc_id, rev) for rev in live[1:])]
    kept = _kept(known, at)
    if write.kind == "attach":
        kept |= _attachments(write)
    return [{**body, "_rev": at, **({"_attachments": kept} if kept else {})}]


def _tombstone(doc_id: str, rev: str) -> dict[str, Any]:
    return {"_id": doc_id, "_rev": rev, "_deleted": True}


def _kept(known: Doc, rev: str) -> dict[str, Any]:
    """The attachments that stay."""
    return {name: {"stub": True} for name in att.decode(known.leaf(rev).atts or b"")}


def _attachments(write: Write) -> dict[str, Any]:
    """One or two attachments: text, which is stored packed, and bytes; some are empty."""
    size = write.number * 37 % 300
    data = Random(write.number).randbytes(size)  # noqa: S311
    found = {f"a{write.number % 3}": ("application/octet-stream", data)}
    if write.number % 2:
        found["text"] = ("text/plain", b"word " * size)
    return {
        name: {"content_type": kind, "data": b64encode(one).decode()} for name, (kind, one) in found.items()
    }
