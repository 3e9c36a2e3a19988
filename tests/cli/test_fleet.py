"""Where the regions of a file are, and how many actions they have."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest

from couchgrass.cli import up_status
from couchgrass.cli.fleet import count_actions, look, place_of, up_kept
from couchgrass.region.config import Agent, Database, Functions, Gateway, Region
from couchgrass.region.restart import Phase
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state
from couchgrass.testing.scripted import Exchange, scripted
from couchgrass.topology.config import Balancer, Topology
from couchgrass.topology.run import look as looking
from couchgrass.topology.run.look import Look
from couchgrass.topology.status import Status

PATIENT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers come, however busy the machine is."""
    monkeypatch.setattr(looking, "ANSWER_S", PATIENT_S)


def seen(folder: Path, *regions: Region, balancer: Balancer | None = None, needs_up: bool = False) -> Status:
    async def whole() -> Status:
        async with Look(PATIENT_S) as asking:
            return await look(folder, Topology(regions, balancer=balancer), asking, needs_up=needs_up)

    return asyncio.run(whole())


def test_a_region_elsewhere_with_the_same_folder_is_not_taken_for_the_one_here(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    write_state(
        tmp_path, RegionState("london", "f", os.getpid(), 1.0, "", {"agent": Seen(Phase.READY, 1.0, 7)})
    )
    public = Gateway(public_url="https://d.example")
    place = place_of(Region(name="dallas", data=str(tmp_path), gateway=public))
    hold.close()
    assert (place.urls["gateway"], place.pids, place.here) == ("https://d.example", {}, False)


def test_a_region_that_runs_here_is_where_it_says(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    processes = {"database": Seen(Phase.READY, 1.0, 7, "http://127.0.0.1:47")}
    write_state(tmp_path, RegionState("london", "f", os.getpid(), 1.0, "", processes))
    public = Database(port=0, public_url="https://l.example")
    place = place_of(Region(name="london", data=str(tmp_path), database=public))
    hold.close()
    assert place.urls["database"] == "http://127.0.0.1:47"
    assert place.urls["agent"] == "http://127.0.0.1:3235"
    assert place.urls["dashboard"] == "http://127.0.0.1:3236"
    assert (place.pids, place.running, place.here) == ({"supervisor": os.getpid(), "database": 7}, True, True)


def test_a_region_on_another_machine_is_at_its_public_urls(tmp_path: Path) -> None:
    region = Region(
        data=str(tmp_path / "none"),
        database=Database(public_url="https://d.example"),
        functions=Functions(url="https://f.example"),
        gateway=Gateway(url="https://g.example", public_url="https://api.example/"),
    )
    place = place_of(region)
    assert [place.urls[name] for name in ("database", "functions", "gateway")] == [
        "https://d.example",
        "https://f.example",
        "https://g.example",
    ]
    assert place.urls["dashboard"] == "", "nobody knows whether it can be reached from here"
    assert (place.running, place.here) == (False, False)


def test_nothing_runs_where_up_should(tmp_path: Path) -> None:
    region = Region(name="a", data=str(tmp_path), agent=Agent(port=1))
    assert seen(tmp_path, region, needs_up=True).wrong == (f"nothing runs in {tmp_path}",)
    assert seen(tmp_path, region).wrong == ("a: it does not run",)


def test_a_balancer_is_missed_only_where_it_was_started(tmp_path: Path) -> None:
    balancer = Balancer(port=1, metrics_port=1, data=str(tmp_path / "balancer"))
    elsewhere = seen(tmp_path, balancer=balancer).balancer
    assert elsewhere is not None and not elsewhere.here
    (tmp_path / "balancer").mkdir()
    written = {"pid": 7, "url": "http://127.0.0.1:2", "metrics_url": "http://127.0.0.1:1", "more": 1}
    (tmp_path / "balancer" / "balancer.json").write_text(json.dumps(written))
    assert seen(tmp_path, balancer=balancer).wrong == ("the balancer does not answer",)


async def counts(exchange: Exchange) -> None:
    is_known = exchange.headers["authorization"] == "Basic dTpr"
    assert (exchange.path, exchange.query) == ("/api/v1/namespaces/_/actions", {"count": "true"})
    await exchange.answer(200 if is_known else 401, {"actions": 3} if is_known else {"error": "no"})


def test_actions_are_counted_in_the_namespaces_whose_keys_are_known(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"

    async def counted(key: str) -> list[int | None]:
        file.write_text(json.dumps({"namespaces": {"guest": {"uuid": "u", "key": key}}}))
        async with scripted(counts) as host:
            here = Region(
                name="a",
                data=str(tmp_path / "a"),
                functions=Functions(url=host.url),
                gateway=Gateway(url=host.url),
            )
            gone = msgspec.structs.replace(here, functions=Functions(url="http://127.0.0.1:1"))
            async with Look(PATIENT_S) as asking:
                status = await look(tmp_path, Topology((here, gone)), asking, needs_up=False)
            return [one.actions for one in (await count_actions(status)).regions]

    assert asyncio.run(counted("u:k")) == [3, None]
    assert asyncio.run(counted("u:other")) == [None, None]


def test_a_state_that_can_not_be_read_does_not_end_who_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up_status, "LOOK_S", 0.01)
    hold = Hold(tmp_path, up_kept())
    state = tmp_path / up_kept().state
    state.write_text('{"name": "up", ')
    said = ""

    async def until_said(words: str) -> None:
        nonlocal said
        async with asyncio.timeout(60):
            while words not in said:
                await asyncio.sleep(0.01)
                said += capsys.readouterr().out

    async def work() -> None:
        following = asyncio.create_task(up_status.follow(tmp_path, Topology(())))
        await until_said("can't be read")
        state.unlink()
        await until_said(f"nothing runs in {tmp_path}")
        assert not following.done()
        following.cancel()
        await asyncio.wait({following})

    asyncio.run(work())
    hold.close()
    assert said.count("can't be read") == 1
