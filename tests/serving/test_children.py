"""A child that dies with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from couchgrass.testing.region import is_gone, until

PARENT = """
import subprocess, sys
from couchgrass.serving.children import die_with_us
child = subprocess.Popen(["sleep", "300"], preexec_fn=die_with_us(), stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows that a parent died")
def test_the_child_of_a_killed_parent_ends_and_has_a_group_of_its_own() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert os.getpgid(child) == child
        assert os.getsid(child) == os.getsid(0)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until(lambda: is_gone(child))
