"""The code of whisk.system's actions, as it is installed and as an action runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from couchgrass.clock import SystemClock
from couchgrass.functions.entity import Action, Package, Parameter
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.invoker import Invoker
from couchgrass.functions.run.system_code import installed
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.store.activations import Activations
from couchgrass.functions.system_packages import is_native
from couchgrass.functions.throttle import Throttle
from tests.functions.run.inmemory import ME, Held, awaited, result_of


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


@awaited
async def _in_processes(folder: Path) -> None:
    clock, system, held = SystemClock(), installed(), Held()
    for package in system.packages:
        held.put(package)
    for action in system.actions:
        held.put(action)
    held.put(Package("me", "mine", binding=("whisk.system", "utils"), parameters=(Parameter("num", 2),)))

    async def code(action: Action) -> Code:
        exec = action.exec
        return Code(action.name, exec.main, system.code[exec.digest], exec.binary, exec.digest)

    records = await Activations.open(folder / "activations", clock=clock)
    runtimes = await LocalRuntimes.open(stems={"python:3": 1})
    invoker = Invoker(runtimes, code, records, clock, memory_mb=4096)
    controller = Controller(
        held, invoker, records, throttle=Throttle(), clock=clock, api_key=lambda namespace: "secret"
    )
    try:
        for name, given, expected in CALLS:
            resolved = controller.resolve(*name)
            invoked = await controller.invoke(ME, resolved, given, blocking=True, transaction_id="t")
            assert invoked.activation is not None
            assert result_of(invoked.activation) == expected, bytes(invoked.activation.result)
        bound = await controller.invoke(
            ME,
            controller.resolve("me", "mine", "head"),
            {"lines": [1, 2, 3]},
            blocking=True,
            transaction_id="t",
        )
        assert bound.activation is not None
        assert result_of(bound.activation) == {"lines": [1, 2], "num": 2}
        assert bound.activation.annotations["binding"] == "me/mine"
        assert bound.activation.annotations["path"] == "whisk.system/utils/head"
        assert bound.activation.namespace == "me"
    finally:
        await controller.close()
        await invoker.close()
        await runtimes.close()
        await records.close()


CALLS: list[tuple[tuple[str, str, str], dict[str, Any], Any]] = [
    (("whisk.system", "utils", "echo"), {"a": 1}, {"a": 1}),
    (("whisk.system", "utils", "namespace"), {}, {"namespace": "me"}),
    (("whisk.system", "samples", "wordCount"), {"payload": "a b"}, {"count": 2}),
    (("whisk.system", "cloudant", "read"), {"id": "x"}, {"error": "dbname is required."}),
]


def test_the_actions_run_in_confined_processes_also_through_a_binding(tmp_path: Path) -> None:
    _in_processes(tmp_path)
