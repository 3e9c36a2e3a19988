"""A real ``couchgrass db`` process for tests: started, waited for, stopped or killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 60.0
STOP_S = 60.0


class ServerDied(Exception):
    """The process ended before it served; the text is what it printed."""


class ServerProcess:
    """One server process on a free port of loopback. `url` has no credentials in it, `auth_url` has."""

    def __init__(self, data: Path, *, config: Path | None = None, port: int = 0) -> None:
        self.data = data
        self.config = config
        self.port = port
        self.user = "admin"
        self.password = secrets.token_hex(8)
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    @property
    def auth_url(self) -> str:
        parts = urllib.parse.urlsplit(self.url)
        return f"http://{self.user}:{self.password}@{parts.netloc}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Starts it and returns once it answers. Raises ServerDied."""
        command = [
            sys.executable,
            "-m",
            "couchgrass",
            "db",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        if self.config is not None:
            command += ["--config", str(self.config)]
        environment = {**os.environ, "COUCHDB_USER": self.user, "COUCHDB_PASSWORD": self.password}
        log = (self.data.parent / f"{self.data.name}.log").open("a")
        with log:
            self.process = subprocess.Popen(  # noqa: S603
                command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if " at http" not in line:
            self.process.wait(START_S)
            self.process.stdout.close()
            raise ServerDied(line + Path(log.name).read_text())
        self.url = line.split(" at ")[1].strip()
        self.port = urllib.parse.urlsplit(self.url).port or 0

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what a power cut does to the process."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S)
        finally:
            self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()
        return status


@contextmanager
def running(data: Path, *, config: Path | None = None) -> Iterator[ServerProcess]:
    """A server for the length of a block."""
    server = ServerProcess(data, config=config)
    server.start()
    try:
        yield server
    finally:
        assert server.process is not None
        if server.process.poll() is None:
            server.stop()
