"""Every implementation of `Peer` keeps its contract; the rules are in `couchgrass.testing.conformance`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from couchgrass.couch.auth import Auth
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.in_process import AsgiTransport
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import HttpTransport, Transport, whole
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.http.app import App
from couchgrass.errors import Forbidden
from couchgrass.testing.conformance import RULES, SLOW_RULES
from couchgrass.testing.conformance_subject import Rule, Subject, leaf, write
from couchgrass.testing.in_process import ADMIN, Served, served
from couchgrass.testing.sim_loop import run, this_loop
from couchgrass.testing.sim_network import Network
from couchgrass.testing.sim_peer import SimPeer

VALIDATION = "function (doc) { if (doc.refused) { throw {forbidden: 'not here'}; } }"


def refuse_marked(doc_id: str, doc: object) -> None:
    if isinstance(doc, dict) and doc.get("refused"):
        raise Forbidden("not here")


async def over_a_simulated_peer(rule: Rule) -> None:
    network = Network(this_loop())
    home = network.add("home")
    database = home.create("db")

    async def refuse() -> None:
        database.validate = refuse_marked

    async def secure() -> None:
        database.secure({"admins": {"names": ["somebody"]}})
        database.sync()

    peer, absent = (SimPeer(network, home, name, "elsewhere") for name in ("db", "absent"))
    await rule(Subject(peer, absent, refuse, secure))


async def over_a_server(rule: Rule, transport: Transport) -> None:
    """A couchgrass server, or whatever `transport` leads to."""
    peer, absent = (CouchDatabase(transport, name, retries=0) for name in ("db/1", "absent"))
    await peer.create({})

    async def refuse() -> None:
        await write(peer, leaf("_design/rules", "1", validate_doc_update=VALIDATION))

    async def secure() -> None:
        body = json.dumps({"admins": {"names": ["somebody"]}}).encode()
        headers = {"content-type": "application/json"}
        async with transport.request("PUT", "/db%2F1/_security", headers=headers, body=body) as reply:
            assert reply.status == 200, await whole(reply, 1000)

    await rule(Subject(peer, absent, refuse, secure))


def over_http(here: Served) -> Transport:
    return HttpTransport(here.session, here.url, auth=Auth(*ADMIN), pace=Pace())


def in_this_process(here: Served) -> Transport:
    return AsgiTransport(App(here.server), UserCtx(ADMIN[0], ("_admin",)))


@pytest.mark.parametrize("rule", (*RULES, *SLOW_RULES), ids=lambda rule: rule.__name__)
def test_a_simulated_peer(rule: Rule) -> None:
    run(lambda: over_a_simulated_peer(rule))


@pytest.mark.parametrize("to", (over_http, in_this_process), ids=lambda to: to.__name__)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_server(rule: Rule, to: object, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path / "data") as here:
            await over_a_server(rule, to(here))  # type: ignore[operator]

    asyncio.run(main())
