"""Invocations: waited for or not, bounded, ended in order; triggers with their rules."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from couchgrass.errors import BadRequest, Forbidden, ServiceUnavailable, TooManyRequests
from couchgrass.functions.activation import Status
from couchgrass.functions.entity import Parameter, Rule, Trigger
from couchgrass.functions.throttle import Allowed
from couchgrass.testing.asgi import MovedClock
from tests.functions.run.inmemory import ME, OTHER, TEST_S, Region, awaited, result_of


async def settled(region: Region, activation_id: str) -> Any:
    """The record, once it has ended."""
    while activation_id not in region.records.ended:
        await asyncio.sleep(0)
    return region.records.ended[activation_id]


@awaited
async def test_who_does_not_wait_has_the_id_at_once_and_the_run_goes_on() -> None:
    region = Region()
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/slow", lambda value: gate)
    invoked = await region.call("me/slow", blocking=False)
    assert invoked.activation is None
    assert len(invoked.activation_id) == 32
    assert region.records.begun == {invoked.activation_id: True}
    gate.set_result({"a": 1})
    assert result_of(await settled(region, invoked.activation_id)) == {"a": 1}


@awaited
async def test_who_waits_in_vain_has_the_id_and_the_run_goes_on() -> None:
    region = Region()
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/slow", lambda value: gate)
    invoked = await region.call("me/slow", timeout_ms=1)
    assert invoked.activation is None
    assert region.records.begun == {invoked.activation_id: True}
    gate.set_result({})
    assert (await settled(region, invoked.activation_id)).status is Status.SUCCESS


@awaited
async def test_who_goes_away_does_not_end_the_run() -> None:
    region = Region()
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/slow", lambda value: gate)
    caller = asyncio.create_task(region.call("me/slow", activation_id="a" * 32))
    while not region.jobs:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.set_result({})
    assert (await settled(region, "a" * 32)).status is Status.SUCCESS


@awaited
async def test_a_final_parameter_can_not_be_given() -> None:
    region = Region()
    region.action("me/act", parameters={"a": 1}, annotations={"final": True})
    with pytest.raises(BadRequest):
        await region.call("me/act", {"a": 2})
    await region.call("me/act", {"b": 2})


@awaited
async def test_a_namespace_has_its_share_and_no_more() -> None:
    # With the machine's clock, the minute could turn between two of them.
    region = Region(clock=MovedClock(), allowed=Allowed(invocations_per_minute=2, concurrent=5))
    region.action("me/act")
    for _ in range(2):
        await region.call("me/act")
    with pytest.raises(TooManyRequests, match="allowed: 2"):
        await region.call("me/act")
    assert region.throttle.in_flight("me") == 0
    region.action("other/act")
    await region.call("other/act", who=OTHER)


@awaited
async def test_a_process_has_a_bound() -> None:
    region = Region(under_way_max=1)
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/slow", lambda value: gate)
    await region.call("me/slow", blocking=False)
    with pytest.raises(ServiceUnavailable):
        await region.call("me/slow", blocking=False)
    gate.set_result({})


@awaited
async def test_what_was_not_run_is_told_to_who_waits_and_recorded_for_who_does_not() -> None:
    region = Region()
    region.action("me/full", ServiceUnavailable("The queue is full."))
    with pytest.raises(ServiceUnavailable):
        await region.call("me/full")
    invoked = await region.call("me/full", blocking=False)
    record = await settled(region, invoked.activation_id)
    assert record.status is Status.INTERNAL_ERROR
    assert result_of(record) == {"error": "The queue is full."}


@awaited
async def test_a_sequence_of_what_its_caller_may_not_run_is_refused() -> None:
    region = Region()
    region.package("other/pkg", public=False)
    region.action("other/pkg/secret")
    region.sequence("me/seq", "/other/pkg/secret")
    with pytest.raises(Forbidden, match="not authorized to access 'other/pkg/secret'"):
        await region.call("me/seq")


@awaited
async def test_what_a_package_held_back_is_run_for_nobody_else_through_no_binding() -> None:
    region = Region()
    region.action("other/pkg/act")
    for public, owner in ((False, "me"), (True, "third")):
        region.package("other/pkg", public=public)
        region.package(f"{owner}/bound", binding=("other", "pkg"))
        with pytest.raises(Forbidden, match=f"not authorized to access '{owner}/bound/act'"):
            await region.call(f"{owner}/bound/act")
    assert not region.jobs
    await region.call("me/bound/act")
    region.action("other/top")
    with pytest.raises(Forbidden, match="'other/top'"):
        await region.call("other/top")


@awaited
async def test_closing_waits_for_what_ends() -> None:
    region = Region()
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/slow", lambda value: gate)
    one = await region.call("me/slow", blocking=False)
    closing = asyncio.create_task(region.controller.close(drain_s=TEST_S))
    await asyncio.sleep(0)
    with pytest.raises(ServiceUnavailable):
        await region.call("me/slow")
    gate.set_result({})
    await closing
    assert region.records.ended[one.activation_id].status is Status.SUCCESS


@awaited
async def test_closing_gives_up_what_does_not_end() -> None:
    region = Region()
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    region.action("me/never", lambda value: never)
    region.sequence("me/seq", "/_/never")
    one = await region.call("me/seq", blocking=False)
    await region.controller.close(drain_s=0.01)
    given_up = region.records.ended[one.activation_id]
    assert given_up.status is Status.INTERNAL_ERROR
    assert "stopped" in result_of(given_up)["error"]
    with pytest.raises(ServiceUnavailable):
        await region.call("me/never")


def with_rules(region: Region) -> Trigger:
    trigger = Trigger("me", "t", parameters=(Parameter("a", 1), Parameter("b", 1)))
    region.entities.put(trigger)
    region.action("me/one")
    region.action("other/secret")
    rules = {
        "r1": ("me", "", "one"),
        "off": ("me", "", "one"),
        "gone": ("me", "", "no"),
        "foreign": ("other", "", "secret"),
    }
    for name, action in rules.items():
        region.entities.put(Rule("me", name, ("me", "t"), action, active=name != "off"))
    return trigger


@awaited
async def test_a_fire_invokes_the_actions_of_active_rules_and_tells_each_in_its_record() -> None:
    region = Region()
    trigger = with_rules(region)
    fired = await region.controller.fire(ME, trigger, {"b": 2}, headers={"X": "y"}, transaction_id="t")
    assert fired is not None
    record = region.records.ended[fired]
    assert result_of(record) == {"b": 2}
    lines = {line["rule"]: line for line in map(json.loads, record.logs)}
    assert lines["me/r1"]["success"] is True
    assert lines["me/off"]["statusCode"] == 1
    assert lines["me/gone"]["error"] == "The requested resource does not exist."
    assert "not authorized" in lines["me/foreign"]["error"]
    child = await settled(region, lines["me/r1"]["activationId"])
    assert result_of(child) == {"a": 1, "b": 2, "__ow_headers": {"x": "y"}}
    assert child.cause is None


@awaited
async def test_a_trigger_without_an_active_rule_leaves_nothing() -> None:
    region = Region()
    trigger = Trigger("me", "t")
    region.entities.put(trigger)
    region.entities.put(Rule("me", "off", ("me", "t"), ("me", "", "one"), active=False))
    assert await region.controller.fire(ME, trigger, {}, headers={}, transaction_id="t") is None
    assert region.records.ended == {}


@awaited
async def test_fires_are_counted() -> None:
    region = Region(clock=MovedClock(), allowed=Allowed(fires_per_minute=1))
    trigger = with_rules(region)
    await region.controller.fire(ME, trigger, None, headers={}, transaction_id="t")
    with pytest.raises(TooManyRequests):
        await region.controller.fire(ME, trigger, None, headers={}, transaction_id="t")
