"""The same content over all four pairs of ends: each may be a database of the replicator's server, or far."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .pair import Side, pair

HISTORY = 1500
BINARY = bytes(range(256)) * 40
TEXT = b"couch grass comes back from any piece of root " * 50


def attached(**files: tuple[str, bytes]) -> dict[str, Any]:
    """Attachments as they are written inline."""
    return {
        name: {"content_type": kind, "data": base64.b64encode(data).decode()}
        for name, (kind, data) in files.items()
    }


async def fill(side: Side) -> None:
    """Conflicts, deletions, a long history, attachments, a design document, odd ids, and a local document."""
    long = {"_id": "long", "_revisions": {"start": HISTORY, "ids": [f"{n:032x}" for n in range(HISTORY)]}}
    docs: list[dict[str, Any]] = [
        {"_id": "conflict", "_rev": "1-a", "v": 1},
        {"_id": "conflict", "_rev": "1-b", "v": 2, "_attachments": attached(b=("image/png", BINARY))},
        {"_id": "conflict", "_revisions": {"start": 2, "ids": ["c", "a"]}, "_deleted": True, "kept": "why"},
        {"_id": "gone", "_rev": "3-x", "_deleted": True},
        {"_id": "_design/app", "_rev": "1-d", "views": {"all": {"map": "function(doc) { emit(doc._id); }"}}},
        {"_id": "ä/ö +&?%", "_rev": "1-o", "big": 12345678901234567890, "one": 1.0},
        {"_id": "files", "_rev": "1-f", "_attachments": attached(
            text=("text/plain", TEXT), binary=("application/octet-stream", BINARY), empty=("text/plain", b"")
        )},
        long,
    ]  # fmt: skip
    assert await side.json("POST", "/db/_bulk_docs", {"new_edits": False, "docs": docs}) == []
    await side.json("PUT", "/db/_local/mine", {"stays": True})


async def content(side: Side, database: str) -> dict[str, Any]:
    """Every leaf of every document with its history and attachments, as far as it is replicated."""
    found = {}
    changes = await side.json("GET", f"/{database}/_changes?style=all_docs")
    asked = [{"id": row["id"], "rev": leaf["rev"]} for row in changes["results"] for leaf in row["changes"]]
    options = "revs=true&attachments=true"
    answer = await side.json("POST", f"/{database}/_bulk_get?{options}", {"docs": asked})
    for result in answer["results"]:
        for one in result["docs"]:
            found[f"{result['id']} {one['ok']['_rev']}"] = one["ok"]
    return found


Ends = Callable[[Side, Side], tuple[str, str, Side, str]]

PAIRS: dict[str, Ends] = {
    "here to here": lambda a, b: ("db", "copy", a, "copy"),
    "here to there": lambda a, b: ("db", b.at("copy"), b, "copy"),
    "there to there": lambda a, b: (a.at("db"), b.at("copy"), b, "copy"),
}


@pytest.mark.parametrize("ends", PAIRS.values(), ids=PAIRS)
def test_all_there_is_arrives_as_it_is(ends: Ends, tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        source, target, where, name = ends(a, b)
        await check(a, a, where, name, {"source": source, "target": target})

    pair(tmp_path, work)


def test_all_there_is_elsewhere_arrives_here_as_it_is(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await check(a, b, b, "copy", {"source": a.at("db"), "target": "copy"})

    pair(tmp_path, work)


async def check(full: Side, runs: Side, where: Side, name: str, body: dict[str, Any]) -> None:
    """Fills `full`, has `runs` replicate, and compares with database `name` of `where`."""
    await fill(full)
    await where.json("PUT", f"/{name}")
    for database, side in (("db", full), (name, where)):
        await side.json("PUT", f"/{database}/_revs_limit", HISTORY)
    status, answer = await runs.ask("POST", "/_replicate", body)
    assert status == 200, answer
    assert answer["history"][0]["doc_write_failures"] == 0
    before, after = await content(full, "db"), await content(where, name)
    assert before.keys() == after.keys() and len(before) == 7
    assert before == after
    winner = await where.json("GET", f"/{name}/conflict")
    assert winner["_rev"] == (await full.json("GET", "/db/conflict"))["_rev"] == "1-b"
    assert (await where.ask("GET", f"/{name}/_local/mine"))[0] == 404
    status, again = await runs.ask("POST", "/_replicate", body)
    assert (status, again["no_changes"]) == (200, True)
