"""The controller's side of a cell: one thing at a time, nothing left behind, little of its own time spent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Code, End
from couchgrass.functions.runtimes.confine import descendants
from couchgrass.functions.runtimes.process_cell import ProcessCell
from tests.functions.runtimes.driver import KINDS, TIMEOUT_S, Driver, Logs

ECHO = {KINDS[0]: "def main(args): return args", KINDS[1]: "function main(args) { return args }"}


OF_MEMORY = {
    KINDS[0]: "import os\ndef main(args): return {'nice': os.nice(0)}",
    KINDS[1]: "function main() { return { nice: require('os').getPriority() } }",
}
FDS_A_CELL = 5


def open_fds(driver: Driver) -> int:
    """While the loop runs, but for those of the cells that wait."""

    async def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    return driver.run(count()) - FDS_A_CELL * driver.runtimes.stems.waiting


def test_closing_leaves_no_descriptor_and_no_zombie(driver: Driver) -> None:
    driver.until(lambda: driver.runtimes.stems.full)
    before = open_fds(driver)
    pids = []
    for kind in (*KINDS, *KINDS):
        ran = driver.do(kind, ECHO[kind], {"n": 1})
        assert isinstance(ran.cell, ProcessCell)
        pids.append(ran.cell.process.pid)
        driver.end(ran)
        driver.end(ran)
        assert not ran.cell.alive
    driver.until(lambda: driver.runtimes.stems.full)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    ends_at = time.monotonic() + TIMEOUT_S
    while open_fds(driver) > before:  # a cell that waited for long may be let go just now
        assert time.monotonic() < ends_at


def test_a_run_that_is_given_up_ends_the_cell(driver: Driver) -> None:
    ran = driver.load(KINDS[0], "def main(args):\n    while True: pass")

    async def give_up() -> None:
        run = asyncio.ensure_future(ran.cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs()))
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    driver.run(give_up())
    assert not ran.cell.alive


def test_close_ends_what_goes_on(driver: Driver) -> None:
    ran = driver.load(KINDS[1], "function main() { for (;;); }")

    async def close_meanwhile() -> End:
        run = asyncio.ensure_future(ran.cell.run(b"{}", timeout_s=TIMEOUT_S, logs=Logs()))
        await asyncio.sleep(0)
        await ran.cell.close()
        return (await run).end

    assert driver.run(close_meanwhile()) is End.DIED


def test_a_cell_that_died_while_it_waited_is_known_to_be_dead(driver: Driver) -> None:
    ran = driver.do(KINDS[0], ECHO[KINDS[0]])
    assert ran.outcome.end is End.DONE
    assert isinstance(ran.cell, ProcessCell)
    for pid in descendants(ran.cell.process.pid):
        os.kill(pid, signal.SIGKILL)
    driver.until(lambda: not ran.cell.alive)
    assert driver.again(ran).outcome.end is End.DIED


def test_a_message_larger_than_a_pipe_goes_through_while_the_loop_runs(driver: Driver) -> None:
    ran = driver.load(KINDS[0], "def main(args): return {'n': len(args['a'])}")
    assert driver.again(ran, {"a": "x" * 5_000_000}).body == {"n": 5_000_000}


def test_code_of_the_largest_size_is_taken(driver: Driver) -> None:
    for kind, remark in ((KINDS[0], "#"), (KINDS[1], "//")):
        ran = driver.do(kind, f"{ECHO[kind]}\n{remark}{'x' * 40_000_000}", {"n": 1})
        assert ran.body == {"n": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_warm_run_costs_the_controller_little(driver: Driver, kind: str) -> None:
    """Counted in calls, which are as many on a slow machine."""
    ran = driver.load(kind, ECHO[kind])
    message = b'{"value":{"n":1},"activation_id":"a","deadline":"1"}'
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def calls_of_a_run() -> int:
        nonlocal calls
        calls = 0
        sys.setprofile(count)
        try:
            outcome = await ran.cell.run(message, timeout_s=TIMEOUT_S, logs=Logs())
        finally:
            sys.setprofile(None)
        assert outcome.status == 200
        return calls

    seen = [driver.run(calls_of_a_run()) for _ in range(20)]
    assert min(seen) <= 60


def test_took_ms_is_the_time_of_the_run(driver: Driver) -> None:
    code = "import time\ndef main(args):\n    time.sleep(0.05)\n    return {}"
    assert driver.do(KINDS[0], code).outcome.took_ms >= 49


def test_raw_output_up_to_megabytes_is_all_there(driver: Driver) -> None:
    code = "import os\n"
    code += "def main(args):\n    for n in range(200): os.write(1, b'x' * 9999 + b'\\n')\n    return {}"
    ran = driver.do(KINDS[0], code)
    assert [len(text) for _, _, text in ran.logs.lines] == [9999] * 200


def test_a_signal_to_our_terminal_is_not_for_the_cells(driver: Driver) -> None:
    ran = driver.load(KINDS[0], "def main(args): return {}")
    assert isinstance(ran.cell, ProcessCell)
    assert os.getsid(ran.cell.process.pid) != os.getsid(0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_action_has_more_of_the_processor(driver: Driver, kind: str) -> None:
    for memory, nice in ((128, 6), (256, 5), (2048, 2)):
        ran = driver.do(kind, OF_MEMORY[kind], limits=Limits(memory=memory))
        assert json.loads(ran.outcome.body) == {"nice": min(os.nice(0) + nice, 19)}
        driver.end(ran)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_last_step(driver: Driver, kind: str) -> None:
    cell = driver.run(driver.runtimes.cell(kind, Limits(memory=128), name="ns/act"))
    assert isinstance(cell, ProcessCell)
    driver.given.append(cell)
    for pid in descendants(cell.process.pid):
        os.setpriority(os.PRIO_PROCESS, pid, 18)  # as if we had been started with 16
    code = Code("act", "", OF_MEMORY[kind].encode(), False, "digest")
    loaded = driver.run(cell.init(code, {}, timeout_s=TIMEOUT_S, logs=Logs()))
    assert (loaded.end, loaded.status) == (End.DONE, 200)
    ran = driver.run(cell.run(b'{"value":{}}', timeout_s=TIMEOUT_S, logs=Logs()))
    assert json.loads(ran.body) == {"nice": 19}
