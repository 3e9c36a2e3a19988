"""Links between servers that behave as Apache CouchDB: made, found again, repaired, proved, taken away."""

from __future__ import annotations

import pytest

from couchgrass.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    RequestTimeout,
    Unauthorized,
)
from couchgrass.linking.address import parse_address
from couchgrass.linking.apply.link import Asked, check_names, link, parse_selector
from couchgrass.linking.apply.pair import Show
from couchgrass.linking.plan import Wish
from tests.linking.apache import CLOSED
from tests.linking.apply.couples import TODOS, Pair, with_pair


def test_a_link_is_made_proved_and_carries_documents_both_ways() -> None:
    async def work(pair: Pair) -> None:
        linked = await pair.link()
        assert linked.waited == () and len(linked.jobs) == 2
        proof = linked.proofs["todos"]
        assert proof.there_s is not None and proof.back_s is not None and proof.refused is None
        for server in (pair.a, pair.b):
            assert [doc.get("_deleted") for doc in server.dbs["todos"].values()] == [True]
        pair.a.put("todos", "here", {})
        pair.b.put("todos", "there", {})
        assert pair.a.dbs["todos"] == pair.b.dbs["todos"]
        assert [done.text for done in pair.done if done.text == "database created"] == ["database created"]

    with_pair(work)


def test_run_twice_it_writes_nothing() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        before = pair.writes
        linked = await pair.link()
        assert (pair.writes, pair.done, linked.waited, linked.proofs) == (before, [], (), {})
        assert (await pair.link(Asked(("todos",), proof=True))).proofs["todos"].back_s is not None

    with_pair(work)


def test_each_end_has_a_key_of_its_own_with_the_rights_it_needs() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        for server in (pair.a, pair.b):
            (job,) = server.jobs().values()
            names = {end: job[end]["auth"]["basic"]["username"] for end in ("source", "target")}
            other = pair.b if server is pair.a else pair.a
            assert names["target"] in server.security["todos"]["admins"]["names"]
            assert other.security["todos"]["members"]["names"] == [names["source"]]
        assert len(pair.accounts) == 4
        await pair.link(Asked(("todos",), Wish(design=False)))
        for server in (pair.a, pair.b):
            assert "names" not in server.security["todos"]["admins"]
            assert len(server.security["todos"]["members"]["names"]) == 2

    with_pair(work)


def test_whatever_is_broken_is_repaired_and_nothing_else() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        (name,) = pair.b.jobs()
        pair.a.security["todos"] = CLOSED
        await pair.link()
        assert ["rights of key" in done.text for done in pair.done] == [True, True]
        source = pair.b.jobs()[name]["source"]["auth"]["basic"]
        pair.a.dbs["_users"][f"org.couchdb.user:{source['username']}"]["password"] = "another"
        await pair.link()
        assert len(pair.done) == 2 and pair.done[1].text.endswith("given a new key")
        assert pair.b.jobs()[name]["source"]["auth"]["basic"]["password"] not in (
            "another",
            source["password"],
        )
        doc = pair.b.jobs()[name]
        pair.b.put("_replicator", name, {"_deleted": True, "_rev": doc["_rev"]})
        await pair.link()
        assert [done.where for done in pair.done] == [pair.a.url, pair.b.url, pair.b.url]
        assert (await pair.link()).waited == () and pair.done == []

    with_pair(work)


def test_a_job_that_moves_takes_its_keys_along() -> None:
    async def work(pair: Pair) -> None:
        await pair.link(Asked(("todos",), Wish(one_way=True)))
        assert not pair.a.jobs() and len(pair.b.jobs()) == 1
        await pair.link(Asked(("todos",), Wish(one_way=True, push=True)))
        assert len(pair.a.jobs()) == 1 and not pair.b.jobs()
        assert len(pair.accounts) == 2

    with_pair(work)


def test_a_selector_is_proved_with_a_document_that_it_lets_pass() -> None:
    async def work(pair: Pair) -> None:
        linked = await pair.link(Asked(("todos",), Wish(selector={"type": "todo"})))
        assert linked.proofs["todos"].back_s is not None
        assert all(doc.get("_deleted") for doc in pair.b.dbs["todos"].values())
        pair.a.put("todos", "one", {"type": "note"})
        assert "one" not in pair.b.dbs["todos"]
        linked = await pair.link(Asked(("todos",), Wish(selector={"_id": {"$regex": "^x"}})))
        assert linked.proofs["todos"].refused is not None

    with_pair(work)


def test_a_misspelt_name_writes_nothing_anywhere() -> None:
    async def work(pair: Pair) -> None:
        before = pair.writes
        with pytest.raises(NotFound, match="'tods' is neither"):
            await pair.link(Asked(("todos", "tods")))
        pair.b.create("notes")
        with pytest.raises(NotFound, match="'notes' is not on"):
            await pair.link(Asked(("notes",), Wish(one_way=True)))
        assert pair.writes == before + 1

    with_pair(work)


