"""What the system says about our own process agrees with what the process knows of itself."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from pathlib import Path

from couchgrass.docdb.config import Config
from couchgrass.docdb.http.process import process_facts
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.stats import ProcessFacts


def facts_twice(folder: Path) -> tuple[ProcessFacts, ProcessFacts]:
    """Before and after a thread was started, a file opened and the garbage collected."""

    async def look() -> tuple[ProcessFacts, ProcessFacts]:
        settings = SettingsFile(operators=None, own=folder / "settings.ini")
        server = Server(Store.open(folder / "data"), Config(), settings)
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        first = process_facts(server)
        thread.start()
        try:
            with (folder / "open").open("w"):
                gc.collect()
                return first, process_facts(server)
        finally:
            done.set()
            thread.join()
            await server.close()

    return asyncio.run(look())


def test_the_facts_follow_what_the_process_does(tmp_path: Path) -> None:
    first, second = facts_twice(tmp_path)
    assert second.threads == first.threads + 1
    assert second.open_files == first.open_files + 1
    assert second.garbage_collections > first.garbage_collections
    assert second.uptime_s >= first.uptime_s >= 0
    assert second.received_bytes >= first.received_bytes > 0


def test_the_facts_are_of_this_process(tmp_path: Path) -> None:
    facts, _ = facts_twice(tmp_path)
    started_s = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - _started_after_boot_s())
    assert abs(facts.started_s - started_s) < 5
    assert facts.virtual_bytes > facts.resident_bytes > 1_000_000
    assert facts.open_files_max >= facts.open_files
    assert facts.databases == 0


def _started_after_boot_s() -> float:
    words = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(words[19]) / os.sysconf("SC_CLK_TCK")
