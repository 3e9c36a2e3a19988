"""Invocations in real processes: warm before cold, every end told as OpenWhisk does, nothing left."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from couchgrass.clock import SystemClock
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Action, Exec, Identity, Limits
from couchgrass.functions.run import invoker as invoker_module
from couchgrass.functions.run.invoker import Invoker, Job
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.store.activations import Activations
from tests.functions.run.line_cells import LineRuntimes

ECHO = "def main(message): return 200, json.dumps({'pid': os.getpid(), **message['value']})"
TELL = "def main(message): return 200, json.dumps({'message': message, 'env': dict(os.environ)})"
OWNER = Identity("me", "ns", "uuid")


def action(code: str, *, name: str = "act", rev: str = "1-a", updated: int = 0, **limits: int) -> Action:
    return Action(
        "ns", "pkg", name, Exec("python:3", digest=code), limits=Limits(**limits), rev=rev, updated=updated
    )


class World:
    """An invoker with real processes and a real store."""

    def __init__(self, store: Activations, **options: Any) -> None:
        self.store = store
        self.runtimes = LineRuntimes(options.pop("at_most", 1_000))
        self.last = 0
        self.invoker = Invoker(
            self.runtimes, self.code, store, SystemClock(), **{"memory_mb": 4096, **options}
        )

    async def code(self, action: Action) -> Code:
        """The digest is the code itself here."""
        if action.exec.digest == "gone":
            raise NotFound("The requested resource does not exist.")
        if action.exec.digest == "away":
            raise CouchgrassError("The database does not answer.")
        return Code(action.name, "main", action.exec.digest.encode(), False, action.exec.digest)

    def job(self, action: Action, value: Any = None, **more: Any) -> Job:
        self.last += 1
        values = {"init_env": {}, "identity": OWNER, "transaction_id": "tid", **more}
        return Job(action=action, value=value or {}, activation_id=f"{self.last:032x}", **values)

    async def run(self, action: Action, value: Any = None, **more: Any) -> Activation:
        return await self.invoker.run(self.job(action, value, **more))


def with_world(folder: Path, work: Callable[[World], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        store = await Activations.open(folder, clock=SystemClock())
        world = World(store, **options)
        await work(world)
        await world.invoker.close()
        assert not [cell for cell in world.runtimes.cells if cell.alive]
        assert world.invoker.pool.cells == world.invoker.pool.waiting == 0
        await store.close()

    asyncio.run(run())


def result(activation: Activation) -> Any:
    return json.loads(bytes(activation.result))


def error(activation: Activation) -> tuple[Status | None, Any]:
    return activation.status, result(activation)["error"]


def test_a_process_is_used_again_for_its_action_and_for_no_other(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        first = await world.run(action(ECHO), {"a": 1})
        assert (first.status, result(first)["a"]) == (Status.SUCCESS, 1)
        pid = result(first)["pid"]
        assert result(await world.run(action(ECHO)))["pid"] == pid
        others = [
            await world.run(action(ECHO, rev="2-b", updated=1)),
            await world.run(action(ECHO, name="other")),
            await world.run(action(ECHO), identity=Identity("you", "yours", "uuid")),
            await world.run(action(ECHO), init_env={"A": "1"}),
            await world.run(action(ECHO), accounts=("account",)),
        ]
        assert len({pid, *(result(one)["pid"] for one in others)}) == 6

    with_world(tmp_path, work)


def test_the_process_is_told_what_openwhisk_tells_it(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        job = world.job(action(TELL), {"p": [1]}, init_env={"SET": "x"}, api_key="uuid:key")
        told = result(await world.invoker.run(job))
        message, env = told["message"], told["env"]
        deadline = int(message.pop("deadline"))
        assert message == {
            "value": {"p": [1]},
            "namespace": "ns",
            "action_name": "/ns/pkg/act",
            "action_version": "0.0.1",
            "activation_id": job.activation_id,
            "transaction_id": "tid",
            "api_key": "uuid:key",
        }
        assert 0 <= deadline - int(env["__OW_DEADLINE"]) < 60_000
        assert env["__OW_ACTION_NAME"] == "/ns/pkg/act"
        assert (env["SET"], env["__OW_API_KEY"]) == ("x", "uuid:key")
        assert env["__OW_API_HOST"] == "http://here"
        told = result(await world.run(action(TELL, name="other")))
        assert "api_key" not in told["message"]
        assert "__OW_API_KEY" not in told["env"]

    with_world(tmp_path, work, env={"__OW_API_HOST": "http://here"})


def test_the_record_says_all_about_the_run(tmp_path: Path) -> None:
    code = "def main(message):\n  log('hello')\n  return 200, '{}'"

    async def work(world: World) -> None:
        cold = await world.run(action(code), cause="c" * 32, annotations={"causedBy": "sequence"})
        assert (cold.namespace, cold.name, cold.subject, cold.version) == ("ns", "act", "me", "0.0.1")
        assert cold.cause == "c" * 32
        limits = {"timeout": 60_000, "memory": 256, "logs": 10, "concurrency": 1}
        wait, init = cold.annotations["waitTime"], cold.annotations["initTime"]
        assert cold.annotations == {
            "path": "ns/pkg/act",
            "kind": "python:3",
            "timeout": False,
            "limits": limits,
            "causedBy": "sequence",
            "waitTime": wait,
            "initTime": init,
        }
        assert wait >= 0 <= init
        assert cold.duration is not None
        assert cold.duration >= init
        assert [line[31:] for line in cold.logs] == ["stdout: hello"]
        warm = await world.run(action(code))
        assert "initTime" not in warm.annotations
        for one in (cold, warm):
            assert (await world.store.get("ns", one.activation_id)).logs == one.logs

    with_world(tmp_path, work)


LOSS = "stderr: The action did not initialize or run as expected. Log data might be missing."


@pytest.mark.parametrize(
    ("code", "status", "text", "notes"),
    [
        (
            "def main(message): os._exit(1)",
            Status.DEVELOPER_ERROR,
            "The action did not produce a valid response and exited unexpectedly.",
            [LOSS],
        ),
        (
            "os._exit(1)",
            Status.DEVELOPER_ERROR,
            "The action did not initialize and exited unexpectedly.",
            [LOSS],
        ),
        ("raise ValueError('no')", Status.DEVELOPER_ERROR, "no", []),
        (
            "def main(message): hang()",
            Status.DEVELOPER_ERROR,
            "The action exceeded its time limits of 300 milliseconds.",
            [LOSS],
        ),
        (
            "hang()",
            Status.DEVELOPER_ERROR,
            "The action exceeded its time limits of 300 milliseconds during initialization.",
            [LOSS],
        ),
        (
            "def main(message): return 200, '7'",
            Status.DEVELOPER_ERROR,
            "The action did not produce a valid JSON or JSON Array response: 7",
            [],
        ),
        ("gone", Status.INTERNAL_ERROR, "Action could not be found or may have been deleted.", []),
        ("away", Status.INTERNAL_ERROR, "Action could not be fetched.", []),
    ],
)
def test_a_bad_end_is_told_and_the_next_run_is_not_harmed(
    tmp_path: Path, code: str, status: Status, text: str, notes: list[str]
) -> None:
    async def work(world: World) -> None:
        ended = await world.run(action(code, timeout=300))
        assert error(ended) == (status, text)
        assert ended.annotations["timeout"] == ("time limits" in text)
        assert [line[31:] for line in ended.logs] == notes
        assert (await world.run(action(ECHO, name="other"))).status is Status.SUCCESS
        assert error(await world.store.get("ns", ended.activation_id)) == (status, text)

    with_world(tmp_path, work)


def test_an_application_error_leaves_the_process_and_another_status_does_not(tmp_path: Path) -> None:
    code = "def main(message): return message['value']['s'], json.dumps({'error': os.getpid()})"

    async def work(world: World) -> None:
        first = await world.run(action(code), {"s": 200})
        assert first.status is Status.APPLICATION_ERROR
        second = await world.run(action(code), {"s": 500})
        assert second.status is Status.DEVELOPER_ERROR
        assert result(second) == result(first)
        third = await world.run(action(code), {"s": 200})
        assert result(third) != result(first)

    with_world(tmp_path, work)


def test_a_warm_process_that_died_meanwhile_is_replaced(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        pid = result(await world.run(action(ECHO)))["pid"]
        os.kill(pid, 9)
        await world.runtimes.cells[0].process.wait()
        again = await world.run(action(ECHO))
        assert again.status is Status.SUCCESS
        assert result(again)["pid"] != pid

    with_world(tmp_path, work, memory_mb=256)


def test_a_runtime_that_shuts_down_gives_its_run_to_another(tmp_path: Path) -> None:
    code = (
        "count = 0\n"
        "def main(message):\n"
        "  global count\n"
        "  count += 1\n"
        "  return 200 if count == 1 else 503, json.dumps({'pid': os.getpid()})"
    )

    async def work(world: World) -> None:
        pids = [result(await world.run(action(code)))["pid"] for _ in range(2)]
        assert len(set(pids)) == 2

    with_world(tmp_path, work)


def test_when_no_process_can_be_had_the_platform_is_to_blame(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        ended = await world.run(action(ECHO))
        assert error(ended) == (Status.INTERNAL_ERROR, "Failed to provision resources to run the action.")
        large = await world.run(action(ECHO, memory=8192))
        assert error(large) == (Status.INTERNAL_ERROR, "Failed to provision resources to run the action.")

    with_world(tmp_path, work, at_most=0)


def test_many_callers_share_few_processes_and_each_gets_its_own_answer(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        jobs = [world.run(action(ECHO), {"n": number}) for number in range(200)]
        answers = [result(ended)["n"] for ended in await asyncio.gather(*jobs)]
        assert answers == list(range(200))
        assert len(world.runtimes.cells) <= 8

    with_world(tmp_path, work, memory_mb=8 * 256, eager=2)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


SLEEP = "def main(message): hang()"


def test_at_its_bound_the_queue_refuses_and_nothing_is_recorded(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        tasks = [asyncio.create_task(world.run(action(SLEEP))) for _ in range(3)]
        await until(lambda: world.invoker.pool.waiting == 2)
        with pytest.raises(ServiceUnavailable, match="System is overloaded, try again later"):
            await world.run(action(SLEEP))
        assert await world.store.count("ns") == 3
        await world.invoker.close()
        ended = [await task for task in tasks]
        stopped = (Status.INTERNAL_ERROR, "The action was ended because the server stops.")
        assert [error(one) for one in ended] == [stopped] * 3
        with pytest.raises(ServiceUnavailable):
            await world.run(action(SLEEP))

    with_world(tmp_path, work, memory_mb=256, waiting_max=4)


def test_a_caller_that_goes_takes_its_process_along_and_the_next_one_runs(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        running = asyncio.create_task(world.run(action(SLEEP)))
        await until(lambda: len(world.runtimes.cells) == 1)
        waiting = asyncio.create_task(world.run(action(SLEEP)))
        third = asyncio.create_task(world.run(action(ECHO, name="other")))
        await until(lambda: world.invoker.pool.waiting == 2)
        for task in (waiting, running):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await third).status is Status.SUCCESS
        texts = [error(one) for one in await world.store.list("ns", name="act", docs=True)]
        said = "The action was ended because nobody waits for it any more."
        assert texts == [(Status.INTERNAL_ERROR, said)] * 2

    with_world(tmp_path, work, memory_mb=256)


def test_what_waits_too_long_is_given_up_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("couchgrass.functions.pool.WAIT_S_MAX", 0.05)
    monkeypatch.setattr(invoker_module, "TICK_S", 0.01)

    async def work(world: World) -> None:
        running = asyncio.create_task(world.run(action(SLEEP)))
        await until(lambda: len(world.runtimes.cells) == 1)
        late = await world.run(action(ECHO, name="other"))
        assert error(late) == (Status.INTERNAL_ERROR, "System is overloaded, try again later.")
        running.cancel()

    with_world(tmp_path, work, memory_mb=256)


def test_a_running_activation_can_be_seen(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        job = world.job(action(SLEEP))
        task = asyncio.create_task(world.invoker.run(job))
        await until(lambda: len(world.runtimes.cells) == 1)
        seen = await world.store.get("ns", job.activation_id)
        assert (seen.end, seen.status, seen.annotations["path"]) == (None, None, "ns/pkg/act")
        task.cancel()

    with_world(tmp_path, work)
