"""Links between servers that behave as Apache CouchDB, taken away, also when one of the two is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.couch.server import CouchServer
from couchgrass.errors import PeerLost
from couchgrass.linking.address import parse_address
from couchgrass.linking.apply.link import Asked, link
from couchgrass.linking.apply.pair import Show
from couchgrass.linking.apply.unlink import unlink
from couchgrass.linking.plan import Wish
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess, running
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


SILENT = Show(lambda done: None, lambda now: None)
STEPS_MAX = 100
PULL = Asked(("todos",), Wish(one_way=True), proof=False)
PUSH = Asked(("todos",), Wish(one_way=True, push=True), proof=False)


class CutOff(BaseException):
    """The process is gone: nothing that it would do is done."""


def left_on(servers: tuple[ServerProcess, ServerProcess]) -> list[Any]:
    """All that a link may leave, but for accounts."""
    lists = ("_replicator/_all_docs", "_replicator/_local_docs", "todos/_local_docs")
    found = [call(s.auth_url, "GET", f"/{path}").json().get("rows", []) for s in servers for path in lists]
    return found + [call(s.auth_url, "GET", "/todos/_security").json() for s in servers]


def take_accounts(servers: tuple[ServerProcess, ServerProcess]) -> int:
    """How many are left, and away they go."""
    count = 0
    for server in servers:
        for row in call(server.auth_url, "GET", "/_users/_all_docs").json()["rows"]:
            call(server.auth_url, "DELETE", f"/_users/{row['id']}?rev={row['value']['rev']}")
            count += 1
    return count


@pytest.mark.parametrize("what", ["link", "move", "unlink"])
def test_wherever_a_run_is_cut_off_unlink_finds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Cut off before its first write, before its second, …, until it comes to its end.

    One thing can't be found: a key whose name was told, and not noted yet. It has no rights.
    """
    settings = tmp_path / "settings.ini"
    settings.write_text("[chttpd_auth]\niterations = 1\n")
    once = CouchServer._once
    writes_left = STEPS_MAX

    async def cut_off(self: CouchServer, method: str, *rest: Any) -> tuple[int, bytes]:
        nonlocal writes_left
        if method != "GET":
            writes_left -= 1
        if writes_left < 0:
            raise CutOff
        return await once(self, method, *rest)

    def ended(run: Callable[[], Awaitable[Any]], writes: int) -> bool:
        nonlocal writes_left

        async def main() -> None:
            await run()

        writes_left = writes
        try:
            asyncio.run(main())
        except BaseExceptionGroup as cut:
            assert cut.split(CutOff)[1] is None
            return False
        finally:
            writes_left = STEPS_MAX
        return True

    monkeypatch.setattr(CouchServer, "_once", cut_off)
    with running(tmp_path / "a", config=settings) as a, running(tmp_path / "b", config=settings) as b:
        for server in (a, b):
            call(server.auth_url, "PUT", "/todos")
        clean, lost = left_on((a, b)), 0
        urls = (parse_address(a.auth_url), parse_address(b.auth_url))

        async def undone() -> None:
            await unlink(urls, None, SILENT)

        for writes in range(STEPS_MAX):
            if what != "link":
                asyncio.run(link(urls, PULL, SILENT))
            run = undone if what == "unlink" else lambda: link(urls, PULL if what == "link" else PUSH, SILENT)
            is_ended = ended(run, writes)
            asyncio.run(undone())
            assert left_on((a, b)) == clean, f"{what} was cut off after {writes} writes"
            lost += take_accounts((a, b))
            if is_ended:
                break
        else:
            pytest.fail(f"{what} does not end")
        assert writes > 2 and lost == (0 if what == "unlink" else 1)
