"""Cells wait ahead: taken at once, followed by others, more where they are used, fewer where they are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from couchgrass.functions.runtimes.stems import LINE_MAX, Stems
from tests.functions.runtimes.driver import Driver


@pytest.fixture
def stems(driver: Driver) -> Iterator[Stems]:
    async def make() -> Stems:
        return Stems(driver.runtimes.start)

    made = driver.run(make())
    yield made
    driver.run(made.close())


def test_kept_cells_wait_and_the_taken_one_is_followed_by_another(driver: Driver, stems: Stems) -> None:
    sandbox = driver.runtimes.sandbox("python:3", 256)
    stems.keep(sandbox, 2)
    driver.until(lambda: stems.waiting == 2 and stems.full)
    cell = driver.run(stems.take(sandbox))
    assert stems.waiting == 1
    assert cell.alive
    driver.until(lambda: stems.waiting == 2)
    driver.run(cell.close())


def test_a_line_grows_when_it_is_found_empty_and_falls_back_unused(driver: Driver, stems: Stems) -> None:
    sandbox = driver.runtimes.sandbox("python:3", 256)
    taken = [driver.run(stems.take(sandbox)) for _ in range(3)]
    driver.until(lambda: stems.waiting > 0)
    assert stems.waiting <= LINE_MAX
    # Only now it is unused for long: cells may take their time to start.
    stems._unused_s = 0.0
    stems._changed.set()
    driver.until(lambda: stems.waiting == 0 and stems.full)
    for cell in taken:
        driver.run(cell.close())


def test_a_dead_cell_is_not_given_out(driver: Driver, stems: Stems) -> None:
    sandbox = driver.runtimes.sandbox("python:3", 256)
    stems.keep(sandbox, 1)
    driver.until(lambda: stems.waiting == 1)
    (line,) = stems._lines.values()
    line.waiting[0].discard()
    cell = driver.run(stems.take(sandbox))
    assert cell.alive
    driver.run(cell.close())


def test_node_waits_by_memory_as_it_is_told_when_it_starts(driver: Driver, stems: Stems) -> None:
    keys = {driver.runtimes.sandbox("nodejs:20", memory).key for memory in (128, 256)}
    assert len(keys) == 2
    assert len({driver.runtimes.sandbox("python:3", memory).key for memory in (128, 256)}) == 1
