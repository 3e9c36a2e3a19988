"""The access log of a real Envoy, set aside when it is full."""

from __future__ import annotations

import asyncio
from pathlib import Path

from couchgrass.balancer.envoy.admin import Admin
from couchgrass.balancer.envoy.logfile import rotate

from .conftest import Running, until


def test_a_full_log_is_set_aside_and_envoy_writes_a_new_one(site: Running) -> None:
    file = site.balancer.data / "access.log"

    async def work(bytes_max: int) -> bool:
        async with Admin(site.balancer.data / "envoy") as admin:
            return await rotate(file, admin, bytes_max)

    site.ask("GET", "/before")
    until(lambda: "/before" in file.read_text())
    assert not asyncio.run(work(10_000_000))
    assert asyncio.run(work(1))
    assert "/before" in file.with_name("access.log.1").read_text()
    site.ask("GET", "/after")
    until(lambda: file.is_file() and "/after" in file.read_text())
    assert "/before" not in file.read_text()


def test_without_a_log_there_is_nothing_to_do(tmp_path: Path) -> None:
    async def work() -> bool:
        async with Admin(tmp_path) as admin:
            return await rotate(tmp_path / "access.log", admin)

    assert not asyncio.run(work())
