"""What trees of processes use."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from couchgrass.functions.runtimes.trees import Used, used

BURNT_S = 0.2
BURN = f"""
import time
while time.process_time() < {BURNT_S}: pass
"""
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", '''{BURN}'''])
print("burnt", flush=True)
sleeping = subprocess.Popen(["sleep", "1000"])
sys.stdin.read()
sleeping.kill()
"""


def test_children_count_those_that_have_ended_too() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdin is not None
        assert parent.stdout.readline() == b"burnt\n"
        ends_at = time.monotonic() + 60
        while (found := used([parent.pid, os.getpid()])[parent.pid]).processes < 2:
            assert time.monotonic() < ends_at
        assert found.cpu_s > BURNT_S / 2
        assert found.resident_bytes > 5_000_000
        ours = used([os.getpid()])[os.getpid()]
        assert ours.processes >= 3 and ours.resident_bytes > found.resident_bytes
        parent.stdin.close()
    assert used([parent.pid]) == {parent.pid: Used(0.0, 0, 0)}
