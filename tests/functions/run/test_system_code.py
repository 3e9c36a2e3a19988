"""The code of whisk.system's actions, as it is installed and as an action runs it."""

from __future__ import annotations

from typing import Any

from couchgrass.functions.run.system_code import installed
from couchgrass.functions.system_packages import is_native


def test_each_action_s_code_runs_alone_and_has_its_function() -> None:
    system = installed()
    for digest, code in system.code.items():
        names: dict[str, Any] = {"__name__": "action"}
        exec(compile(code, "action.py", "exec"), names)
        mains = [each.exec.main for each in system.actions if each.exec.digest == digest]
        assert mains
        assert all(callable(names[main]) for main in mains if main)


def test_what_has_no_code_is_answered_by_the_process() -> None:
    assert all(is_native(action) == (action.exec.size == 0) for action in installed().actions)
