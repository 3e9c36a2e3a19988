"""Dead letters: what a target refuses is kept, shown and tried again, and holds nothing else up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from couchgrass.errors import PeerLost
from couchgrass.replication import deadletter
from couchgrass.replication.deadletter import Letter
from couchgrass.replication.run import letters as stored
from couchgrass.replication.run import replicate
from couchgrass.replication.run.letters import LetterBox, LocalStore, TooManyLetters
from couchgrass.replication.run.replicator import KEEPER
from couchgrass.testing.call import call
from couchgrass.testing.forgetful import ForgetfulStore
from couchgrass.testing.server import running

from ..pair import Side, become, pair, side, until

RULE = {"validate_doc_update": "function(doc) { if (doc.bad) throw({forbidden: 'no bad ones'}); }"}
ON = {"source": "db", "continuous": True, "checkpoint_interval": 50}


def letter(number: int) -> Letter:
    return Letter(f"doc-{number:05}", "1-a", "forbidden", "no", float(number))


# --- the box and its store ---------------------------------------------------------------------------


class BrokenStore(ForgetfulStore):
    """A disk that takes nothing."""

    async def add(self, letters: Any) -> None:
        raise PeerLost("full")


def test_a_box_knows_only_what_is_stored() -> None:
    async def work() -> None:
        box = LetterBox(BrokenStore())
        await box.open()
        with pytest.raises(PeerLost):
            await box.add([letter(1)])
        assert (len(box), box.names, box.letters()) == (0, frozenset(), [])

    asyncio.run(work())


def test_a_letter_that_is_there_is_not_new() -> None:
    async def work() -> None:
        box = LetterBox(ForgetfulStore())
        await box.open()
        assert await box.add([letter(2), letter(1)]) == 2
        assert await box.add([letter(2)]) == 0
        assert box.letters() == [letter(1), letter(2)]
        assert box.names == {"doc-00001", "doc-00002"}
        await box.remove([letter(2), letter(3)])
        assert box.letters() == [letter(1)] and box.names == {"doc-00001"}

    asyncio.run(work())


def test_a_box_is_bounded_and_keeps_none_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "LETTERS_MAX", 3)

    async def work() -> None:
        box = LetterBox(ForgetfulStore())
        await box.open()
        await box.add([letter(1), letter(2)])
        with pytest.raises(TooManyLetters, match="3 documents are refused"):
            await box.add([letter(3), letter(4)])
        assert len(box) == 2
        assert await box.add([letter(1), letter(3)]) == 1

    asyncio.run(work())


def test_a_store_keeps_each_jobs_letters_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PAGE", 7)

    async def work() -> None:
        async with side(tmp_path / "a") as a:
            one, two = map(a.attached.replicator.store, ("1a", "1b"))
            assert await one.load() == []
            many = [letter(number) for number in range(20)]
            await one.add(many)
            await one.add(many[:3])  # once more, as after an answer that was not heard
            await two.add(many[5:6])
            assert sorted(await one.load(), key=lambda each: each.time) == many
            await one.remove(many[:15])
            await one.remove(many[:15])
            assert len(await one.load()) == 5
            assert await two.load() == many[5:6]
            absent = LocalStore(a.attached.replicator._local(KEEPER), "1", database="none")
            assert await absent.load() == []

    asyncio.run(work())


def test_what_is_no_letter_keeps_no_job_from_its_letters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with side(tmp_path / "a") as a:
            store = a.attached.replicator.store("1a")
            await store.add([letter(1)])
            for name, doc in (("x", {}), ("y", {"letter": {"id": 1}})):
                await a.put(f"/_replicator/_local/dead-letter-1a-{name}", doc)
            assert await store.load() == [letter(1)]
            assert caplog.text.count("is no dead letter") == 2

    asyncio.run(work())


def test_a_job_says_where_its_letters_can_not_be_kept(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.put("/db/bad", {"bad": True})
        await a.json("DELETE", "/_replicator")
        status, failed = await a.ask("POST", "/_replicate", {"source": "db", "target": b.at("db")})
        assert (status, failed["error"]) == (500, "peer_lost")
        assert failed["reason"].startswith("The list of dead letters can't be written")
        await a.json("PUT", "/_replicator")
        assert (await a.ask("POST", "/_replicate", {"source": "db", "target": b.at("db")}))[0] == 200

    pair(tmp_path, work)


# --- between two servers -----------------------------------------------------------------------------


async def letters(a: Side, doc_id: str = "on") -> list[tuple[str, str]] | None:
    """None while nobody has read the document yet."""
    row = await a.row(doc_id)
    if not row:
        return None
    assert row["dead_letters"] == len(row["dead_letters_list"])
    return [(one["id"], one["error"]) for one in row["dead_letters_list"]]


def test_the_others_arrive_and_the_letter_is_tried_again_when_asked(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.json("POST", "/db/_bulk_docs", {"docs": [{"_id": f"d{n}", "bad": n == 3} for n in range(9)]})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("d3", "forbidden")])
        [found] = (await a.row("on"))["dead_letters_list"]
        assert found["reason"] == "no bad ones" and found["time"].endswith("Z")
        assert found["rev"] == (await a.json("GET", "/db/d3"))["_rev"]
        await become(lambda: b.ids("db"), {"_design/rule"} | {f"d{n}" for n in range(9) if n != 3})
        await become(lambda: behind(a), 0)
        row = await a.row("on")
        assert (row["state"], row["info"]["doc_write_failures"]) == ("running", 1)
        seq = (await a.json("GET", "/db"))["update_seq"]
        await become(lambda: checkpointed(a), seq)
        [job] = a.jobs.values()
        # Still refused, it stays, once.
        assert (await a.ask("POST", "/_scheduler/docs/_replicator/on/_retry", {}))[1] == {
            "ok": True,
            "dead_letters": 1,
        }
        design = await b.json("GET", "/db/_design/rule")
        await b.json("DELETE", f"/db/_design/rule?rev={design['_rev']}")
        assert (await a.ask("POST", f"/_scheduler/jobs/{job.key}/_retry", {}))[0] == 202
        await become(lambda: letters(a), [])
        assert await b.has("/db/d3")

    async def behind(a: Side) -> Any:
        return (await a.row("on"))["info"]["changes_pending"]

    async def checkpointed(a: Side) -> Any:
        return (await a.row("on"))["info"]["checkpointed_source_seq"]

    pair(tmp_path, work)


def test_those_of_one_document_are_tried_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate, "RULES_S", 3600.0)

    async def work(a: Side, b: Side) -> None:
        rev = await b.put("/db/_design/rule", RULE)
        for name in ("d1", "d2"):
            await a.put(f"/db/{name}", {"bad": True})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("d1", "forbidden"), ("d2", "forbidden")])
        await b.json("DELETE", f"/db/_design/rule?rev={rev}")
        retry = "/_scheduler/docs/_replicator/on/_retry"
        assert (await a.ask("POST", retry, {"doc_ids": "d2"}))[0] == 400
        assert (await a.ask("POST", retry, {"doc_ids": ["d2"]}))[1] == {"ok": True, "dead_letters": 1}
        await become(lambda: letters(a), [("d1", "forbidden")])
        assert await b.has("/db/d2") and not await b.has("/db/d1")

    pair(tmp_path, work)


def test_it_is_tried_again_when_the_rules_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate, "RULES_S", 0.05)

    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.put("/db/bad", {"bad": True})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("bad", "forbidden")])
        await b.put("/db/_design/rule", {})
        await become(lambda: letters(a), [])
        assert await b.has("/db/bad")

    pair(tmp_path, work)


def test_a_newer_revision_that_is_accepted_settles_it(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.put("/db/doc", {"bad": True})
        await a.put("/db/other", {"bad": True})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("doc", "forbidden"), ("other", "forbidden")])
        await a.put("/db/doc", {"bad": False})
        await become(lambda: letters(a), [("other", "forbidden")])
        assert await b.has("/db/doc")
        # A successor that is refused as well takes its place.
        await a.put("/db/other", {"bad": True, "more": 1})
        await become(lambda: revs(a), [(await a.json("GET", "/db/other"))["_rev"]])

    async def revs(a: Side) -> list[str]:
        return [one["rev"] for one in (await a.row("on"))["dead_letters_list"]]

    pair(tmp_path, work)


def test_what_the_source_purged_is_no_letter_any_more(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        rev = await a.put("/db/doc", {"bad": True})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("doc", "forbidden")])
        await a.json("POST", "/db/_purge", {"doc": [rev]})
        assert (await a.ask("POST", "/_scheduler/docs/_replicator/on/_retry", {}))[0] == 202
        await become(lambda: letters(a), [])

    pair(tmp_path, work)


def test_large_documents_and_attachments_are_refused_alone(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.setting("couchdb", "max_document_size", "2000")
        await b.setting("couchdb", "max_attachment_size", "1000")
        for name, size in (("small", 10), ("large", 3000)):
            await a.put(f"/db/{name}", {"text": "x" * size})
            file = {"content_type": "text/plain", "data": "eHh4" * (size // 3)}
            await a.put(f"/db/{name}-file", {"_attachments": {"file": file}})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await until(lambda: b.has("/db/small"))
        await until(lambda: b.has("/db/small-file"))
        await become(lambda: names(a), ["large", "large-file"])
        for one in (await a.row("on"))["dead_letters_list"]:
            assert "too_large" in one["error"], one

    async def names(a: Side) -> list[str]:
        return sorted(name for name, _ in await letters(a) or ())

    pair(tmp_path, work)


def test_who_may_not_write_design_documents_writes_the_others(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        robot = await b.user("robot")
        await b.json("PUT", "/db/_security", {"members": {"names": ["robot"]}, "admins": {"names": ["x"]}})
        await a.put("/db/_design/app", {"views": {}})
        await a.put("/db/plain", {})
        await a.put("/_replicator/on", {**ON, "target": b.at("db", robot)})
        await become(lambda: names(a), ["_design/app"])
        await until(lambda: b.has("/db/plain"))
        await b.json("PUT", "/db/_security", {"admins": {"names": ["robot"]}, "members": {"names": ["x"]}})
        assert (await a.ask("POST", "/_scheduler/docs/_replicator/on/_retry", {}))[0] == 202
        await become(lambda: names(a), [])

    async def names(a: Side) -> list[str]:
        return [name for name, _ in await letters(a) or ()]

    pair(tmp_path, work)


def test_letters_of_what_runs_once_are_told_and_tried_when_it_is_asked_for_again(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.put("/db/bad", {"bad": True})
        body = {"source": "db", "target": b.at("db")}
        answer = await a.json("POST", "/_replicate", body)
        assert answer["history"][0]["doc_write_failures"] == 1
        answer = await a.json("POST", "/_replicate", body)
        assert answer["no_changes"] is True
        await b.put("/db/_design/rule", {})
        await a.json("POST", "/_replicate", body)
        assert await b.has("/db/bad")

    pair(tmp_path, work)


def test_letters_of_a_document_that_is_completed_stay_known(tmp_path: Path) -> None:
    async def work() -> None:
        async with side(tmp_path / "b") as b:
            await b.json("PUT", "/db")
            await b.put("/db/_design/rule", RULE)
            async with side(tmp_path / "a") as a:
                await a.json("PUT", "/db")
                await a.put("/db/bad", {"bad": True})
                await a.put("/db/good", {})
                await a.put("/_replicator/once", {"source": "db", "target": b.at("db")})
                await become(lambda: a.state("once"), "completed")
                await become(lambda: letters(a, "once"), [("bad", "forbidden")])
                await until(lambda: is_marked(a))
            async with side(tmp_path / "a") as a:
                await become(lambda: a.state("once"), "completed")
                await become(lambda: letters(a, "once"), [("bad", "forbidden")])
                await b.put("/db/_design/rule", {})
                retry = "/_scheduler/docs/_replicator/once/_retry"
                assert (await a.ask("POST", retry, {}))[0] == 202
                await until(lambda: b.has("/db/bad"))
                await become(lambda: a.state("once"), "completed")
                await become(lambda: letters(a, "once"), [])
                assert (await a.ask("POST", retry, {}))[0] == 404, "nothing is left to do"

    async def is_marked(a: Side) -> bool:
        return "_replication_state" in await a.json("GET", "/_replicator/once")

    asyncio.run(work())


def test_a_retry_of_a_job_that_does_not_run_is_made_when_it_does(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.put("/db/bad", {"bad": True})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await become(lambda: letters(a), [("bad", "forbidden")])
        [job] = a.jobs.values()
        await job.stop()
        await b.put("/db/_design/rule", {})
        assert await letters(a) == [("bad", "forbidden")]
        assert (await a.ask("POST", "/_scheduler/docs/_replicator/on/_retry", {}))[0] == 202
        job.start()
        await become(lambda: letters(a), [])

    pair(tmp_path, work)


def test_letters_are_there_after_a_power_cut_even_while_the_target_is_not(tmp_path: Path) -> None:
    async def work(a: Any, b: Any) -> None:
        async def found() -> list[str]:
            row = call(a.auth_url, "GET", "/_scheduler/docs/_replicator/on").json()
            return [one["id"] for one in row.get("dead_letters_list", ())]

        await become(found, ["bad"])
        a.kill()
        b.kill()
        a.start()
        await become(found, ["bad"])
        b.start()

        async def runs() -> Any:
            return call(a.auth_url, "GET", "/_scheduler/docs/_replicator/on").json()["state"]

        await become(runs, "running")
        rule = call(b.auth_url, "GET", "/db/_design/rule").json()
        assert call(b.auth_url, "DELETE", f"/db/_design/rule?rev={rule['_rev']}").status == 200
        assert call(a.auth_url, "POST", "/_scheduler/docs/_replicator/on/_retry", {}).status == 202
        await become(found, [])

    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        for one in (a, b):
            assert call(one.auth_url, "PUT", "/db").status == 201
        assert call(b.auth_url, "PUT", "/db/_design/rule", RULE).status == 201
        assert call(a.auth_url, "PUT", "/db/bad", {"bad": True}).status == 201
        body = {**ON, "target": f"{b.auth_url}/db"}
        assert call(a.auth_url, "PUT", "/_replicator/on", body).status == 201
        asyncio.run(work(a, b))


def test_a_job_with_too_many_letters_stops_and_passes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LETTERS_MAX", 3)
    assert deadletter.LETTERS_MAX == 10_000

    async def work(a: Side, b: Side) -> None:
        await b.put("/db/_design/rule", RULE)
        await a.json("POST", "/db/_bulk_docs", {"docs": [{"bad": True} for _ in range(5)]})
        await a.put("/_replicator/on", {**ON, "target": b.at("db")})
        await until(lambda: a.complains("on", "too_many_dead_letters"))
        assert (await a.json("GET", "/db/_local_docs"))["rows"] == []
        await b.put("/db/_design/rule", {})
        await become(lambda: a.state("on"), "running")
        await until(lambda: all_there(a, b))

    async def all_there(a: Side, b: Side) -> bool:
        return await a.ids("db") <= await b.ids("db")

    pair(tmp_path, work)
