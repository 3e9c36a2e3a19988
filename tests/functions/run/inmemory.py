"""A region in memory for tests of what is invoked: entities in a map, actions that are Python functions."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

from couchgrass import json
from couchgrass.clock import Clock, SystemClock
from couchgrass.errors import NotFound
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.cloudant import accounts_of
from couchgrass.functions.entity import (
    SEQUENCE,
    Action,
    Entity,
    Exec,
    Identity,
    Package,
    Parameter,
    Rule,
    Trigger,
)
from couchgrass.functions.response import has_error, limits_annotation
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.invoker import Job
from couchgrass.functions.run.needs import Native
from couchgrass.functions.throttle import Allowed, Throttle

ME = Identity("me", "me", "uuid-me")
OTHER = Identity("other", "other", "uuid-other")

P = ParamSpec("P")

TEST_S = 100.0
"""Also for a machine that is busy with other things: a test that hangs is ended by this, and none is late."""


def awaited(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """A test that is a coroutine, run to its end within TEST_S."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(TEST_S):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


Act = Callable[[Any], Any] | Exception


class Held:
    """Entities in a map."""

    def __init__(self) -> None:
        self.all: dict[tuple[type, str, str, str], Entity] = {}

    def put(self, entity: Entity) -> None:
        package = entity.package if isinstance(entity, Action) else ""
        self.all[type(entity), entity.namespace, package, entity.name] = entity

    def _find(self, *key: Any) -> Any:
        if key not in self.all:
            raise NotFound("The requested resource does not exist.")
        return self.all[key]

    def action(self, namespace: str, package: str, name: str) -> Action:
        found: Action = self._find(Action, namespace, package, name)
        return found

    def package(self, namespace: str, name: str) -> Package:
        found: Package = self._find(Package, namespace, "", name)
        return found

    def trigger(self, namespace: str, name: str) -> Trigger:
        found: Trigger = self._find(Trigger, namespace, "", name)
        return found

    def rules_of(self, namespace: str, trigger: str) -> list[Rule]:
        rules = [each for each in self.all.values() if isinstance(each, Rule)]
        return [rule for rule in rules if rule.trigger == (namespace, trigger)]

    async def delete(self, entity: Entity) -> None:
        package = entity.package if isinstance(entity, Action) else ""
        del self.all[type(entity), entity.namespace, package, entity.name]


class Records:
    """Records in maps: as they began, as they ended."""

    def __init__(self) -> None:
        self.begun: dict[str, bool] = {}
        self.ended: dict[str, Activation] = {}

    def begin(self, activation: Activation, *, durable: bool = False) -> None:
        self.begun[activation.activation_id] = durable

    def put(self, activation: Activation) -> None:
        self.ended[activation.activation_id] = activation


class Region:
    """All of it. `acts` are the actions' functions, by path; an Exception in place of one is raised."""

    def __init__(self, *, clock: Clock | None = None, native: Native | None = None, **more: Any) -> None:
        self.clock = clock or SystemClock()
        self.entities = Held()
        self.records = Records()
        self.jobs: list[Job] = []
        self.acts: dict[str, Act] = {}
        self.throttle = Throttle(more.pop("allowed", Allowed()))
        self.controller = Controller(
            self.entities,
            self,
            self.records,
            throttle=self.throttle,
            clock=self.clock,
            api_key=lambda namespace: f"key of {namespace}",
            native=native,
            accounts=accounts_of,
            **more,
        )

    def action(self, path: str, act: Any = lambda value: value, **more: Any) -> Action:
        """Puts an action: "ns/[pkg/]name"."""
        namespace, *package, name = path.split("/")
        parameters = tuple(Parameter(key, value) for key, value in more.pop("parameters", {}).items())
        action = Action(namespace, "".join(package), name, Exec("python:3"), parameters=parameters, **more)
        self.entities.put(action)
        self.acts[path] = act
        return action

    def sequence(self, path: str, *components: str) -> Action:
        """Puts a sequence of "/ns/[pkg/]name"."""
        namespace, *package, name = path.split("/")
        action = Action(namespace, "".join(package), name, Exec(SEQUENCE, components=components))
        self.entities.put(action)
        return action

    def package(self, path: str, *, public: bool = True, **more: Any) -> None:
        namespace, name = path.split("/")
        parameters = tuple(Parameter(key, value) for key, value in more.pop("parameters", {}).items())
        self.entities.put(Package(namespace, name, publish=public, parameters=parameters, **more))

    async def run(self, job: Job) -> Activation:
        """Runs one action in this process."""
        self.jobs.append(job)
        act = self.acts[job.action.path]
        if isinstance(act, Exception):
            raise act
        result = act(job.value)
        if isinstance(result, asyncio.Future):
            result = await result
        record = Activation(
            namespace=job.identity.namespace,
            name=job.action.name,
            subject=job.identity.subject,
            activation_id=job.activation_id,
            start=0,
            version=job.action.version,
            annotations={
                "path": job.action.path,
                "limits": limits_annotation(job.action.limits),
                **job.annotations,
            },
            end=1,
            cause=job.cause,
            status=Status.APPLICATION_ERROR if has_error(result) else Status.SUCCESS,
            result=json.Raw(json.encode(result)),
        )
        self.records.put(record)
        return record

    async def call(self, path: str, payload: Any = None, who: Identity = ME, **more: Any) -> Any:
        """Invokes it and waits; the record."""
        namespace, *package, name = path.split("/")
        resolved = self.controller.resolve(namespace, "".join(package), name)
        given: dict[str, Any] = {"blocking": True, "transaction_id": "t"} | more
        invoked = await self.controller.invoke(who, resolved, payload, **given)
        return invoked if invoked.activation is None else invoked.activation


class Moved:
    """A clock that a test moves, in seconds; `sleep` waits until it was moved far enough."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._moved = asyncio.Condition()
        self.sleepers = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        async with self._moved:
            self.sleepers += 1
            self._moved.notify_all()
            try:
                await self._moved.wait_for(lambda: self._now >= until)
            finally:
                self.sleepers -= 1

    async def move(self, seconds: float) -> None:
        """Moves it once somebody sleeps."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.sleepers > 0)
            self._now += seconds
            self._moved.notify_all()


def result_of(activation: Activation) -> Any:
    return json.decode(activation.result)
