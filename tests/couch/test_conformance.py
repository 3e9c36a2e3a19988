"""Every implementation of `Peer` keeps its contract; the rules are in `couchgrass.testing.conformance`."""

from __future__ import annotations

import pytest

from couchgrass.errors import Forbidden
from couchgrass.testing.conformance import RULES, SLOW_RULES, Rule, Subject
from couchgrass.testing.sim_loop import run, this_loop
from couchgrass.testing.sim_network import Network
from couchgrass.testing.sim_peer import SimPeer


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


@pytest.mark.parametrize("rule", (*RULES, *SLOW_RULES), ids=lambda rule: rule.__name__)
def test_a_simulated_peer(rule: Rule) -> None:
    run(lambda: over_a_simulated_peer(rule))
