"""A `pouchdb-server` process: a CouchDB of another make, as the other end of replications."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path

from couchgrass.testing.call import call
from couchgrass.testing.ports import free_ports

PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "pouchdb-server"
START_S = 60.0
STOP_S = 30.0
USER = "admin"


class PouchdbServer:
    """On a free port of loopback, the same after each start, with LevelDB files in `folder`.

    `url` holds the admin's credentials.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.password = secrets.token_hex(8)
        self.url = f"http://{USER}:{self.password}@127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)

    def start(self) -> None:
        """Returns once it answers."""
        is_new = not (self.folder / "config.json").exists()
        command = ["node", str(PROGRAM), "--no-stdout-logs", "--port", str(self.port)]
        command += ["--dir", str(self.folder / "data"), "--config", str(self.folder / "config.json")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=dict(os.environ), stdout=log, stderr=subprocess.STDOUT
            )
        bare = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + START_S
        while not _answers(bare):
            assert self._process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.02)
        if is_new:
            assert call(bare, "PUT", f"/_config/admins/{USER}", self.password).status == 200

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_S)

    def stop(self) -> None:
        """Ends it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def printed(self) -> str:
        """What it has printed, the end of it."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]


def _answers(url: str) -> bool:
    try:
        return call(url, "GET", "/").status == 200
    except OSError:
        return False
