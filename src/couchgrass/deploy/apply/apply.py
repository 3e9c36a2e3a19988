"""A plan made true in one region, or the region put back to what it was.

Steps of one kind are done at once, sequences one after the other. What is overwritten or deleted is fetched
whole before. When a step fails, the region goes back: everything that was done, or may have been, is undone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from couchgrass.deploy.apply.read import with_code
from couchgrass.deploy.apply.site import Publisher
from couchgrass.deploy.rollback import way_back
from couchgrass.deploy.steps import COLLECTIONS, Change, Kind, Plan, Step
from couchgrass.errors import CouchgrassError, NotFound, PeerLost, ServiceUnavailable
from couchgrass.whisk.host import Refused
from couchgrass.whisk.namespace import Namespace, is_missing

BACK_TRIES_MAX: Final = 5
BACK_PAUSE_S: Final = 0.2
"""The way back has some 3 s to get by a host that fails."""

ONE_BY_ONE: Final = (Kind.SEQUENCE, Kind.API, Kind.FEED, Kind.PAGES)

Tell = Callable[[Step], None]


class Failed(CouchgrassError):
    """The region could not be brought to the plan. `step` is the one that failed. Empty `stuck`: the region
    is what it was; else these steps of the way back failed too, and why."""

    def __init__(self, step: Step, cause: CouchgrassError, stuck: tuple[str, ...]) -> None:
        notes = "".join(f" ({note})" for note in getattr(cause, "__notes__", ()))
        super().__init__(f"{step.change} {step.kind} {step.name}: {cause.reason or cause.error}{notes}")
        self.step = step
        self.stuck = stuck


class Target(NamedTuple):
    """Where it is done. `pages` None: the plan has no step about pages."""

    namespace: Namespace
    pages: Publisher | None = None


async def apply(plan: Plan, target: Target, tell: Tell) -> dict[str, str]:
    """Does it; the URLs of APIs that were put, by base path. `tell` hears of each step that is done. Raises
    Failed. When it is cancelled the region goes back first."""
    work = _Work(target, tell)
    running = asyncio.ensure_future(work.all(plan))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.shield(work.interrupted(running))
        raise
    except _StepFailed as failed:
        raise Failed(failed.step, failed.cause, await work.back()) from failed.cause
    return work.urls


class _StepFailed(Exception):
    def __init__(self, step: Step, cause: CouchgrassError) -> None:
        super().__init__(str(step))
        self.step = step
        self.cause = cause


class _Interrupted(Exception):
    """No further step is begun."""


class _Work:
    """What was done so far, or was begun and nobody knows whether it was done."""

    def __init__(self, target: Target, tell: Tell) -> None:
        self._target = target
        self._tell = tell
        self._begun: list[Step] = []
        self._is_interrupted = False
        self.urls: dict[str, str] = {}

    async def all(self, plan: Plan) -> None:
        """All stages, one after the other."""
        for kind, steps in itertools.groupby(plan.writes, key=lambda step: step.kind):
            await self._stage(kind, list(steps))

    async def interrupted(self, running: asyncio.Future[None]) -> None:
        """Begins nothing more, lets requests under way end, and goes back: the host might do one that nobody
        waits for after it was undone."""
        self._is_interrupted = True
        await asyncio.gather(running, return_exceptions=True)
        await self.back()

    async def _stage(self, kind: Kind, steps: Iterable[Step]) -> None:
        """Steps of one kind. All that were begun have ended when it raises."""
        if kind in ONE_BY_ONE:
            for step in steps:
                await self._one(step)
            return
        ended = await asyncio.gather(*(self._one(step) for step in steps), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _one(self, step: Step) -> None:
        try:
            if _overwrites_code(step):
                assert step.before is not None, "there was something"
                whole = await with_code(self._target.namespace, step.name, dict(step.before))
                step = msgspec.structs.replace(step, before=whole)
            if self._is_interrupted:
                raise _Interrupted
            self._begun.append(step)
            answer = await do(step, self._target)
        except CouchgrassError as refused:
            if step in self._begun and step.kind is not Kind.FEED and not _is_unknown(refused):
                self._begun.remove(step)
            raise _StepFailed(step, refused) from refused
        if step.kind is Kind.API and step.change is not Change.DELETE:
            self.urls[step.name] = str(answer.get("gwApiUrl", ""))
        self._tell(step)

    async def back(self) -> tuple[str, ...]:
        """Undoes it; what can't be undone, in words."""
        stuck = []
        for step in way_back(self._begun):
            try:
                await _insist(step, self._target)
            except CouchgrassError as refused:
                stuck.append(f"{step.change} {step.kind} {step.name}: {refused.reason or refused.error}")
        return tuple(stuck)


def _overwrites_code(step: Step) -> bool:
    if step.kind not in (Kind.ACTION, Kind.SEQUENCE) or step.before is None:
        return False
    return step.change is Change.DELETE or (step.change is Change.UPDATE and "exec" in step.body)


def _is_unknown(refused: CouchgrassError) -> bool:
    """May it have been done all the same?"""
    return isinstance(refused, PeerLost | ServiceUnavailable) or (
        refused.status >= 500 and not isinstance(refused, Refused)
    )


async def _insist(step: Step, target: Target) -> None:
    for attempt in range(BACK_TRIES_MAX):
        try:
            await do(step, target)
            return
        except NotFound:
            if step.change is Change.DELETE:
                return
            raise
        except CouchgrassError as refused:
            if not _is_unknown(refused) or attempt + 1 == BACK_TRIES_MAX:
                raise
        await asyncio.sleep(BACK_PAUSE_S * 2**attempt)


async def do(step: Step, target: Target) -> dict[str, Any]:
    """The requests of one step; the last one's answer."""
    namespace = target.namespace
    if step.kind is Kind.PAGES:
        assert target.pages is not None, "who plans pages can put them"
        await target.pages.do(step)
        return {}
    if step.kind is Kind.FEED:
        await _feed(step, namespace)
        return {}
    if step.kind is Kind.API:
        if step.change is Change.DELETE:
            await namespace.delete_api(step.name)
            return {}
        return await namespace.put_api(step.body)
    if step.change is Change.DELETE:
        await namespace.delete(COLLECTIONS[step.kind], step.name)
        return {}
    body = dict(step.body)
    active = body.pop("active", True)
    answer = await namespace.put(COLLECTIONS[step.kind], step.name, body)
    if step.kind is Kind.RULE and (answer.get("status") == "active") != active:
        await namespace.set_active(step.name, active)
    return answer


async def _feed(step: Step, namespace: Namespace) -> None:
    """A feed's lifecycle. Not every feed can be changed, so it is deleted and made anew; so is one that
    outlived its trigger."""
    if step.change in (Change.DELETE, Change.UPDATE) and step.before is not None:
        await _delete_feed(step, str(step.before["feed"]), namespace)
    if step.change is Change.DELETE:
        return
    feed, inputs = str(step.body["feed"]), step.body["inputs"]
    try:
        await namespace.feed(feed, "CREATE", step.name, inputs)
    except Refused as refused:
        if not await _delete_feed(step, feed, namespace):
            raise refused
        await namespace.feed(feed, "CREATE", step.name, inputs)
    if step.body.get("paused"):
        await namespace.feed(feed, "PAUSE", step.name, {})


async def _delete_feed(step: Step, feed: str, namespace: Namespace) -> bool:
    """False when there was none."""
    try:
        await namespace.feed(feed, "DELETE", step.name, {})
    except NotFound:
        return False
    except Refused as refused:
        if is_missing(refused):
            return False
        raise
    return True
