"""The pages' own unit tests, of their pure parts: vitest runs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 500


@pytest.mark.parametrize("workspace", ["web", "examples/todo/web"])
def test_the_pages_own_tests_pass(workspace: str) -> None:
    command = ["npm", "run", "test", "--silent"]
    environment = {**os.environ, "NO_COLOR": "1", "CI": "1"}
    found = subprocess.run(
        command, cwd=ROOT / workspace, env=environment, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert " passed" in found.stdout