def test_a_region_s_entities_are_linked_by_name_and_its_feeds_never() -> None:
    async def work(pair: Pair) -> None:
        pair.a.create("whisk_whisks")
        linked = await pair.link(Asked(("whisk_whisks",)))
        assert {job.db for job in linked.jobs} == {"whisk_whisks"}
        with pytest.raises(BadRequest, match="only one of the regions would fire triggers"):
            await pair.link(Asked(("todos", "whisk_feeds")))
        assert "whisk_feeds" not in pair.b.dbs and "todos" not in pair.b.dbs

    with_pair(work)


def test_all_links_what_either_side_has() -> None:
    async def work(pair: Pair) -> None:
        pair.b.create("a/b")
        for own in ("whisk_whisks", "whisk_feeds", "couchgrass_idempotency-2026-03-01", "couchgrass_pages"):
            pair.a.create(own)
        linked = await pair.link(Asked(None))
        assert sorted({job.db for job in linked.jobs}) == ["a/b", "todos"]
        assert "a/b" in pair.a.dbs
        assert (await pair.unlink()).dbs == ("a/b", "todos")
        assert pair.accounts == [] and not pair.a.jobs() and not pair.b.jobs()

    with_pair(work)


def test_a_job_that_does_not_run_is_told_and_nothing_is_proved() -> None:
    async def work(pair: Pair) -> None:
        pair.b.stuck = True
        linked = await pair.link(Asked(("todos",), timeout_s=0.05))
        assert [(waited.state, waited.reason) for waited in linked.waited] == [("pending", "")]
        assert linked.proofs == {}

    with_pair(work)


def test_no_secret_is_said_and_what_is_asked_of_strangers_is_refused() -> None:
    async def work(pair: Pair) -> None:
        await pair.link()
        secrets = [
            job[end]["auth"]["basic"]["password"]
            for server in (pair.a, pair.b)
            for job in server.jobs().values()
            for end in ("source", "target")
        ]
        said = repr(pair.done) + repr(pair.said)
        assert len(secrets) == 4 and not any(secret in said for secret in [*secrets, "boss's"])
        pair.addresses = (parse_address(pair.a.url), pair.addresses[1])
        with pytest.raises(Unauthorized, match="COUCHGRASS_A_PASSWORD"):
            await pair.link()

    with_pair(work)


def test_a_server_is_not_linked_with_itself() -> None:
    async def work(pair: Pair) -> None:
        with pytest.raises(Conflict, match="one server"):
            await link((pair.addresses[0],) * 2, TODOS, Show(pair.done.append, pair.said.append))

    with_pair(work)


def test_a_selector_on_the_command_line_is_a_json_object_that_means_something() -> None:
    assert parse_selector('{"type": "todo"}') == {"type": "todo"}
    for bad in ("", "[]", '{"a": {"$nonsense": 1}}', "{type: 1}"):
        with pytest.raises(BadRequest):
            parse_selector(bad)


def test_a_failure_on_the_way_leaves_no_key_that_nobody_knows() -> None:
    async def work(pair: Pair) -> None:
        pair.b.refuses_jobs = True
        with pytest.raises(Forbidden):
            await pair.link()
        assert pair.accounts == [] and pair.done != []
        assert pair.a.security["todos"] == pair.b.security["todos"] == CLOSED
        pair.b.refuses_jobs = False
        assert (await pair.link()).waited == ()

    with_pair(work)


def test_a_proof_that_does_not_come_back_says_how_the_job_is_and_is_removed() -> None:
    async def work(pair: Pair) -> None:
        def stop(said: str) -> None:
            pair.b.stuck = pair.b.stuck or said == "proving todos"

        await pair.link(Asked(("todos",), proof=False))
        with pytest.raises(RequestTimeout) as late:
            await link(
                pair.addresses, Asked(("todos",), timeout_s=0.05, proof=True), Show(pair.done.append, stop)
            )
        assert late.value.__notes__ == [f"job {name}: pending" for name in pair.b.jobs()]
        assert [doc["_deleted"] for doc in pair.a.dbs["todos"].values()] == [True]

    with_pair(work)


def test_the_server_s_own_databases_are_refused_before_anyone_is_asked() -> None:
    async def work(pair: Pair) -> None:
        pair.a.down = pair.b.down = True
        for db in ("_users", "_replicator", "_anything"):
            with pytest.raises(BadRequest, match=f"'{db}' is one of the server's own"):
                await pair.link(Asked(("todos", db)))
        check_names(["todos", "a_b"])

    with_pair(work)


def test_many_databases_are_told_in_their_order_whatever_ended_first() -> None:
    async def work(pair: Pair) -> None:
        names = [f"db{number:02}" for number in range(20)]
        for name in names:
            pair.a.create(name)
        linked = await pair.link(Asked(tuple(names)))
        assert list(dict.fromkeys(done.db for done in pair.done)) == names == list(linked.proofs)
        of_first = [done.text.split()[-1] for done in pair.done if done.db == "db00"]
        for name in names:
            assert [done.text.split()[-1] for done in pair.done if done.db == name] == of_first
        assert len(pair.accounts) == 4 * len(names)

    with_pair(work)
