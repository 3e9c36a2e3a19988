"""Runs what an invocation is made of: an action, a sequence, a conductor, a feed of the system's own.

What comes next is decided in ``sequence.py`` and ``conductor.py``; here it is done. Every run ends with a
record that is written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.functions import conductor, sequence
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import SEQUENCE, Identity, Limits
from couchgrass.functions.parameters import arguments, is_truthy
from couchgrass.functions.response import Response, failed, limits_annotation
from couchgrass.functions.run.invoker import Job
from couchgrass.functions.run.needs import Native, Records, Runner
from couchgrass.functions.run.resolve import Resolved, Resolver, component, may_run
from couchgrass.functions.system_packages import is_native
from couchgrass.ids import new_id

log = logging.getLogger("couchgrass.functions")

DEPTH_MAX: Final = 20
RUNS_MAX: Final = 3000
"""Sequences and conductors inside of one another, and all runs because of one invocation. OpenWhisk has no
such bounds: its counts begin anew in some of them, so that a conductor in a sequence in that conductor never
ends. A conductor of 50 sequences of 50 actions is within them."""


class Budget:
    """How many runs one invocation may still bring about."""

    def __init__(self, runs: int = RUNS_MAX) -> None:
        self._runs = runs

    def spend(self) -> bool:
        """One more; False when there is none left."""
        self._runs -= 1
        return self._runs >= 0


class Call(msgspec.Struct, frozen=True):
    """One run: for whom, under which id, because of which other run."""

    identity: Identity
    transaction_id: str
    activation_id: str
    budget: Budget
    cause: str | None = None
    depth: int = 0

    @property
    def is_allowed(self) -> bool:
        """May it be run, or is it one too many? Asked once, as it counts."""
        return self.budget.spend() and self.depth <= DEPTH_MAX

    def child(self) -> Call:
        """The run of a component."""
        return msgspec.structs.replace(
            self, activation_id=new_id(), cause=self.activation_id, depth=self.depth + 1
        )


def is_conductor(resolved: Resolved) -> bool:
    """Does it say which action is run next? On a sequence the annotation means nothing."""
    action = resolved.action
    return action.exec.kind != SEQUENCE and is_truthy(action.annotations, conductor.ANNOTATION)


class Runs:
    """Everything that is run, one call each."""

    def __init__(
        self,
        resolver: Resolver,
        runner: Runner,
        records: Records,
        clock: Clock,
        api_key: Callable[[str], str],
        native: Native | None,
    ) -> None:
        self._resolver = resolver
        self._runner = runner
        self._records = records
        self._clock = clock
        self._api_key = api_key
        self._native = native

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self._clock.now() * 1000)

    @staticmethod
    def keeps_record(resolved: Resolved) -> bool:
        """Is its record written here, and not by whatever runs it?"""
        return resolved.action.exec.kind == SEQUENCE or is_conductor(resolved) or is_native(resolved.action)

    def begun(self, call: Call, resolved: Resolved, start: int | None = None) -> Activation:
        """The record of a run that has not ended yet, and began now or at `start`."""
        annotations: dict[str, Any] = {
            "path": resolved.action.path,
            "kind": resolved.action.exec.kind,
            "waitTime": 0,
            "limits": limits_annotation(resolved.action.limits),
            **_origin(call, resolved),
        }
        if resolved.action.exec.kind == SEQUENCE or is_conductor(resolved):
            annotations |= {"kind": SEQUENCE, "topmost": call.cause is None}
            if is_conductor(resolved):
                annotations["conductor"] = True
        return Activation(
            namespace=call.identity.namespace,
            name=resolved.action.name,
            subject=call.identity.subject,
            activation_id=call.activation_id,
            start=self.now() if start is None else start,
            version=resolved.action.version,
            annotations=annotations,
            cause=call.cause,
        )

    def end(self, record: Activation, response: Response, logs: tuple[str, ...] = ()) -> Activation:
        """Writes how it ended."""
        ended = msgspec.structs.replace(
            record,
            end=max(self.now(), record.start),
            status=response.status,
            result=response.result,
            logs=logs,
        )
        self._records.put(ended)
        return ended

    async def run(self, call: Call, resolved: Resolved, payload: Any) -> Activation:
        """Runs it to its end. Raises ServiceUnavailable when it was not run at all."""
        if resolved.action.exec.kind == SEQUENCE:
            return (await self._sequence(call, resolved, payload, 0))[0]
        if is_conductor(resolved):
            return (await self._conductor(call, resolved, payload, conductor.Count()))[0]
        return await self._action(call, resolved, payload)

    async def _action(self, call: Call, resolved: Resolved, payload: Any) -> Activation:
        if self._native is not None and is_native(resolved.action):
            return await self._feed(self._native, call, resolved, payload)
        action, identity = resolved.action, call.identity
        job = Job(
            action=action,
            value=arguments(resolved.bound, payload),
            init_env=resolved.init_env,
            identity=identity,
            activation_id=call.activation_id,
            transaction_id=call.transaction_id,
            cause=call.cause,
            annotations=_origin(call, resolved),
            api_key=self._api_key(identity.namespace) if resolved.has_key else None,
            accounts=resolved.accounts,
        )
        return await self._runner.run(job)

    async def _feed(self, native: Native, call: Call, resolved: Resolved, payload: Any) -> Activation:
        record = self.begun(call, resolved)
        self._records.begin(record)
        given = arguments(resolved.bound, payload)
        try:
            answer = await native(
                call.identity, resolved.action.name, given if isinstance(given, dict) else {}
            )
            response = Response(Status.SUCCESS, json.Raw(json.encode(answer)))
        except CouchgrassError as refused:
            response = failed(Status.APPLICATION_ERROR, refused.reason)
        return self.end(record, response)

    async def _sequence(
        self, call: Call, resolved: Resolved, payload: Any, atomic: int
    ) -> tuple[Activation, int]:
        record = self.begun(call, resolved)
        self._records.begin(record)
        names = resolved.action.exec.components
        run, command = sequence.start(len(names), payload, atomic)
        while isinstance(command, sequence.Invoke):
            event = await self._component(call.child(), names[command.index], command)
            run, command = sequence.happened(run, event)
        limits = _with_memory(resolved.action.limits, run.memory_mb)
        return self.end(_annotated(record, limits), command.response, run.children), run.atomic

    async def _component(self, call: Call, name: str, command: sequence.Invoke) -> sequence.Event:
        try:
            resolved = self._resolver.resolve(*component(name, call.identity.namespace))
        except NotFound:
            return sequence.NotThere()
        if not may_run(call.identity, resolved) or not call.is_allowed:
            return sequence.NotRun()
        try:
            if resolved.action.exec.kind == SEQUENCE:
                return sequence.Ended(*await self._sequence(call, resolved, command.payload, command.atomic))
            return sequence.Ended(await self.run(call, resolved, command.payload))
        except CouchgrassError as refused:
            log.warning("the component %s of a sequence was not run: %s", name, refused.reason)
            return sequence.NotRun()

    async def _conductor(
        self, call: Call, resolved: Resolved, payload: Any, count: conductor.Count
    ) -> tuple[Activation, conductor.Count]:
        record = self.begun(call, resolved)
        self._records.begin(record)
        run, command = conductor.start(call.identity.namespace, resolved.action.limits.memory, payload, count)
        while not isinstance(command, conductor.Complete):
            event: conductor.Event
            if isinstance(command, conductor.Conduct):
                event = await self._conduct(call.child(), resolved, command.payload)
            else:
                event = await self._called(call.child(), command, run.count)
            run, command = conductor.happened(run, event)
        limits = _with_memory(resolved.action.limits, run.memory_mb)
        return self.end(_annotated(record, limits), command.response, run.children), run.count

    async def _conduct(self, call: Call, resolved: Resolved, payload: Any) -> conductor.Event:
        if not call.is_allowed:
            return conductor.NotRun()
        try:
            return conductor.Conducted(await self._action(call, resolved, payload))
        except CouchgrassError as refused:
            log.warning("the conductor %s was not run: %s", resolved.action.path, refused.reason)
            return conductor.NotRun()

    async def _called(self, call: Call, command: conductor.Call, count: conductor.Count) -> conductor.Event:
        try:
            resolved = self._resolver.resolve(*component(command.name, call.identity.namespace))
        except NotFound:
            return conductor.NotThere(command.name.removeprefix("/"))
        if not may_run(call.identity, resolved):
            return conductor.NotAllowed(command.name.removeprefix("/"))
        if not call.is_allowed:
            return conductor.NotRun()
        try:
            if is_conductor(resolved):
                return conductor.Called(*await self._conductor(call, resolved, command.payload, count))
            return conductor.Called(await self.run(call, resolved, command.payload))
        except CouchgrassError as refused:
            log.warning("the component %s of a conductor was not run: %s", command.name, refused.reason)
            return conductor.NotRun()


def _origin(call: Call, resolved: Resolved) -> dict[str, Any]:
    """The annotations that say how it came to run."""
    origin: dict[str, Any] = {}
    if call.cause is not None:
        origin["causedBy"] = SEQUENCE
    if resolved.binding is not None:
        origin["binding"] = f"{resolved.binding.namespace}/{resolved.binding.name}"
    return origin


def _with_memory(limits: Limits, memory_mb: int | None) -> Limits | None:
    return None if memory_mb is None else msgspec.structs.replace(limits, memory=memory_mb)


def _annotated(record: Activation, limits: Limits | None) -> Activation:
    """With the limits of what ran inside of it; without any when nothing did."""
    annotations = {key: value for key, value in record.annotations.items() if key != "limits"}
    if limits is not None:
        annotations["limits"] = limits_annotation(limits)
    return msgspec.structs.replace(record, annotations=annotations)
