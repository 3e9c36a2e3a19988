"""``_replicate`` and ``_scheduler`` between two real servers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchgrass.errors import BadRequest
from couchgrass.replication.http import api
from couchgrass.replication.http.api import _document
from couchgrass.replication.run import peers

from ..pair import Side, become, pair, until
from ..wire import wire

RULE = "function(doc, req) { return doc.n % 2 == (req.query.odd ? 1 : 0); }"


async def replicate(a: Side, body: dict[str, Any], **options: Any) -> tuple[int, Any]:
    return await a.ask("POST", "/_replicate", {**body, **options})


def test_a_replication_copies_once_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 20)
        body = {"source": "db", "target": b.at("db")}
        status, first = await replicate(a, body)
        assert status == 200 and first["ok"] is True and "no_changes" not in first
        assert first["history"][0]["docs_written"] == 20
        assert first["replication_id_version"] == 4
        assert first["session_id"] == first["history"][0]["session_id"]
        assert await b.ids("db") == await a.ids("db")
        status, second = await replicate(a, body)
        assert status == 200 and second["no_changes"] is True
        assert second["source_last_seq"] == first["source_last_seq"]
        await a.put("/db/more", {})
        status, third = await replicate(a, body)
        assert [entry["docs_written"] for entry in third["history"]] == [1, 20]
        assert a.jobs == {}

    pair(tmp_path, work)


def test_both_directions_and_both_ends_anywhere(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.json("PUT", "/other")
        await b.put("/db/there", {"x": 1})
        assert (await replicate(a, {"source": b.at("db"), "target": "db"}))[0] == 200
        assert (await replicate(a, {"source": "db", "target": "other"}))[0] == 200
        assert (await replicate(a, {"source": b.at("db"), "target": a.at("other")}))[0] == 200
        assert await a.ids("other") == {"there"}

    pair(tmp_path, work)


def test_a_continuous_one_goes_on_until_it_is_cancelled(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        status, begun = await replicate(a, body)
        assert status == 202 and begun["ok"] is True and begun["_local_id"].endswith("+continuous")
        assert await replicate(a, body) == (202, begun)
        await a.put("/db/one", {})
        await until(lambda: b.has("/db/one"))
        assert list(a.jobs) == [begun["_local_id"]]
        assert await replicate(a, body, cancel=True) == (200, begun)
        assert a.jobs == {}
        assert await replicate(a, body, cancel=True) == (404, {"error": "not found"})
        status, begun = await replicate(a, body)
        for name, wrong in (("replication_id", "nothing"), ("_local_id", begun["_local_id"] + "x")):
            assert (await replicate(a, {"cancel": True, name: wrong}))[0] == 404
        form = begun["_local_id"].replace("+", " ")
        assert await replicate(a, {"cancel": True, "replication_id": form}) == (200, begun)
        assert a.jobs == {}

    pair(tmp_path, work)


def test_who_asks_for_what_can_not_be_is_told(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        good = {"source": "db", "target": b.at("db")}
        for bad in (
            {"source": "db"},
            {**good, "continuous": "yes"},
            {**good, "doc_ids": "x"},
            {**good, "doc_ids": [], "selector": {}},
            {**good, "filter": "nonsense"},
            {**good, "query_params": {"n": 1}},
            {**good, "worker_batch_size": 0},
            {"cancel": True, "replication_id": 1},
        ):
            assert (await a.ask("POST", "/_replicate", bad))[0] == 400, bad
        assert (await a.ask("POST", "/_replicate", [1]))[0] == 400
        assert (await a.ask("GET", "/_replicate"))[0] == 405
        assert (await a.ask("POST", "/_replicate/x", good))[0] == 404
        assert (await a.ask("POST", "/_replicate", good, user=None))[0] == 401
        assert (await replicate(a, good, unknown_option=1, socket_options="[]"))[0] == 200
        gone = {"source": "nothing", "target": b.at("db")}
        status, answer = await replicate(a, gone)
        assert (status, answer["error"]) == (500, "db_not_found")
        assert "nothing" in answer["reason"]
        status, answer = await replicate(a, {"source": "db", "target": b.at("nothing")})
        assert (status, answer["error"]) == (500, "db_not_found")
        status, answer = await replicate(a, good, filter="app/none")
        assert (status, answer["error"]) == (500, "not_found")
        wrong = b.at("db", ("admin", "s3cret"))
        status, answer = await replicate(a, {"source": "db", "target": wrong})
        assert (status, answer["error"]) == (500, "unauthorized")
        assert "s3cret" not in str(answer)
        assert a.jobs == {}

    pair(tmp_path, work)


def test_who_is_signed_in_replicates_as_himself_and_sees_to_his_own(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        anna, bob = await a.user("anna"), await a.user("bob")
        await a.json("PUT", "/db/_security", {"members": {"names": ["anna"]}, "admins": {"names": ["x"]}})
        await a.put("/db/one", {})
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        status, answer = await a.ask("POST", "/_replicate", {**body, "continuous": False}, user=bob)
        assert (status, answer["error"]) == (500, "forbidden")
        status, begun = await a.ask("POST", "/_replicate", body, user=anna)
        assert status == 202
        await until(lambda: b.has("/db/one"))
        by_id = {"cancel": True, "id": begun["_local_id"]}
        assert (await a.ask("POST", "/_replicate", by_id, user=bob))[0] in (401, 403)
        assert (await a.ask("POST", "/_replicate", {**body, "cancel": True}, user=bob))[0] == 404
        assert (await a.ask("GET", "/_scheduler/jobs", user=anna))[0] in (401, 403)
        [row] = (await a.json("GET", "/_scheduler/jobs"))["jobs"]
        assert (row["user"], row["database"], row["doc_id"]) == ("anna", None, None)
        assert (await a.ask("POST", "/_replicate", {**body, "cancel": True}, user=anna)) == (200, begun)

    pair(tmp_path, work)


def test_options_say_what_is_copied(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 10)
        await a.put("/db/_design/app", {"filters": {"odd": RULE}})
        seq = (await a.json("GET", "/db/_changes?limit=5"))["last_seq"]
        await a.json(
            "POST",
            "/db/_bulk_docs",
            {
                "new_edits": False,
                "docs": [{"_id": "two", "_rev": "1-a", "v": 1}, {"_id": "two", "_rev": "1-b", "v": 2}],
            },
        )
        rest = (await a.json("GET", f"/db/_changes?since={seq}"))["results"]
        even = {f"doc-{n}" for n in range(0, 10, 2)}
        for name, options, wanted in (
            ("ids", {"doc_ids": ["doc-1", "doc-3", "none"]}, {"doc-1", "doc-3"}),
            ("selector", {"selector": {"n": {"$lt": 2}}}, {"doc-0", "doc-1"}),
            ("filter", {"filter": "app/odd"}, even),
            (
                "params",
                {"filter": "app/odd", "query_params": {"odd": "1"}},
                {f"doc-{n}" for n in range(1, 10, 2)},
            ),
            ("since", {"since_seq": seq}, {row["id"] for row in rest}),
            ("one-worker", {"worker_processes": 1, "worker_batch_size": 3}, await a.ids("db")),
            ("unmarked", {"use_checkpoints": False}, await a.ids("db")),
            ("winners", {"winning_revs_only": True}, await a.ids("db")),
            ("plain", {"use_bulk_get": False}, await a.ids("db")),
        ):
            body = {"source": "db", "target": b.at(name), "create_target": True, **options}
            status, answer = await replicate(a, body)
            assert status == 200, (name, answer)
            assert await b.ids(name) == wanted, name
            if name == "ids":
                assert answer["docs_written"] == 2
            if name == "unmarked":
                assert answer == {"ok": True, "use_checkpoints": False}
                assert (await b.json("GET", f"/{name}/_local_docs"))["total_rows"] in (0, None)
        both = await b.json("GET", "/plain/two?conflicts=true")
        assert (both["v"], both["_conflicts"]) == (2, ["1-a"])
        assert "_conflicts" not in await b.json("GET", "/winners/two?conflicts=true")

    pair(tmp_path, work)


def test_a_target_is_made_as_is_asked(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        body = {"source": "db", "target": b.at("new%2Fone"), "create_target": True}
        status, answer = await replicate(a, body, create_target_params={"q": "many"})
        assert (status, answer["error"]) == (500, "bad_request")
        assert not await b.has("/new%2Fone")
        status, _ = await replicate(a, body, create_target_params={"partitioned": "false", "q": 2})
        assert status == 200
        assert await b.has("/new%2Fone")
        body["target"] = b.at("db")
        assert (await replicate(a, body))[0] == 200

    pair(tmp_path, work)


def test_a_replication_goes_on_when_its_client_hangs_up_and_is_then_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 3600.0)

    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 30)
        async with wire(b.url) as line:
            line.mute()  # it is not over before
            body = {"source": "db", "target": line.at("db")}
            client = asyncio.create_task(replicate(a, body))
            await until(lambda: waits(a, 1))
            client.cancel()
            await until(lambda: waits(a, 0))
            line.unmute()
            await become(lambda: count(b), 30)
            await become(lambda: jobs(a), {})
            assert (await replicate(a, body))[1]["no_changes"] is True

    async def count(b: Side) -> int:
        return len(await b.ids("db"))

    async def jobs(a: Side) -> Any:
        return a.jobs

    pair(tmp_path, work)


def test_two_who_ask_for_the_same_get_the_same_answer_and_a_cancelled_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "WATCH_S", 3600.0)

    async def work(a: Side, b: Side) -> None:
        await a.held.put_docs("db", 40)
        async with wire(b.url) as line:
            body = {"source": "db", "target": line.at("db")}

            async def twice() -> tuple[asyncio.Task[Any], asyncio.Task[Any]]:
                line.mute()  # it is not over before both have asked for it
                both = asyncio.create_task(replicate(a, body)), asyncio.create_task(replicate(a, body))
                await until(lambda: waits(a, 2))
                assert len(a.jobs) == 1
                return both

            one, two = await twice()
            assert (await replicate(a, {**body, "cancel": True}))[0] == 200
            assert await one == (500, {"error": "cancelled", "reason": "The replication was cancelled"})
            assert await two == await one
            one, two = await twice()
            line.unmute()
            assert await one == await two
            assert (await one)[0] == 200

    pair(tmp_path, work)


async def waits(a: Side, clients: int) -> bool:
    """Is there one job, for whose end so many wait, beside the replicator itself?"""
    jobs = list(a.jobs.values())
    return len(jobs) == 1 and len(jobs[0].ended._callbacks or ()) == clients + 1


def test_the_scheduler_lists_jobs_and_documents(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.json("PUT", "/x%2F_replicator")
        body = {"source": "db", "target": b.at("db"), "continuous": True}
        await a.put("/_replicator/one", body)
        await a.put("/_replicator/two", {**body, "target": b.at("made"), "create_target": True})
        await a.put("/x%2F_replicator/three", {"source": "db", "target": b.at("once"), "create_target": True})
        await become(lambda: a.state("one"), "running")
        await become(lambda: a.state("two"), "running")
        await become(lambda: a.state("three", "x/_replicator"), "completed")
        jobs = await a.json("GET", "/_scheduler/jobs")
        assert (jobs["total_rows"], jobs["offset"], len(jobs["jobs"])) == (2, 0, 2)
        assert [row["id"] for row in jobs["jobs"]] == sorted(row["id"] for row in jobs["jobs"])
        second = await a.json("GET", "/_scheduler/jobs?limit=1&skip=1")
        assert (second["total_rows"], second["offset"]) == (2, 1)
        assert [row["id"] for row in second["jobs"]] == [jobs["jobs"][1]["id"]]
        assert {event["type"] for event in jobs["jobs"][0]["history"]} == {"added", "started"}
        one = await a.json("GET", "/_scheduler/jobs/" + jobs["jobs"][0]["id"])
        assert one["id"] == jobs["jobs"][0]["id"] and one["dead_letters_list"] == []
        for path, wanted in (
            ("", ["one", "two"]),
            ("?states=completed", []),
            ("?states=running,completed&limit=1&skip=1", ["two"]),
            ("/x%2F_replicator?states=completed", ["three"]),
            ("/_replicator", ["one", "two"]),
            ("/x/_replicator", ["three"]),
            ("/x%2F_replicator", ["three"]),
            ("/none%2F_replicator", []),
        ):
            docs = (await a.json("GET", "/_scheduler/docs" + path))["docs"]
            found = [row["doc_id"] for row in docs]
            assert found == wanted, path
        for path in ("/x/_replicator/three", "/x%2F_replicator/three"):
            row = await a.json("GET", "/_scheduler/docs" + path)
            assert (row["database"], row["doc_id"], row["state"]) == ("x/_replicator", "three", "completed")
        for method, path, status in (
            ("GET", "/_scheduler", 404),
            ("GET", "/_scheduler/jobs/none", 404),
            ("GET", "/_scheduler/jobs/a/b", 404),
            ("GET", "/_scheduler/docs/_replicator/none", 404),
            ("GET", "/_scheduler/docs/other/one", 400),
            ("GET", "/_scheduler/docs?states=wrong", 400),
            ("GET", "/_scheduler/jobs?limit=x", 400),
            ("POST", "/_scheduler/jobs", 405),
            ("POST", "/_scheduler/docs/_replicator/_retry", 405),
            ("POST", "/_scheduler/docs/_replicator/none/_retry", 404),
            ("POST", "/_scheduler/jobs/none/_retry", 404),
            ("POST", "/_scheduler/docs/_replicator/one/_retry", 202),
        ):
            assert (await a.ask(method, path, {} if method == "POST" else None))[0] == status, path

    pair(tmp_path, work)


def test_a_scheduler_path_has_its_slash_encoded_or_not() -> None:
    assert _document([]) == ("_replicator", None)
    assert _document(["a/_replicator", "x/y"]) == ("a/_replicator", "x/y")
    assert _document(["a", "b", "_replicator", "x"]) == ("a/b/_replicator", "x")
    assert _document(["a", "_replicator", "_replicator"]) == ("a/_replicator", "_replicator")
    for wrong in (["a"], ["_replicator", "x", "y"], ["a", "_replicator", "x", "y"]):
        with pytest.raises(BadRequest):
            _document(wrong)


def test_a_client_without_a_session_can_sign_in_with_any_of_the_ways(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        basic = aiohttp.encode_basic_auth("admin", "in-process")
        await a.put("/db/one", {})
        for name, remote in (
            ("auth", {"auth": {"basic": {"username": "admin", "password": "in-process"}}}),
            ("headers", {"headers": {"Authorization": basic}}),
        ):
            target = {"url": f"{b.url}/{name}", **remote}
            status, answer = await replicate(a, {"source": "db", "target": target, "create_target": True})
            assert status == 200, answer
            assert await b.ids(name) == {"one"}

    pair(tmp_path, work)


def test_nobody_takes_the_place_of_anothers_replication(tmp_path: Path) -> None:
    """Neither does an admin's fail, nor are its checkpoints and dead letters another's to change."""

    async def work(a: Side, b: Side) -> None:
        anna = await a.user("anna")
        await a.json("PUT", "/db/_security", {})
        wanted = {"source": "db", "target": b.at("db"), "continuous": True}
        assert (await a.ask("POST", "/_replicate", wanted, anna))[0] == 202
        await a.put("/_replicator/on", wanted)
        await become(lambda: a.state("on"), "running")
        one, other = a.jobs.values()
        assert one.rep_id.base != other.rep_id.base

    pair(tmp_path, work)


def test_a_refusal_says_which_end_or_which_filter_it_is_about(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        stranger = b.at("db", ("nobody", "wrong"))
        status, said = await replicate(a, {"source": "db", "target": stranger})
        assert (status, said["error"]) == (500, "unauthorized") and said["reason"].startswith(f"{b.url}/db: ")
        status, said = await replicate(a, {"source": b.at("db"), "target": "db", "filter": "no/such"})
        assert (status, said["error"]) == (500, "not_found")
        assert said["reason"].startswith(f"{b.url}/db has no filter no/such")

    pair(tmp_path, work)


def test_dead_letters_are_tried_again_by_post_only(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        await a.put("/_replicator/job", {"source": "db", "target": b.at("db"), "continuous": True})
        await become(lambda: a.state("job"), "running")
        path = "/_scheduler/docs/_replicator/job/_retry"
        assert (await a.ask("GET", path))[0] == 405
        assert await a.ask("POST", path, {}) == (202, {"ok": True, "dead_letters": 0})

    pair(tmp_path, work)


def test_a_server_that_is_away_is_what_a_job_says_is_wrong(tmp_path: Path) -> None:
    async def work(a: Side, b: Side) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and nobody listens
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            await a.put("/_replicator/job", {"source": f"{url}/db", "target": "db", "continuous": True})

            async def told() -> bool:
                row = await a.row("job")
                error = (row.get("info") or {}).get("error")
                wanted = f"peer_lost: {url} is not there: connection refused"
                return error == wanted and row["next_try"] is not None

            await until(told)

    pair(tmp_path, work)


def test_no_user_takes_the_room_of_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TRANSIENT_MAX_OF_USER", 2)
    monkeypatch.setattr(api, "TRANSIENT_MAX", 5)

    async def work(a: Side, b: Side) -> None:
        users = [await a.user("anna"), await a.user("bob"), ("admin", "in-process")]
        await a.json("PUT", "/db/_security", {})
        statuses = []
        for user in users:
            for number in range(3):
                body = {"source": "db", "target": b.at("db"), "continuous": True, "doc_ids": [str(number)]}
                statuses.append((await a.ask("POST", "/_replicate", body, user))[0])
        assert statuses == [202, 202, 503, 202, 202, 503, 202, 503, 503]

    pair(tmp_path, work)
