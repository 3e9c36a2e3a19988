"""The packages of whisk.system, and that each action's code has its function."""

from __future__ import annotations

import importlib
from pathlib import Path

from couchgrass.functions.entity import Action, Exec
from couchgrass.functions.system_packages import FEEDS, MODULES, is_native, system_packages

TEXTS = {
    package: Path(str(importlib.import_module(module).__file__)).read_bytes()
    for package, module in MODULES.items()
}
SYSTEM = system_packages(TEXTS)


def test_every_action_has_its_code_and_its_function_in_it() -> None:
    for action in SYSTEM.actions:
        code = SYSTEM.code[action.exec.digest]
        assert len(code) == action.exec.size
        if not is_native(action):
            module = importlib.import_module(MODULES[action.package])
            assert callable(getattr(module, action.exec.main)), action.path


def test_every_action_is_in_a_public_package() -> None:
    packages = {package.name for package in SYSTEM.packages if package.publish}
    assert {action.package for action in SYSTEM.actions} <= packages
    assert packages == {"utils", "samples", "alarms", "cloudant"}


def test_feeds_are_answered_by_the_process_and_nobody_else_s_actions_are() -> None:
    native = {(action.package, action.name) for action in SYSTEM.actions if is_native(action)}
    assert native == {(package, name) for package, names in FEEDS.items() for name in names}
    assert all(action.annotations["feed"] is True for action in SYSTEM.actions if is_native(action))
    assert not is_native(Action("guest", "alarms", "alarm", Exec("python:3")))


def test_actions_say_what_they_take() -> None:
    found = {f"{action.package}/{action.name}": action.annotations for action in SYSTEM.actions}
    assert found["utils/split"]["parameters"] == [
        {"name": "payload", "required": True},
        {"name": "separator", "required": False},
    ]
    assert "parameters" not in found["utils/date"]
    assert all(one["name"] for each in found.values() for one in each.get("parameters", ()))


def test_the_code_stands_alone() -> None:
    assert all(b"couchgrass" not in text for text in TEXTS.values())
