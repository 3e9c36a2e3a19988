"""Real clients of Cloudant, unchanged, reach the region's own database under their account's host name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from couchgrass.functions.cloudant import Target, led
from couchgrass.functions.runtimes.preloads import PRELOADS
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess

HERE = Path(__file__).parent
HOST = "acme-bluemix.cloudant.com"
WAIT_S = 100.0

PYTHON = """
import sys
with open(sys.argv.pop(1)) as preload:
    exec(compile(preload.read(), "preload", "exec"), {"__name__": "preload"})
with open(sys.argv.pop(1)) as app:
    exec(compile(app.read(), "app", "exec"), {"__name__": "__main__"})
"""


def answered(server: ServerProcess, db: str, command: list[str], **environment: str) -> Any:
    """What the app answers in a process whose accounts lead to the server."""
    told = led(["acme-bluemix"], Target("127.0.0.1", server.port))
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "COUCHGRASS_ACCOUNTS": json.dumps(told),
            "HOST": HOST,
            "LOGIN": server.user,
            "PASSWORD": server.password,
            "DB": db,
            **environment,
        },
        cwd=HERE / "node",
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def node(client: str) -> list[str]:
    return ["node", "--require", str(PRELOADS["nodejs"]), str(HERE / "node" / "led.cjs"), client]


def python(client: str) -> list[str]:
    return [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        PYTHON,
        str(PRELOADS["python"]),
        str(HERE / "led_apps.py"),
        client,
    ]


@pytest.fixture
def database(couch_server: ServerProcess, db_name: str) -> str:
    assert call(couch_server.auth_url, "PUT", f"/{db_name}").status == 201
    return db_name


ROUND = {"title": "buy milk", "rows": 1, "missing": 404}

NODE = {
    "cloudant2": ROUND,
    "cloudant2_url": ROUND,
    "cloudant1": ROUND,
    "nano": ROUND,
    "https": {"put": 201, "status": 200, "title": "buy milk", "secured": [True, True]},
    "https_agent": {"put": 201, "status": 200, "title": "buy milk", "secured": [True, True]},
    "http": {"put": 201, "status": 200, "title": "buy milk", "secured": [False, False]},
    "fetch": {"put": 201, "status": 200, "title": "buy milk"},
    "esm": {"status": "200", "welcome": True},
    "feed": {"ids": ["first", "second"]},
    "other": {"syscall": "getaddrinfo"},
    "environment": {"left": []},
}


@pytest.mark.parametrize("client", NODE)
def test_node_apps_reach_the_regions_database(
    couch_server: ServerProcess, database: str, client: str
) -> None:
    assert answered(couch_server, database, node(client)) == NODE[client]


APPS = {
    "cloudant": {"titles": ["buy milk"], "title": "buy milk"},
    "requests": {"put": 201, "title": "buy milk", "plain": 200},
    "ibmcloudant": {"title": "buy milk"},
    "urllib": {"put": 201},
    "aiohttp": {"put": 201, "title": "buy milk", "plain": 200, "ids": ["milk", "last"]},
    "large": {"asyncio": 3_000_000, "socket": 3_000_000},
    "sockets": {"status": 200, "kind": True, "name": HOST},
    "other": {"gaierror": True},
    "environment": {"left": []},
}


@pytest.mark.parametrize("client", APPS)
def test_python_apps_reach_the_regions_database(
    couch_server: ServerProcess, database: str, client: str
) -> None:
    assert answered(couch_server, database, python(client)) == APPS[client]


def test_tls_to_other_servers_stays_tls(
    couch_server: ServerProcess, database: str, certificate: dict[str, str]
) -> None:
    answer = answered(couch_server, database, node("real_tls"), **certificate)
    assert answer == {"refused": "DEPTH_ZERO_SELF_SIGNED_CERT", "text": "hello", "authorized": False}
    answer = answered(couch_server, database, python("real_tls"), **certificate)
    assert answer == {"refused": "SSLCertVerificationError", "text": "hello", "version": "TLSv1.3"}
