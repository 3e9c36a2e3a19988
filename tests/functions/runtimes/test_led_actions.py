"""An old app's action in a real cell: the packages it does not bring along, and its account's database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from couchgrass.functions.cloudant import Target, led
from couchgrass.functions.entity import Limits
from couchgrass.functions.runtimes.cell import Code, End
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.runtimes.packages import folder, put
from couchgrass.functions.runtimes.preloads import PRELOADS
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.functions.runtimes.driver import TIMEOUT_S

NODEJS = """
const Cloudant = require('@cloudant/cloudant');
async function main({ account, username, password, db }) {
  const cloudant = Cloudant({ account, username, password, plugins: 'promises' });
  const { ok } = await cloudant.db.use(db).insert({ title: 'buy milk' }, 'milk');
  return { ok, environment: Object.keys(process.env).filter((name) => name.includes('ACCOUNT')) };
}
"""

PYTHON = """
import os
import urllib.request, base64, ssl

def main(args):
    token = base64.b64encode(f"{args['username']}:{args['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    url = f"https://{args['account']}.cloudant.com/{args['db']}/milk"
    asked = urllib.request.Request(url, b'{"title": "buy milk"}', headers, method="PUT")
    with urllib.request.urlopen(asked, timeout=60) as answer:
        ok = answer.status == 201
    return {"ok": ok, "environment": [name for name in os.environ if "ACCOUNT" in name]}
"""

CLIENTS = Path(__file__).parents[2] / "clients"


class Unread:
    """Keeps the lines, for a failure's message."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def add(self, stream: str, at_ns: int, text: bytes) -> None:
        self.lines.append(text)


async def run(server: ServerProcess, runtimes_folder: Path, kind: str, code: str, db: str) -> Any:
    """The result of the action in a cell whose account leads to the server."""
    runtimes = await LocalRuntimes.open(
        stems={}, packages=lambda kind: folder(runtimes_folder, kind), preloads=PRELOADS
    )
    logs = Unread()
    try:
        accounts = led(["acme"], Target("127.0.0.1", server.port))
        cell = await runtimes.cell(kind, Limits(), name="guest/led", accounts=accounts)
        done = await cell.init(
            Code("led", "main", code.encode(), False, "0" * 64), {}, timeout_s=TIMEOUT_S, logs=logs
        )
        assert (done.end, done.status) == (End.DONE, 200), (done, logs.lines)
        value = {"account": "acme", "username": server.user, "password": server.password, "db": db}
        done = await cell.run(json.dumps({"value": value}).encode(), timeout_s=TIMEOUT_S, logs=logs)
        assert (done.end, done.status) == (End.DONE, 200), (done, logs.lines)
        await cell.close()
    finally:
        await runtimes.close()
    return json.loads(done.body), logs.lines


@pytest.mark.parametrize(("kind", "code"), [("nodejs:8", NODEJS), ("python:3.7", PYTHON)])
def test_an_old_app_finds_its_client_and_its_database(
    couch_server: ServerProcess, db_name: str, tmp_path: Path, kind: str, code: str
) -> None:
    assert call(couch_server.auth_url, "PUT", f"/{db_name}").status == 201
    put(
        tmp_path,
        "nodejs",
        ["@cloudant/cloudant@2"],
        lambda place, _: (place / "node_modules").symlink_to(CLIENTS / "node_modules"),
    )
    answer, lines = asyncio.run(run(couch_server, tmp_path, kind, code, db_name))
    assert answer == {"ok": True, "environment": []}, lines
    assert call(couch_server.auth_url, "GET", f"/{db_name}/milk").json()["title"] == "buy milk"
