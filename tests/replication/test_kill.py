"""Two real servers, one or the other killed while many documents are copied: both end equal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess, running

DOCS = 30_000
BATCH = 5_000
COPIED = 100
"""Documents in one batch of the copy, which is so small that the copy takes a while."""
FILLS_MAX = 5
WAIT_S = 90.0


def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; a server that is down counts as no."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def count(server: ServerProcess) -> int:
    found: int = call(server.auth_url, "GET", "/db").json()["doc_count"]
    return found


def revs(server: ServerProcess) -> dict[str, str]:
    rows = call(server.auth_url, "GET", "/db/_all_docs").json()["rows"]
    return {row["id"]: row["value"]["rev"] for row in rows}


def scheduled(server: ServerProcess) -> Any:
    return call(server.auth_url, "GET", "/_scheduler/docs/_replicator/fill").json()


def fill(server: ServerProcess, first: int) -> None:
    """Writes DOCS documents, the first of this number."""
    for start in range(first, first + DOCS, BATCH):
        docs = [{"_id": f"{number:06d}", "n": number} for number in range(start, start + BATCH)]
        assert call(server.auth_url, "POST", "/db/_bulk_docs", {"docs": docs}).status == 201


def again(server: ServerProcess) -> None:
    """``kill -9``, and a new start on the same port."""
    server.kill()
    server.start()


@pytest.mark.timeout(240)
def test_a_back_fill_survives_the_death_of_either_server(tmp_path: Path) -> None:
    with running(tmp_path / "a") as source, running(tmp_path / "b") as target:
        for server in (source, target):
            assert call(server.auth_url, "PUT", "/db").status == 201
        fill(source, 0)
        job = {"source": f"{source.auth_url}/db", "target": "db", "continuous": True}
        job |= {"worker_batch_size": COPIED}
        assert call(target.auth_url, "PUT", "/_replicator/fill", job).status == 201
        for copied in range(0, FILLS_MAX * DOCS, DOCS):
            until(lambda copied=copied: count(target) > copied + DOCS // 10)  # type: ignore[misc]
            again(source)
            if count(target) < copied + DOCS:
                break
            fill(source, copied + DOCS)  # the copy was over before anything died
        else:
            pytest.fail("the copy is always over before anything dies")
        until(lambda: count(target) > copied + DOCS // 3)
        again(target)
        until(lambda: count(target) > copied + DOCS // 2)
        again(target)
        until(lambda: count(target) == copied + DOCS)
        call(source.auth_url, "PUT", "/db/last", {"n": DOCS})
        until(lambda: call(target.auth_url, "GET", "/db/last").status == 200)
        assert revs(target) == revs(source)
        until(lambda: scheduled(target)["state"] == "running")
        assert scheduled(target)["dead_letters"] == 0
