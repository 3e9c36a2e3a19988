"""Links between servers that behave as Apache CouchDB, taken away, also when one of the two is gone."""

from __future__ import annotations

import pytest

from couchgrass.errors import PeerLost
from tests.linking.apache import CLOSED
from tests.linking.apply.couples import Pair, with_pair


def test_unlink_takes_everything_away_but_the_documents() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        pair.a.put("todos", "kept", {})
        for server in (pair.a, pair.b):
            for job in (*pair.a.jobs(), *pair.b.jobs()):
                server.put("todos", f"_local/id{job}", {"history": []})
        unlinked = await pair.unlink(("todos",))
        assert unlinked.unreached == {}
        for server in (pair.a, pair.b):
            assert server.jobs() == {} and server.security["todos"] == CLOSED
            left = [name for name, doc in server.dbs["todos"].items() if not doc.get("_deleted")]
            assert left == ["kept"]
        assert pair.accounts == []
        before = pair.writes
        assert (await pair.unlink(("todos",))).dbs == ("todos",) and (await pair.unlink()).dbs == ()
        assert pair.writes == before and pair.done == []

    with_pair(work)


def test_one_server_is_cleaned_when_the_other_one_is_gone() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        (at_a,) = pair.a.jobs()
        for server in (pair.a, pair.b):
            server.put("todos", f"_local/id{at_a}", {"history": []})
        pair.b.down = True
        unlinked = await pair.unlink()
        assert unlinked.unreached == {pair.b.url: f"{pair.b.url}: the connection was closed"}
        assert not pair.a.jobs() and pair.a.security["todos"] == CLOSED
        assert len(pair.b.jobs()) == 1 and len(pair.accounts) == 2
        pair.a.down = True
        with pytest.raises(PeerLost):
            await pair.unlink()
        pair.a.down = pair.b.down = False
        assert (await pair.unlink()).unreached == {} and pair.accounts == []
        assert pair.b.security["todos"] == CLOSED and not pair.b.jobs()
        for server in (pair.a, pair.b):
            for db in ("todos", "_replicator"):
                assert all(doc["_deleted"] for doc in server.dbs[db].values()), (db, server.dbs[db])

    with_pair(work)
