"""Plans: nothing is left to do after one, what others made stays, and each way back leads back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.deploy.diff import How, plan
from couchgrass.deploy.rollback import way_back
from couchgrass.deploy.steps import Change, Kind, Plan, PlanRefused
from couchgrass.deploy.wanted import App, Package
from tests.deploy.apps import FIRST, SECOND
from tests.deploy.model import Model
from tests.deploy.wanted_apps import apps


def planned(model: Model, wanted: App, *, app: str = "todo", prune: bool = True, tenant: str = "") -> Plan:
    return plan(wanted, model.present(), How(app, model.now_ms, "http://functions.example", prune, tenant))


def deployed(model: Model, wanted: App, *, app: str = "todo", prune: bool = True) -> Plan:
    found = planned(model, wanted, app=app, prune=prune)
    for step in found.writes:
        model.do(step)
    return found


@settings(max_examples=30)
@given(apps())
def test_after_a_deploy_nothing_is_left_to_do(wanted: App) -> None:
    model = Model()
    first = deployed(model, wanted)
    assert {step.change for step in first.steps} <= {Change.CREATE}
    again = planned(model, wanted)
    assert not again.writes and not again.left, again


@settings(max_examples=30)
@given(apps(), apps())
def test_one_app_becomes_the_other_and_nothing_of_the_first_is_left(first: App, second: App) -> None:
    model, fresh = Model(), Model()
    for wanted in (first, second):
        deployed(model, wanted)
    deployed(fresh, second)
    assert not planned(model, second).writes
    for collection, entities in model.entities.items():
        assert entities.keys() == fresh.entities[collection].keys()
    assert model.code.items() >= {name: fresh.code[name] for name in fresh.entities["actions"]}.items()
    assert model.feeds == fresh.feeds
    assert {base: api["paths"] for base, api in model.apis.items()} == {
        base: api["paths"] for base, api in fresh.apis.items()
    }


@settings(max_examples=30)
@given(apps(), apps())
def test_without_prune_nothing_goes_and_it_is_said(first: App, second: App) -> None:
    model = Model()
    deployed(model, first)
    found = deployed(model, second, prune=False)
    assert Change.DELETE not in {step.change for step in found.steps if step.kind is not Kind.FEED}
    had = {one.name for one in first.actions} - {one.name for one in second.actions}
    left = {step.name for step in found.left if step.kind in (Kind.ACTION, Kind.SEQUENCE)}
    assert left == had
    assert not planned(model, second, prune=False).writes


@settings(max_examples=30)
@given(apps(), apps())
def test_what_another_app_has_is_never_deleted(ours: App, theirs: App) -> None:
    model = Model()
    deployed(model, ours, app="ours")
    deployed(model, theirs, app="theirs", prune=False)
    deployed(model, App(), app="ours")
    for collection, wanted in (
        ("packages", theirs.packages),
        ("actions", theirs.actions),
        ("triggers", theirs.triggers),
        ("rules", theirs.rules),
    ):
        assert {one.name for one in wanted} <= model.entities[collection].keys()
    kept = {(one.base, one.path, one.verb.lower()) for one in theirs.routes}
    has = {
        (base, path, verb)
        for base, api in model.apis.items()
        for path, item in api["paths"].items()
        for verb in item
    }
    assert kept == has


@settings(max_examples=30)
@given(apps(), apps(), st.data())
def test_from_any_step_the_way_back_leads_to_what_there_was(
    first: App, second: App, data: st.DataObject
) -> None:
    model = Model()
    deployed(model, first)
    before = model.state()
    steps = planned(model, second).writes
    done = []
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        done.append(model.whole(step))
        model.do(step)
    for step in way_back(done):
        model.do(step)
    assert model.state() == before


def test_the_order_is_packages_actions_triggers_rules_apis_and_deletes_come_back_to_front() -> None:
    model = Model()
    kinds = [step.kind for step in deployed(model, FIRST).writes]
    order = [list(Kind).index(kind) for kind in kinds if kind is not Kind.FEED]
    assert order == sorted(order)
    gone = [step.kind for step in planned(model, App()).writes]
    order = [list(Kind).index(kind) for kind in gone]
    assert order == sorted(order, reverse=True)


def test_what_differs_is_said_without_values() -> None:
    model = Model()
    deployed(model, FIRST)
    said = {(step.kind, step.name): step.why for step in planned(model, SECOND).writes}
    assert said[Kind.PACKAGE, "todo"] == (
        "parameter password changes",
        "parameter limit goes",
        "annotation about goes",
        "version 1.0.0 → 1.1.0",
    )
    assert said[Kind.ACTION, "todo/get"] == ("code changes", "parameter limit goes")
    assert said[Kind.ACTION, "todo/post"] == (
        "parameter x is new",
        "timeout 60000 → 1000",
        "memory 128 → 256",
    )
    assert said[Kind.SEQUENCE, "todo/both"] == ("components change",)
    assert said[Kind.FEED, "often"] == ("is told something else",)
    assert said[Kind.RULE, "on-often"] == ("action /guest/todo/get → /guest/more/new",)
    assert said[Kind.BINDING, "mine"][0] == "is bound to /whisk.system/utils instead of /whisk.system/samples"
    assert said[Kind.RULE, "on-plain"] == ("left the manifest",)


def test_a_package_with_others_actions_and_a_trigger_with_others_rules_stay() -> None:
    model = Model()
    deployed(model, FIRST)
    model._put("actions", "todo/theirs", {"exec": {"kind": "python:3", "code": "x = 1"}})
    model._put("rules", "theirs", {"trigger": "/_/plain", "action": "/_/todo/theirs"})
    found = deployed(model, App())
    assert {(step.kind, step.name): step.why for step in found.left} == {
        (Kind.TRIGGER, "plain"): ("has other rules: theirs",),
        (Kind.PACKAGE, "todo"): ("has other actions: todo/theirs",),
    }
    assert set(model.entities["actions"]) == {"todo/theirs"}


@pytest.mark.parametrize("binding", ["", "/whisk.system/samples"])
def test_a_package_does_not_become_a_binding_nor_the_other_way(binding: str) -> None:
    model = Model()
    deployed(model, App((Package("p", binding=binding),)))
    with pytest.raises(PlanRefused, match="delete it first"):
        planned(model, App((Package("p", binding="" if binding else "/whisk.system/samples"),)))
