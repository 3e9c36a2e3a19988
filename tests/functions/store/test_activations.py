"""Activation records: found as soon as they are put, newest first, and not lost by a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.clock import SystemClock
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions.activation import Status
from couchgrass.functions.store import activation_mover, activations
from couchgrass.functions.store.activations import Activations
from tests.functions.store.test_activation_rows import activation, same

FOREVER_S = 1e12


@pytest.fixture(autouse=True)
def gather_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put stays in memory until a flush, so that a test knows where it is."""
    monkeypatch.setattr(activation_mover, "GATHER_S", 3600)


def with_store(folder: Path, work: Callable[[Activations], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await Activations.open(folder, clock=SystemClock(), keep_s=FOREVER_S)
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_a_record_is_found_while_it_runs_once_it_was_put_and_after_it_was_stored(tmp_path: Path) -> None:
    running = activation(1, end=None, status=None)
    ended = activation(1, logs=("a line",))

    async def work(store: Activations) -> None:
        store.begin(running)
        assert await store.get("ns", running.activation_id) == running
        store.put(ended)
        assert same(await store.get("ns", running.activation_id), ended)
        await store.flush()
        assert same(await store.get("ns", running.activation_id), ended)
        assert len(await store.list("ns")) == await store.count("ns") == 1

    with_store(tmp_path, work)
    with_store(tmp_path, lambda store: found(store, ended.activation_id))


async def found(store: Activations, activation_id: str) -> None:
    await store.get("ns", activation_id)


def test_what_is_another_namespaces_or_not_there_is_not_found(tmp_path: Path) -> None:
    async def work(store: Activations) -> None:
        store.begin(activation(1))
        store.put(activation(2))
        store.put(activation(3))
        for flushed in (False, True):
            for number in (1, 2, 3):
                with pytest.raises(NotFound, match=r"The requested resource does not exist\."):
                    await store.get("other", f"{number:032x}")
            with pytest.raises(NotFound):
                await store.get("ns", "f" * 32)
            assert await store.list("other") == []
            if not flushed:
                await store.flush()

    with_store(tmp_path, work)


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ({}, range(1029, 999, -1)),
        ({"limit": 5}, range(1029, 1024, -1)),
        ({"skip": 7, "limit": 5}, range(1022, 1017, -1)),
        ({"skip": 18, "limit": 5}, range(1011, 1006, -1)),
        ({"skip": 25, "limit": 9}, range(1004, 999, -1)),
        ({"skip": 30}, ()),
        ({"since": 1005, "upto": 1021}, range(1021, 1004, -1)),
        ({"name": "act", "limit": 100}, range(1029, 1000, -2)),
        ({"name": "p/act"}, range(1027, 1000, -6)),
        ({"name": "q/act"}, ()),
        ({"name": "act", "since": 1015, "skip": 2, "limit": 3}, (1025, 1023, 1021)),
    ],
)
def test_a_list_is_one_of_all_that_there_is(
    tmp_path: Path, options: dict[str, Any], starts: range | tuple[int, ...]
) -> None:
    async def work(store: Activations) -> None:
        await fill_named(store)
        listed = await store.list("ns", **options)
        assert [one.start for one in listed] == list(starts)
        if not options.keys() & {"skip", "limit"}:
            assert await store.count("ns", **options) == len(listed)

    with_store(tmp_path, work)


async def fill_named(store: Activations) -> None:
    """30 records: the oldest ten stored, ten in memory, ten that run. The odd ones are of `act`, every third
    of those in the package `p`."""
    for number in range(30):
        one = activation(
            number,
            name="act" if number % 2 else "other",
            annotations={"path": "ns/p/act" if number % 6 == 3 else "ns/act"},
        )
        if number < 20:
            store.put(one)
        else:
            store.begin(one)
        if number == 9:
            await store.flush()


def test_results_and_logs_are_listed_only_when_asked_for_and_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "LIST_BYTES_MAX", 250)

    async def work(store: Activations) -> None:
        for number in range(4):
            store.put(activation(number, logs=("x" * 100,)))
        await store.flush()
        assert [len(one.logs) for one in await store.list("ns")] == [0, 0, 0, 0]
        assert [len(one.logs) for one in await store.list("ns", docs=True)] == [1, 1, 0, 0]

    with_store(tmp_path, work)


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    async def work(store: Activations) -> None:
        with pytest.raises(CouchgrassError, match="in use"):
            await Activations.open(tmp_path, clock=SystemClock())

    with_store(tmp_path, work)
    with_store(tmp_path, lambda store: store.flush())


def test_a_file_that_can_not_be_read_is_503_and_memory_still_answers(tmp_path: Path) -> None:
    async def work(store: Activations) -> None:
        store.put(activation(1))
        store._mover.path = tmp_path / "gone"
        assert (await store.get("ns", f"{1:032x}")).status is Status.SUCCESS
        with pytest.raises(ServiceUnavailable):
            await store.list("ns")

    with_store(tmp_path, work)


WRITER = """
import asyncio, sys
from pathlib import Path
from couchgrass.clock import SystemClock
from couchgrass.functions.store.activations import Activations
from tests.functions.store.test_activation_rows import activation

async def main(folder, first):
    store = await Activations.open(folder, clock=SystemClock(), keep_s=1e12)
    number = first
    store.begin(activation(10**6 + first, end=None, status=None), durable=True)
    while True:
        for number in range(number + 1, number + 50):
            store.put(activation(number, logs=("x" * (number % 500),)))
            print(number, flush=True)
        await asyncio.sleep(0)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def written_until_killed(folder: Path, first: int, after: int) -> list[int]:
    """A process puts records until it is killed; the ones that it said it had put."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(first)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        said += [
            int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")
        ]
    return said


def test_a_kill_at_any_time_loses_nothing_that_was_put(tmp_path: Path) -> None:
    said: list[int] = []
    begun = []
    for after in (1, 700, 6_000):
        first = max(said, default=0) + 1_000
        begun.append(10**6 + first)
        said += written_until_killed(tmp_path, first, after)

    async def work(store: Activations) -> None:
        kept = {int(one.activation_id, 16): one for one in await store.list("ns", limit=10**6)}
        assert not [number for number in said if number not in kept]
        for number in begun:
            assert kept[number].status is Status.INTERNAL_ERROR
        assert all(one.end is not None for one in kept.values())

    with_store(tmp_path, work)
