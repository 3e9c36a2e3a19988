"""The log waits for nobody."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from couchgrass.region.run.log import Log

SCRIPT = """
import sys
from couchgrass.region.run.log import LINES_MAX, Log
log = Log()
for number in range(LINES_MAX + 20_000):
    log.add("database", f"line {number}")
print("all said", flush=True)
sys.stdin.readline()
log.add("gateway", "after")
log.close()
"""


def test_lines_have_the_name_of_who_said_them_and_a_stalled_reader_stops_nobody() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "all said\n"
    _, error = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    lines = error.splitlines()
    assert lines[:2] == ["database  | line 0", "database  | line 1"]
    assert len(lines) < 30_000


def test_another_stream_and_another_name() -> None:
    stream = io.StringIO()
    log = Log("up", stream)
    log.add(log.own, "all is well")
    log.close()
    assert stream.getvalue() == "up        | all is well\n"
