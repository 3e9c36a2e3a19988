"""The canary: a tiny action of our own, run as any other is, to see whether actions can be run at all.

It takes a cell of the pool, with its process and its confinement, and leaves no record. Whoever asks while it
runs, or shortly after, gets the same answer, so that it is no way to make load.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Action, Exec, Identity, Limits
from couchgrass.functions.run.invoker import Job
from couchgrass.functions.run.needs import Runner
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.system_packages import KIND, NAMESPACE
from couchgrass.ids import new_id

CANARY_S: Final = 4.0
"""How long all of it may take, the start of its process included."""

KEPT_S: Final = 0.4
"""How long an answer is good for others. Less than what lies between two looks of an agent."""

SOURCE: Final = b"def main(args):\n    return args\n"
ACTION: Final = Action(
    NAMESPACE,
    "",
    "canary",
    Exec(KIND, "main", digest=hashlib.sha256(SOURCE).hexdigest(), size=len(SOURCE)),
    limits=Limits(timeout=int(CANARY_S * 1000), memory=128, logs=0),
)
_OWNER: Final = Identity(NAMESPACE, NAMESPACE, "")


class Sung(msgspec.Struct, frozen=True):
    """How it went. `error` says what was wrong."""

    ok: bool
    took_ms: float
    error: str = ""


def with_canary(code: Callable[[Action], Awaitable[Code]]) -> Callable[[Action], Awaitable[Code]]:
    """Where an invoker gets code, that of the canary's action included."""

    async def found(action: Action) -> Code:
        if action is ACTION:
            return Code(action.name, action.exec.main, SOURCE, False, action.exec.digest)
        return await code(action)

    return found


class Canary:
    """One for a process. Its invoker has its code `with_canary`."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._singing: asyncio.Task[Sung] | None = None
        self._sung_at = 0.0

    async def sing(self) -> Sung:
        """Runs it, or tells how it went just now. Raises nothing."""
        singing = self._singing
        if singing is None or (singing.done() and self._clock.monotonic() - self._sung_at >= KEPT_S):
            singing = self._singing = asyncio.create_task(self._sing())
        return await asyncio.shield(singing)

    async def close(self) -> None:
        """Gives up what is under way."""
        if self._singing is not None and not self._singing.done():
            self._singing.cancel()
            await asyncio.wait([self._singing])

    async def _sing(self) -> Sung:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(CANARY_S):
                error = await self._run()
        except TimeoutError:
            error = f"no action could be run within {CANARY_S:.0f} s"
        except CouchgrassError as refused:
            error = refused.reason
        self._sung_at = self._clock.monotonic()
        return Sung(not error, round((self._sung_at - began) * 1000, 3), error)

    async def _run(self) -> str:
        """What is wrong, "" when nothing is."""
        song = {"song": new_id()}
        ended = await self._runner.run(
            Job(
                action=ACTION,
                value=song,
                init_env={},
                identity=_OWNER,
                activation_id=new_id(),
                transaction_id="canary",
                canary=True,
            )
        )
        if ended.status is not Status.SUCCESS:
            return _error(ended)
        return "" if json.decode(ended.result) == song else "the action answered something else"


def _error(ended: Activation) -> str:
    result = json.decode(ended.result)
    told = result.get("error") if isinstance(result, dict) else None
    return f"the action failed: {told}"
