"""Activations over HTTP: lists with their filters, records, logs, results, what runs yet."""

from __future__ import annotations

import re

import pytest

from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess

OWN = "/api/v1/namespaces/_"
LIST = f"{OWN}/activations"
CODE = "def main(args):\n    print('one')\n    print('two')\n    return {'n': args['n']}\n"
WAITS = "import asyncio\nasync def main(args):\n    await asyncio.Event().wait()\n"


async def run(region: Region, count: int) -> list[str]:
    """Invokes an action so often; the activations' ids."""
    await region.put("actions/act", {"exec": {"kind": "python:3", "code": CODE}})
    ids = []
    for number in range(count):
        reply = await region.ask("POST", f"{OWN}/actions/act?blocking=true", {"n": number})
        ids.append(reply.json()["activationId"])
        await region.activation(ids[-1])
    return ids


def test_a_record_with_its_logs_and_its_result(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        (one,) = await run(region, 1)
        record = (await region.ask("GET", f"{LIST}/{one}")).json()
        assert (record["name"], record["subject"]) == ("act", region.namespace)
        assert (record["end"] - record["start"], record["response"]["success"]) == (record["duration"], True)
        assert (await region.ask("GET", f"{LIST}/{one}/")).json() == record
        logs = (await region.ask("GET", f"{LIST}/{one}/logs")).json()["logs"]
        assert [re.sub(r"^\S+Z\s+", "", line) for line in logs] == ["stdout: one", "stdout: two"]
        assert (await region.ask("GET", f"{LIST}/{one}/result")).json() == record["response"]
        assert (await region.ask("GET", f"{LIST}/{one}/nothing")).status == 404

    asking(couch_server, work)


def test_lists_are_newest_first_and_filtered(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        ids = await run(region, 3)
        rows = (await region.ask("GET", LIST)).json()
        assert {row["activationId"] for row in rows} == set(ids)
        assert [row["statusCode"] for row in rows] == [0, 0, 0]
        starts = [row["start"] for row in rows]
        assert starts == sorted(starts, reverse=True)
        assert (await region.ask("GET", f"{LIST}?count=true")).json() == {"activations": 3}
        assert (await region.ask("GET", f"{LIST}?count=true&skip=2")).json() == {"activations": 1}
        assert len((await region.ask("GET", f"{LIST}?limit=1&skip=1")).json()) == 1
        assert len((await region.ask("GET", f"{LIST}?name=act")).json()) == 3
        for none in ("name=other", "name=pkg/act", f"since={starts[0] + 1}", f"upto={starts[2] - 1}"):
            assert (await region.ask("GET", f"{LIST}?{none}")).json() == []
        whole = (await region.ask("GET", f"{LIST}?docs=true&limit=1")).json()[0]
        assert whole["response"]["result"].keys() == {"n"}
        assert len(whole["logs"]) == 2

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("count=true&docs=true", "The parameter 'docs' is not permitted with 'count'."),
        ("name=a/b/c", "Parameter may be a 'simple' name or 'package-name/simple' name: a/b/c"),
        ("since=yesterday", "Parameter is not a valid value for epoch seconds: yesterday"),
    ],
)
def test_wrong_filters_are_refused(query: str, text: str, couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("GET", f"{LIST}?{query}")
        assert (reply.status, reply.json()["error"].rpartition("\n")[2]) == (400, text)

    asking(couch_server, work)


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("0" * 32, 404, "The requested resource does not exist."),
        ("0" * 31, 400, "Activation id length is 31 but must be 32."),
        ("G" * 32, 400, "The activation id is not valid."),
    ],
)
def test_ids_that_lead_nowhere(name: str, status: int, text: str, couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for part in ("", "/logs", "/result"):
            reply = await region.ask("GET", f"{LIST}/{name}{part}")
            assert (reply.status, reply.json()["error"]) == (status, text)

    asking(couch_server, work)


def test_what_runs_is_seen_by_those_who_ask_for_it(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        await region.put("actions/waits", {"exec": {"kind": "python:3", "code": WAITS}})
        reply = await region.ask("POST", f"{OWN}/actions/waits", {})
        path = f"{LIST}/{reply.json()['activationId']}"
        missing = await region.ask("GET", path)
        assert missing.status == 404
        assert "still running" in missing.json()["error"]
        record = (await region.ask("GET", f"{path}?running=true")).json()
        assert record["response"]["status"] == "running"
        assert "end" not in record
        assert (await region.ask("GET", LIST)).json() == []
        assert (await region.ask("GET", f"{LIST}?count=true")).json() == {"activations": 0}
        (row,) = (await region.ask("GET", f"{LIST}?running=true")).json()
        assert row["name"] == "waits"

    asking(couch_server, work)


def test_activations_are_their_namespaces_alone(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        stranger = await region.stranger()
        (one,) = await run(region, 1)
        theirs = f"/api/v1/namespaces/{region.namespace}/activations"
        for path in (theirs, f"{theirs}/{one}", f"{theirs}/{one}/logs"):
            assert (await region.ask("GET", path, key=stranger.key)).status == 403
        assert (await region.ask("GET", f"{LIST}/{one}", key=stranger.key)).status == 404

    asking(couch_server, work)
