"""A region drained and taken back by hand while requests come in."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from couchgrass.drill.ops import Load
from couchgrass.drill.run.load import Driver
from couchgrass.testing.up import UpProcess
from tests.whole.site import LIMIT_S, TODOS

RATE = 40.0


async def ran(up: UpProcess, *arguments: str) -> str:
    """What a command of its own process says; it must end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "couchgrass", *arguments, "--dir", str(up.folder),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


async def until_served_by(driver: Driver, region: str, after_s: float) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not any(one.region == region and one.began_s > after_s for one in driver.outcomes):
            await asyncio.sleep(0.02)


def test_no_request_fails_when_a_region_is_drained_and_undrained(two: UpProcess) -> None:
    async def work() -> None:
        driver = Driver([two.url + TODOS], Load(random.Random(5).randrange), time.monotonic, mark="drained")
        load = asyncio.create_task(driver.run(RATE))
        try:
            await until_served_by(driver, "london", 0.0)
            assert "london is drained" in await ran(two, "drain", "london")
            drained_s = time.monotonic()
            await until_served_by(driver, "dallas", drained_s)
            undrain_s = time.monotonic()
            assert "london is no longer drained" in await ran(two, "undrain", "london")
            await until_served_by(driver, "london", time.monotonic())
        finally:
            driver.end()
            await load
        assert [one for one in driver.outcomes if one.failed] == []
        between = [one for one in driver.outcomes if drained_s < one.began_s and one.ended_s < undrain_s]
        assert {one.region for one in between} == {"dallas"}

    asyncio.run(work())
