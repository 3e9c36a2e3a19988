"""Actions, sequences, conductors and feeds of the system, with their records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, ServiceUnavailable
from couchgrass.functions.activation import Status
from couchgrass.functions.entity import Action, Exec, Identity, Limits, Parameter
from couchgrass.functions.run.runs import RUNS_MAX
from tests.functions.run.inmemory import ME, Region, awaited, result_of


@awaited
async def test_an_action_gets_what_it_is_bound_to_and_its_environment() -> None:
    region = Region()
    region.package("me/pkg", parameters={"a": 1, "host": "acme.cloudant.com"})
    action = region.action("me/pkg/act", parameters={"b": 1}, annotations={"provide-api-key": True})
    region.entities.put(
        Action(
            "me",
            "pkg",
            "act",
            action.exec,
            parameters=(*action.parameters, Parameter("S", "x", init=True)),
            annotations=action.annotations,
        )
    )
    record = await region.call("me/pkg/act", {"b": 2})
    job = region.jobs[0]
    assert job.value == {"a": 1, "host": "acme.cloudant.com", "b": 2}
    assert job.init_env == {"S": "x"}
    assert job.api_key == "key of me"
    assert job.accounts == ("acme",)
    assert job.activation_id == record.activation_id


@pytest.mark.parametrize(("annotations", "key"), [({}, "key of me"), ({"provide-api-key": False}, None)])
@awaited
async def test_a_key_is_given_unless_the_annotation_says_no(
    annotations: dict[str, Any], key: str | None
) -> None:
    region = Region()
    region.action("me/act", annotations=annotations)
    await region.call("me/act")
    assert region.jobs[0].api_key == key


@awaited
async def test_a_sequence_hands_results_on_and_its_record_names_its_children() -> None:
    region = Region()
    region.action("me/inc", lambda value: {"n": value["n"] + 1}, limits=Limits(memory=512))
    region.action("me/wrap", lambda value: [value["n"]])
    region.sequence("me/inner", "/_/inc", "/_/inc")
    region.sequence("me/seq", "/me/inc", "/me/inner", "/_/wrap")
    record = await region.call("me/seq", {"n": 1})
    assert result_of(record) == [4]
    assert record.status is Status.SUCCESS
    assert record.annotations["kind"] == "sequence"
    assert record.annotations["topmost"] is True
    assert record.annotations["limits"]["memory"] == 512
    assert "causedBy" not in record.annotations
    children = [region.records.ended[id] for id in record.logs]
    assert [child.name for child in children] == ["inc", "inner", "wrap"]
    assert {child.cause for child in children} == {record.activation_id}
    inner = children[1]
    assert inner.annotations["topmost"] is False
    assert inner.annotations["causedBy"] == "sequence"
    assert [region.records.ended[id].cause for id in inner.logs] == [inner.activation_id] * 2
    assert region.records.begun.keys() == {record.activation_id, inner.activation_id}


@awaited
async def test_a_sequence_stops_at_an_error() -> None:
    region = Region()
    region.action("me/bad", lambda value: {"error": "no"})
    region.action("me/never")
    region.sequence("me/seq", "/_/bad", "/_/never")
    record = await region.call("me/seq")
    assert record.status is Status.APPLICATION_ERROR
    assert result_of(record) == {"error": "no"}
    assert len(record.logs) == 1


@awaited
async def test_a_component_that_is_gone_or_not_run_ends_a_sequence() -> None:
    region = Region()
    region.action("me/full", ServiceUnavailable("full"))
    region.sequence("me/gone", "/_/no")
    region.sequence("me/seq", "/_/full")
    gone = await region.call("me/gone")
    assert gone.status is Status.APPLICATION_ERROR
    assert "limits" not in gone.annotations
    assert (await region.call("me/seq")).status is Status.INTERNAL_ERROR


@awaited
async def test_sequences_in_a_circle_end() -> None:
    region = Region()
    region.sequence("me/round", "/_/round")
    record = await region.call("me/round")
    assert record.status is Status.INTERNAL_ERROR
    assert len(region.records.ended) < 50


def step(value: dict[str, Any]) -> dict[str, Any]:
    at = value.pop("$step", 0)
    if at < 2:
        return {"action": ["triple", "inc"][at], "params": value, "state": {"$step": at + 1}}
    return {"params": value}


@awaited
async def test_a_conductor_calls_what_it_says_and_its_record_names_all_runs() -> None:
    region = Region()
    region.action("me/triple", lambda value: {"n": value["n"] * 3}, limits=Limits(memory=512))
    region.action("me/inc", lambda value: {"n": value["n"] + 1})
    region.action("me/conduct", step, annotations={"conductor": True})
    record = await region.call("me/conduct", {"n": 3})
    assert result_of(record) == {"n": 10}
    assert record.annotations["conductor"] is True
    assert record.annotations["kind"] == "sequence"
    assert record.annotations["limits"]["memory"] == 512
    children = [region.records.ended[id] for id in record.logs]
    assert [child.name for child in children] == ["conduct", "triple", "conduct", "inc", "conduct"]
    assert {child.cause for child in children} == {record.activation_id}
    assert all(child.annotations["causedBy"] == "sequence" for child in children)


@awaited
async def test_a_conductor_is_told_what_it_may_not_call_and_what_is_not_there() -> None:
    region = Region()
    region.action("other/secret")
    seen: list[Any] = []

    def conduct(value: dict[str, Any]) -> dict[str, Any]:
        seen.append(value)
        names = ["/other/secret", "no/such"]
        return {"action": names[len(seen) - 1]} if len(seen) <= len(names) else {"done": 1}

    region.action("me/conduct", conduct, annotations={"conductor": True})
    record = await region.call("me/conduct")
    assert result_of(record) == {"done": 1}
    assert "entitlement check for action with name 'other/secret'" in seen[1]["error"]
    assert "resolve action with name 'me/no/such'" in seen[2]["error"]


@awaited
async def test_a_conductor_that_calls_itself_without_end_is_ended() -> None:
    region = Region()
    region.action("me/again", lambda value: {"action": "again"}, annotations={"conductor": True})
    record = await region.call("me/again")
    assert record.status in (Status.APPLICATION_ERROR, Status.INTERNAL_ERROR)
    assert len(region.jobs) <= 101


@awaited
async def test_a_conductor_in_a_sequence_in_that_conductor_ends() -> None:
    region = Region()
    region.action("me/conduct", lambda value: {"action": "seq"}, annotations={"conductor": True})
    region.sequence("me/seq", "/_/conduct")
    record = await region.call("me/conduct")
    assert record.status is Status.INTERNAL_ERROR
    assert len(region.jobs) <= RUNS_MAX


NAMES = ["a", "b", "c", "d"]
PARTS = st.lists(st.sampled_from([*NAMES, "plain", "bad", "none"]), max_size=4)


def says(parts: list[str]) -> Any:
    """A conductor that calls these, one after the other, over and over."""

    def conduct(value: dict[str, Any]) -> dict[str, Any]:
        at = value.get("at", 0)
        return {"action": parts[at % len(parts)], "state": {"at": at + 1}} if parts else {"done": 1}

    return conduct


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), PARTS), min_size=4, max_size=4))
def test_whatever_calls_whatever_it_ends_and_each_child_is_its_parent_s(
    graph: list[tuple[bool, list[str]]],
) -> None:
    @awaited
    async def check() -> None:
        region = Region()
        region.action("me/plain")
        region.action("me/bad", lambda value: {"error": "no"})
        for name, (is_conductor, parts) in zip(NAMES, graph, strict=True):
            if is_conductor:
                region.action(f"me/{name}", says(parts), annotations={"conductor": True})
            else:
                region.sequence(f"me/{name}", *(f"/_/{part}" for part in parts))
        record = await region.call("me/a")
        assert len(region.jobs) <= RUNS_MAX
        records = region.records.ended
        assert records.keys() >= region.records.begun.keys()
        named = [child for each in records.values() for child in each.logs]
        assert len(named) == len(set(named)) == len(records) - 1
        for each in records.values():
            assert all(records[child].cause == each.activation_id for child in each.logs)
        assert record.cause is None

    check()


@awaited
async def test_a_feed_of_the_system_is_answered_here() -> None:
    asked: list[Any] = []

    async def native(who: Identity, name: str, given: Any) -> dict[str, Any]:
        asked.append((who, name, given))
        if given.get("bad"):
            raise BadRequest("no cron")
        return {"status": "success"}

    region = Region(native=native)
    region.package("whisk.system/alarms", parameters={"trigger_payload": ""})
    region.entities.put(Action("whisk.system", "alarms", "alarm", Exec("python:3")))
    record = await region.call("whisk.system/alarms/alarm", {"cron": "* * * * *"})
    assert asked == [(ME, "alarm", {"trigger_payload": "", "cron": "* * * * *"})]
    assert result_of(record) == {"status": "success"}
    assert record.annotations["path"] == "whisk.system/alarms/alarm"
    refused = await region.call("whisk.system/alarms/alarm", {"bad": 1})
    assert refused.status is Status.APPLICATION_ERROR
    assert result_of(refused) == {"error": "no cron"}
    assert json.loads(bytes(region.records.ended[refused.activation_id].result)) == {"error": "no cron"}
    assert region.jobs == []
