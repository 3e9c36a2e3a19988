"""PouchDB, nano and IBM's SDK for Node.js each do a full round against our server."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from couchgrass.testing.server import ServerProcess

ROUNDS = Path(__file__).parent / "node"
ROUND_TIMEOUT_S = 100

DOCUMENTS = ["create", "put", "conflict", "bulk", "changes"]
STEPS = {
    "pouchdb": [
        *DOCUMENTS,
        "live changes",
        "attachments",
        "security",
        "replicate",
        "live sync",
        "both ends agree",
        "destroy",
    ],
    "nano": [*DOCUMENTS, "longpoll changes", "continuous changes", "attachments", "security", "destroy"],
    "cloudant": [
        *DOCUMENTS,
        "continuous changes",
        "follow changes",
        "attachments",
        "security",
        "API keys",
        "destroy",
    ],
    "pouchdb_sync": [
        "connect",
        "documents",
        "conflicts",
        "deletions",
        "resolution",
        "attachments",
        "disconnect",
    ],
    "nano_replication": ["create", "once", "chosen", "continuous", "document", "completed", "destroy"],
    "cloudant_replication": ["create", "once", "continuous", "failing", "twice", "destroy"],
}
"""The steps that each round has to report."""


def run_node(script: Path, env: dict[str, str], cwd: Path) -> tuple[int, str]:
    """(exit code, what it printed). The whole process group ends with it, also after the time limit."""
    with subprocess.Popen(
        ["node", str(script)],
        env={**os.environ, **env},
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=ROUND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            printed += f"\nstill running after {ROUND_TIMEOUT_S} s"
    return process.returncode, printed


@pytest.mark.parametrize("client", STEPS)
def test_the_client_completes_its_round(client: str, couch_server: ServerProcess, tmp_path: Path) -> None:
    env = {
        "COUCH_URL": couch_server.url,
        "COUCH_USER": couch_server.user,
        "COUCH_PASSWORD": couch_server.password,
    }
    code, printed = run_node(ROUNDS / f"{client}.mjs", env, tmp_path)
    passed = [line.removeprefix("passed: ") for line in printed.splitlines() if line.startswith("passed: ")]
    assert code == 0, printed
    assert passed == STEPS[client], printed
