"""Plans made true on a real functions host: idempotence, prune, and the way back from every request."""

from __future__ import annotations

import asyncio

import pytest

from couchgrass.deploy.apply.apply import Failed, Target, apply
from couchgrass.deploy.apply.read import read_present
from couchgrass.deploy.diff import How, plan
from couchgrass.deploy.steps import Change, Kind, Plan, Step
from couchgrass.deploy.wanted import App
from couchgrass.testing.broken import How as Fails
from couchgrass.testing.server import ServerProcess
from tests.deploy.apps import FIRST, SECOND
from tests.deploy.places import Place, at_place

WRITES = frozenset({"PUT", "POST", "DELETE"})


async def planned(
    place: Place, wanted: App, *, prune: bool = False, app: str = "todo", tenant: str = ""
) -> Plan:
    present = await read_present(place.namespace, wanted, app)
    how = How(app, int(place.now() * 1000), "http://functions.example", prune, tenant)
    return plan(wanted, present, how)


async def deployed(place: Place, wanted: App, *, prune: bool = False, app: str = "todo") -> Plan:
    found = await planned(place, wanted, prune=prune, app=app)
    await apply(found, Target(place.namespace), lambda step: None)
    return found


def test_a_second_deploy_changes_nothing(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        first = await deployed(place, FIRST)
        assert {step.change for step in first.steps} == {Change.CREATE}
        for wanted in (FIRST, SECOND, FIRST):
            await deployed(place, wanted, prune=True)
            again = await planned(place, wanted, prune=True)
            assert not again.writes, again.writes
            assert {step.change for step in again.steps} == {Change.UNCHANGED}

    at_place(couch_server, work)


def test_what_left_the_manifest_stays_until_it_is_told_to_go(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        await deployed(place, FIRST)
        await place.region.put(
            "actions/foreign?overwrite=true", {"exec": {"kind": "python:3", "code": "x = 1"}}
        )
        await deployed(place, App(), app="another")
        kept = await deployed(place, SECOND)
        left = {(step.kind, step.name) for step in kept.left}
        assert {(Kind.ACTION, "old"), (Kind.SEQUENCE, "todo/inner"), (Kind.RULE, "on-plain")} <= left
        assert (Kind.API, "/v1") in left
        await deployed(place, SECOND, prune=True)
        state = await place.state()
        assert "actions/old" not in state and "actions/foreign" in state
        assert set(state["apis/v1"]["paths"]) == {"/todo"}
        assert set(state["apis/v1"]["paths"]["/todo"]) == {"get", "put"}
        await deployed(place, App(), prune=True)
        assert set(await place.state()) == {"actions/foreign"}

    at_place(couch_server, work)


def test_what_others_changed_is_noticed_and_put_right(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        await deployed(place, FIRST)
        before = await place.state()
        by_hand = {"exec": {"kind": "python:3", "code": "def main(args): return {}"}}
        await place.region.put("actions/todo/get?overwrite=true", by_hand)
        await place.region.put(
            "packages/todo?overwrite=true", {"parameters": [{"key": "username", "value": "x"}]}
        )
        await place.namespace.set_active("on-plain", False)
        await place.namespace.delete("triggers", "often")
        found = await deployed(place, FIRST)
        said = {(step.kind, step.name): step.why for step in found.writes}
        assert said[Kind.ACTION, "todo/get"] == ("code changes",)
        assert "parameter password is new" in said[Kind.PACKAGE, "todo"]
        assert said[Kind.RULE, "on-plain"] == ("is switched off",)
        assert (Kind.TRIGGER, "often") in said
        assert not (await planned(place, FIRST)).writes
        after = await place.state()
        assert before.keys() == after.keys()
        assert before["actions/todo/get"]["exec"] == after["actions/todo/get"]["exec"]

    at_place(couch_server, work)


def test_what_was_there_before_is_taken_over_and_said(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        await place.region.put("packages/todo", {})
        await place.region.put("actions/todo/get", {"exec": {"kind": "python:3", "code": "x = 1"}})
        found = await deployed(place, FIRST)
        said = {step.name: step.why for step in found.writes if step.change is Change.UPDATE}
        assert said["todo"][0] == said["todo/get"][0] == "was not deployed by couchgrass"
        assert not (await planned(place, FIRST)).writes

    at_place(couch_server, work)


@pytest.mark.parametrize("how", Fails)
def test_from_whichever_request_fails_the_region_goes_back(couch_server: ServerProcess, how: Fails) -> None:
    async def work(place: Place) -> None:
        await deployed(place, FIRST)
        before = await place.state()
        for number in range(1, 200):
            found = await planned(place, SECOND, prune=True)
            place.broken.break_at(number, how, WRITES)
            try:
                await apply(found, Target(place.namespace), lambda step: None)
            except Failed as failed:
                assert failed.stuck == (), failed.stuck
                place.broken.mend()
                assert await place.state() == before, number
                continue
            assert number > len(found.writes)
            return
        raise AssertionError("it always fails")

    at_place(couch_server, work)


async def interrupted(found: Plan, place: Place, number: int) -> None:
    """Applies the plan and is cancelled after so many steps."""
    told: list[Step] = []

    def tell(step: Step) -> None:
        told.append(step)
        if len(told) == number:
            applying.cancel()

    applying = asyncio.ensure_future(apply(found, Target(place.namespace), tell))
    await applying


def test_one_that_is_interrupted_goes_back_first(couch_server: ServerProcess) -> None:
    async def work(place: Place) -> None:
        await deployed(place, FIRST)
        before = await place.state()
        found = await planned(place, SECOND, prune=True)
        for number in range(1, len(found.writes), 3):
            with pytest.raises(asyncio.CancelledError):
                await interrupted(found, place, number)
            assert await place.state() == before, number

    at_place(couch_server, work)
