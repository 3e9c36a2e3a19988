"""A whole region under test: `couchgrass region` of this tree, on free ports, with a namespace's key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.server import ROOT, Server, basic, free_port, running, wait_until_up

NAMESPACE = "bench"

FILE = """
name = "bench"
data = "data"
[database]
port = {database}
[functions]
port = {functions}
memory_mb = {memory_mb}
[gateway]
port = {gateway}
[functions.limits]
actions_per_minute = 100000000
"""


@dataclass(frozen=True, slots=True)
class Region:
    """`functions` with the namespace's key, `gateway` without one."""

    functions: Server
    gateway: Server
    folder: Path


@contextmanager
def region(folder: Path) -> Iterator[Region]:
    """A region with its files in `folder`; its processes end with the block."""
    ports = {name: free_port() for name in ("database", "functions", "gateway")}
    ports["memory_mb"] = int(os.environ.get("MEM", "2048"))
    file = folder / "region.toml"
    file.write_text(FILE.format_map(ports))
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    couchgrass = [sys.executable, "-m", "couchgrass"]
    with running([*couchgrass, "region", str(file)], env, folder) as pid:
        gateway = Server("gateway", "127.0.0.1", ports["gateway"], "", pid)
        functions = Server("functions", "127.0.0.1", ports["functions"], "", pid)
        for server in (functions, gateway):
            wait_until_up(server)
        key = folder / "key.json"
        command = [*couchgrass, "key", "create", NAMESPACE, "--file", str(key), "--region", str(file)]
        subprocess.run(command, check=True, env=env, capture_output=True)
        user, _, secret = json.loads(key.read_text())["apikey"].partition(":")
        yield Region(
            Server("functions", "127.0.0.1", ports["functions"], basic(user, secret), pid), gateway, folder
        )
