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

from couchgrass.testing.ports import free_ports

END_S = 60.0
"""How long a process may take to end, on a machine that has much else to do."""

STARTS_MAX = 3
"""Between our choice of a port and its use somebody else may take it."""

QUICK = "[chttpd_auth]\niterations = 10\n"
"""Settings with which passwords are hashed in no time."""

_STOPS_IN = """
import sys
from couchgrass.cli.main import main
from couchgrass.docdb.http import serve
serve.STOP_S = float(sys.argv.pop(1))
main()
"""


class ServerDied(Exception):
    """The process ended before it served; the text is what it printed."""


class ServerProcess:
    """One server process on a free port of loopback, which it keeps from start to start. `url` has no
    credentials in it, `auth_url` has. `config`: instead of QUICK. `stop_s`: how long its clients may take
    once it is to stop, instead of what the server has for that."""

    def __init__(self, data: Path, *, config: Path | None = None, stop_s: float | None = None) -> None:
        self.data = data
        self.config = config
        self.stop_s = stop_s
        self.port = 0
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
        first = self.port == 0
        for left in reversed(range(STARTS_MAX)):
            if first:
                # Not the system's choice: after a kill, a port of that range may be some connection's own.
                self.port = free_ports(1)[0]
            try:
                self._start_once()
                return
            except ServerDied as died:
                if not (first and left and " is taken: " in str(died)):
                    raise

    def _start_once(self) -> None:
        python = ["-m", "couchgrass"] if self.stop_s is None else ["-c", _STOPS_IN, str(self.stop_s)]
        command = [sys.executable, *python, "db", "--data", str(self.data), "--port", str(self.port)]
        if self.config is None:
            self.config = self.data.parent / f"{self.data.name}.ini"
            self.config.write_text(QUICK)
        command += ["--config", str(self.config)]
        environment = {**os.environ, "COUCHDB_USER": self.user, "COUCHDB_PASSWORD": self.password}
        log = self.data.parent / f"{self.data.name}.log"
        with log.open("a") as errors:
            before = errors.tell()
            self.process = subprocess.Popen(  # noqa: S603
                command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if " at http" not in line:
            self.process.wait(END_S)
            self.process.stdout.close()
            raise ServerDied(line + log.read_bytes()[before:].decode(errors="replace"))
        self.url = line.split(" at ")[1].strip()

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
            status = self.process.wait(END_S)
        finally:
            self.process.kill()
            self.process.wait()
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
