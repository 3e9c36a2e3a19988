"""The way back: for the steps that were done so far, those that put back what there was.

Pure. The reverse of each step, the last first. A step whose outcome nobody knows counts as done: what it may
have made is deleted if it is there, and what it may have changed is put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from couchgrass.deploy.bodies import restored_body
from couchgrass.deploy.steps import Change, Kind, Step

BACK: Final = "back to what it was"
_NOT_INPUTS: Final = frozenset({"name", "namespace", "payload", "dateChanged"})

SECRETS: Final = frozenset({"password", "apikey", "iamApiKey", "token"})
"""Inputs of feeds that READ keeps to itself."""


def way_back(done: Iterable[Step]) -> list[Step]:
    """The steps back, in their order."""
    return [inverse(step) for step in reversed(list(done))]


def inverse(step: Step) -> Step:
    """What undoes a step that writes."""
    match step.change:
        case Change.CREATE:
            return Step(step.kind, Change.DELETE, step.name, (BACK,), before=_made(step))
        case Change.UPDATE:
            return Step(step.kind, Change.UPDATE, step.name, (BACK,), _body(step), _made(step))
        case Change.DELETE:
            return Step(step.kind, Change.CREATE, step.name, (BACK,), _body(step))
        case _:
            raise AssertionError("only steps that write are undone")


def _made(step: Step) -> Mapping[str, Any]:
    """What a step that goes back finds there, as much as it needs to know."""
    return {"feed": step.body.get("feed", "")} if step.kind is Kind.FEED else step.body


def _body(step: Step) -> Mapping[str, Any]:
    assert step.before is not None, "there was something"
    if step.kind in (Kind.API, Kind.PAGES):
        return step.before
    if step.kind is Kind.FEED:
        return _feed_body(step.before, step.body)
    return restored_body(step.before, step.body)


def _feed_body(before: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs of a feed as READ tells them. Secrets it does not tell: those of the new inputs count."""
    told = before["read"].get("config", {})
    inputs = {key: value for key, value in told.items() if key not in _NOT_INPUTS and value is not None}
    if told.get("payload"):
        inputs["trigger_payload"] = told["payload"]
    if after.get("feed") == before["feed"]:
        secrets = {key: value for key, value in after.get("inputs", {}).items() if key in SECRETS}
        inputs = {**secrets, **inputs}
    is_paused = before["read"].get("status", {}).get("active") is False
    return {"feed": before["feed"], "inputs": inputs, "paused": is_paused}
