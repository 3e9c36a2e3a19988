"""The mark of what was deployed: when it is believed, and what of an entity is its own."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.deploy.mark import (
    MARK,
    NEAR_MS,
    Mark,
    inputs_digest,
    is_certain,
    mark_of,
    own_parameters,
    rows,
)


def action(version: str = "0.0.1", updated: int = 1000, **mark: Any) -> dict[str, Any]:
    told = {"app": "todo", "digest": "d", "version": "0.0.1", "at": 1000} | mark
    return {"version": version, "updated": updated, "annotations": rows({MARK: told}), "exec": {"kind": "a"}}


def test_code_is_certain_as_long_as_nobody_moved_the_version_or_wrote_later() -> None:
    assert is_certain(action())
    assert is_certain(action(updated=1000 + NEAR_MS))
    assert not is_certain(action(version="0.0.2"))
    assert not is_certain(action(updated=1001 + NEAR_MS))
    assert not is_certain(action(digest=""))
    assert not is_certain({"version": "0.0.1", "updated": 1, "annotations": []})
    assert is_certain({"exec": {"components": []}})


@pytest.mark.parametrize("bad", [1, "todo", {"app": 3}, None])
def test_what_is_no_mark_says_nothing(bad: Any) -> None:
    assert mark_of({"annotations": rows({MARK: bad})}) == Mark()
    assert mark_of(None) == Mark()


def test_parameters_that_are_the_packages_are_not_the_actions_own() -> None:
    package = rows({"x": 1, "y": 2, "z": 3})
    told = [*rows({"x": 1, "y": 5, "z": 3}), {"key": "secret", "value": "s", "init": True}]
    own = own_parameters(told, package, ("z",))
    assert own == [
        {"key": "y", "value": 5},
        {"key": "z", "value": 3},
        {"key": "secret", "value": "s", "init": True},
    ]


def test_the_digest_of_inputs_has_no_order() -> None:
    assert inputs_digest("f", {"a": 1, "b": 2}) == inputs_digest("f", {"b": 2, "a": 1})
    assert inputs_digest("f", {"a": 1}) != inputs_digest("g", {"a": 1})
