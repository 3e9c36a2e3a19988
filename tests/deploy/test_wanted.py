"""What an app asks for shows none of its values, wherever it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from rich.pretty import pretty_repr

from couchgrass.clock import SystemClock
from couchgrass.deploy.apply.region import Order
from couchgrass.deploy.deployment import Over
from couchgrass.deploy.inputs import Value
from couchgrass.deploy.interpolate import Filled
from couchgrass.deploy.rollback import inverse
from couchgrass.deploy.steps import Change, Kind, Plan, Present, Step
from couchgrass.deploy.wanted import Action, App, Exec, Package, Rule, Trigger

SECRET = "s3cret"
VALUES = {"password": SECRET}
CODE = Exec("nodejs:default", code=SECRET)
ACTION = Action("todo/read", CODE, parameters=VALUES, annotations=VALUES)
PACKAGE = Package("todo", parameters=VALUES, annotations=VALUES)
TRIGGER = Trigger("tick", parameters=VALUES, annotations=VALUES, inputs=VALUES)
RULE = Rule("ticked", "tick", "todo/read", annotations=VALUES)
APP = App((PACKAGE,), (ACTION,), (TRIGGER,), (RULE,), swaggers=({"x": SECRET},))
STEP = Step(Kind.ACTION, Change.UPDATE, "todo/read", ("changes",), VALUES, VALUES)


@pytest.mark.parametrize(
    "value",
    [
        ACTION,
        PACKAGE,
        TRIGGER,
        RULE,
        APP,
        Plan((STEP, inverse(STEP))),
        Present("guest", actions={"a": VALUES}),
        Order(lambda env, kinds: APP, VALUES, SystemClock()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_shows_a_value(value: Any) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in str(value)
    assert SECRET not in pretty_repr(value)


@pytest.mark.parametrize("value", [Over(VALUES, VALUES), Value(SECRET, "string", True), Filled(SECRET)])
def test_nor_does_what_is_on_its_way(value: Any) -> None:
    assert SECRET not in f"{value!r} {value}"


def test_what_is_shown_tells_which_it_is() -> None:
    assert repr(ACTION) == "Action('todo/read')"
    assert "todo/read" in repr(APP)
