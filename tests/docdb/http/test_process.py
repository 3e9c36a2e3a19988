"""What the system says about our own process agrees with what the process knows of itself.

The process is one of its own: in the tests' there are other threads and files, which come and go.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from couchgrass.docdb.config import Config
from couchgrass.docdb.http.process import process_facts
from couchgrass.docdb.http.server import Server
from couchgrass.docdb.http.settings_file import SettingsFile
from couchgrass.docdb.sqlite.store import Store
from couchgrass.docdb.stats import ProcessFacts

ROOT = Path(__file__).parents[3]
LIMIT_S = 60.0


class Looked(msgspec.Struct):
    """The facts before and after a thread was started, a file opened and the garbage collected; and when the
    process started, by another way."""

    first: ProcessFacts
    second: ProcessFacts
    started_s: float


async def look(folder: Path) -> Looked:
    """Called in the process that the facts are of."""
    settings = SettingsFile(operators=None, own=folder / "settings.ini")
    server = Server(Store.open(folder / "data"), Config(), settings)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    first = process_facts(server)
    thread.start()
    try:
        with (folder / "open").open("w"):
            gc.collect()
            second = process_facts(server)
    finally:
        done.set()
        thread.join()
        await server.close()
    words = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started_after_boot_s = int(words[19]) / os.sysconf("SC_CLK_TCK")
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - started_after_boot_s
    return Looked(first, second, time.time() - age_s)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    command = [sys.executable, "-m", __name__, str(tmp_path_factory.mktemp("process"))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=LIMIT_S, check=True)
    return msgspec.json.decode(done.stdout, type=Looked)


def test_the_facts_follow_what_the_process_does(looked: Looked) -> None:
    first, second = looked.first, looked.second
    assert second.threads == first.threads + 1
    assert second.open_files == first.open_files + 1
    assert second.garbage_collections > first.garbage_collections
    assert second.uptime_s >= first.uptime_s >= 0
    assert second.received_bytes >= first.received_bytes > 0


def test_the_facts_are_of_this_process(looked: Looked) -> None:
    facts = looked.first
    assert abs(facts.started_s - looked.started_s) < 5
    assert facts.virtual_bytes > facts.resident_bytes > 1_000_000
    assert facts.open_files_max >= facts.open_files
    assert facts.databases == 0


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(look(Path(sys.argv[1])))))
