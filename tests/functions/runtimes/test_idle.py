"""What actions leave behind between their runs is ended when it costs others, and let be when it does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes import idle
from couchgrass.functions.runtimes.cell import End
from couchgrass.functions.runtimes.idle import HOT_S, SHARE_MAX, SHARE_MIN, IdleWatch, share_max
from couchgrass.functions.runtimes.spawn import Spawner
from couchgrass.functions.runtimes.trees import Used, used
from tests.functions.runtimes.driver import KINDS, Driver, Ran

PYTHON, NODEJS = KINDS
FOREVER_S = 1e9


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks often, and has no patience: of a busy machine a burner has only now and then a little."""
    monkeypatch.setattr(idle, "INTERVAL_S", 0.2)
    monkeypatch.setattr(idle, "HOT_S", 0.2)
    monkeypatch.setattr(idle, "SHARE_MAX", 0.01)
    yield


BURNERS = {
    "a thread": (
        PYTHON,
        "import threading\ndef burn():\n    while True: pass\n"
        "def main(args):\n    threading.Thread(target=burn, daemon=True).start()\n    return {}",
    ),
    "a child": (
        PYTHON,
        "import subprocess\ndef main(args):\n"
        "    subprocess.Popen(['sh', '-c', 'while :; do :; done'], start_new_session=True)\n    return {}",
    ),
    "a worker": (
        NODEJS,
        "const { Worker } = require('worker_threads');"
        "function main() { new Worker('for (;;);', { eval: true }); return {} }",
    ),
    "when it is loaded": (
        PYTHON,
        "import threading\ndef burn():\n    while True: pass\n"
        "threading.Thread(target=burn, daemon=True).start()\ndef main(args): return {}",
    ),
}


@pytest.mark.parametrize("what", BURNERS)
def test_what_goes_on_using_the_processor_is_ended(
    driver: Driver, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    calm = driver.do(PYTHON, "def main(args): return {}")
    ended(driver, what)
    assert "a process of ns/act is ended: while nothing ran it used" in caplog.text
    assert calm.cell.alive


def test_it_is_so_in_each_confinement(confined: Driver) -> None:
    ended(confined, "a child")


def ended(driver: Driver, what: str) -> None:
    ran = driver.do(*BURNERS[what])
    assert ran.outcome.status == 200
    driver.until(lambda: not ran.cell.alive)
    assert driver.again(ran).outcome.end is End.DIED


def test_memory_that_is_taken_after_the_answer_ends_it_too(
    confined: Driver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "HOT_S", FOREVER_S)
    code = (
        "import threading, time\nheld = []\ndef grow():\n    time.sleep(0.05)\n"
        "    for n in range(50):\n        held.append(bytearray(b'x') * 4_000_000)\n"
        "    time.sleep(1000)\n"
        "def main(args):\n    threading.Thread(target=grow, daemon=True).start()\n    return {}"
    )
    ran = confined.do(PYTHON, code, limits=Limits(memory=128))
    assert ran.outcome.status == 200
    confined.until(lambda: not ran.cell.alive)
    assert "has more memory than its limit" in caplog.text


def test_what_waits_or_works_a_little_is_let_be(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "SHARE_MAX", SHARE_MAX)
    monkeypatch.setattr(idle, "HOT_S", 0.4)
    timers = "function main() { setInterval(() => {}, 20); return { n: 1 } }"
    threads = (
        "import threading, time\ndef tick():\n    while True: time.sleep(0.02)\n"
        "def main(args):\n    threading.Thread(target=tick, daemon=True).start()\n    return {'n': 1}"
    )
    kept: list[Ran] = [driver.do(NODEJS, timers), driver.do(PYTHON, threads)]
    looks = Looks(monkeypatch)
    driver.until(lambda: looks.count >= 5)
    for ran in kept:
        assert driver.again(ran).body == {"n": 1}


class Looks:
    """How often the watch has looked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr(idle, "used", self.used)

    def used(self, pids: Iterable[int]) -> dict[int, Used]:
        """As the original, counted."""
        found = used(pids)
        self.count += 1
        return found


class Told:
    """Stands for a cell, of which the test tells what it uses."""

    memory_bytes_max = 1

    def __init__(self, path: str) -> None:
        self.path = path
        self.process: Any = None
        self.ended: list[End] = []

    def end(self, how: End) -> None:
        """Notes it."""
        self.ended.append(how)


def test_who_burns_for_long_without_a_break_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "HOT_S", HOT_S)
    monkeypatch.setattr(idle, "SHARE_MAX", SHARE_MAX)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    burns, pauses, calm = Told("burns"), Told("pauses"), Told("calm")
    cells = [burns, pauses, calm]

    async def look() -> None:
        watch = IdleWatch(Spawner())
        for cell in cells:
            watch.add(cell)
        for second in range(int(HOT_S) + 1):
            assert not burns.ended
            spent = {burns: 0.6 * second, pauses: 0.6 * (second - (second >= HOT_S)), calm: 0.1 * second}
            left = [cell for cell in cells if not cell.ended]
            watch._end_hot(left, {cell: Used(spent[cell], 0, 1) for cell in left}, 100.0 + second)
        await watch.close()

    asyncio.run(look())
    assert [cell.ended for cell in cells] == [[End.DIED], [], []]


def test_a_run_begins_the_count_anew(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patient:  # neither is ended while the other starts
        patient.setattr(idle, "HOT_S", FOREVER_S)
        ran = driver.do(*BURNERS["a thread"])
        other = driver.do(*BURNERS["a thread"])
    while other.cell.alive:
        assert driver.again(ran).outcome.status == 200
    driver.until(lambda: not ran.cell.alive)


@pytest.mark.parametrize(
    ("shares", "cores", "most"),
    [
        ([0.4, 0.0], 2, SHARE_MAX),
        ([0.9, 0.0], 2, SHARE_MAX),
        ([0.02] * 100, 2, SHARE_MIN),
        ([0.2] * 10, 2, 0.1),
        ([1.0, 1.0], 2, SHARE_MAX),
        ([], 2, SHARE_MAX),
    ],
)
def test_many_that_share_the_processor_stand_out_together(
    monkeypatch: pytest.MonkeyPatch, shares: list[float], cores: int, most: float
) -> None:
    monkeypatch.setattr(idle, "SHARE_MAX", SHARE_MAX)
    assert share_max(shares, cores) == pytest.approx(most)
