"""Everything that is invoked: by the REST API, by web actions, by triggers, by feeds.

An invocation that has begun goes on, whoever stops waiting for it. How many go on at a time is bounded; a
namespace's share is the throttle's business. Source: OpenWhisk's ``PostActionActivation`` and ``Triggers``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import CouchgrassError, NotFound, ServiceUnavailable
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import SEQUENCE, Identity, Trigger
from couchgrass.functions.firing import Fired, log_line, trigger_arguments
from couchgrass.functions.parameters import refuse_fixed
from couchgrass.functions.response import Response, failed
from couchgrass.functions.rights import forbid
from couchgrass.functions.run.needs import Accounts, Lookup, Native, Records, Runner
from couchgrass.functions.run.resolve import Resolved, Resolver, component, may_run, named
from couchgrass.functions.run.runs import Budget, Call, Runs
from couchgrass.functions.throttle import Throttle
from couchgrass.ids import new_id

log = logging.getLogger("couchgrass.functions")

BLOCKING_MS_MAX: Final = 60_000
"""The longest that a caller waits for a result; OpenWhisk's own."""

UNDER_WAY_MAX: Final = 4096
"""Invocations under way in this process. Each may hold a payload of 1 MB while it waits for its turn."""

DRAIN_S: Final = 10.0
"""How long invocations under way may take to end when the process stops."""

OVERLOADED: Final = "System is overloaded, try again later."
FAILED: Final = "There was an error processing your request."
STOPPED: Final = "The activation was given up because the server stopped."


class Invoked(msgspec.Struct, frozen=True):
    """`activation` is None while it is not known how it ended: a 202."""

    activation_id: str
    activation: Activation | None = None


class Controller:
    """One for a process. `api_key` makes the key of a namespace for actions that are to have one; `native`
    answers the feeds of whisk.system; `accounts` says where an action's Cloudant accounts lead."""

    def __init__(
        self,
        entities: Lookup,
        runner: Runner,
        records: Records,
        *,
        throttle: Throttle,
        clock: Clock,
        api_key: Callable[[str], str],
        native: Native | None = None,
        accounts: Accounts = lambda _: (),
        under_way_max: int = UNDER_WAY_MAX,
    ) -> None:
        self._entities = entities
        self._records = records
        self._clock = clock
        self._throttle = throttle
        self._resolver = Resolver(entities, accounts)
        self._runs = Runs(self._resolver, runner, records, clock, api_key, native)
        self._under_way: set[asyncio.Task[Activation]] = set()
        self._under_way_max = under_way_max
        self._promised: set[str] = set()
        self._is_closed = False

    def resolve(self, namespace: str, package: str, name: str) -> Resolved:
        """The action of this name with the parameters that it is bound to. Raises NotFound."""
        return self._resolver.resolve(namespace, package, name)

    async def invoke(
        self,
        identity: Identity,
        resolved: Resolved,
        payload: Any,
        *,
        blocking: bool,
        timeout_ms: int = BLOCKING_MS_MAX,
        transaction_id: str,
        activation_id: str | None = None,
        cause: str | None = None,
    ) -> Invoked:
        """Begins it, and waits for its end for `timeout_ms` when it is `blocking`.

        Raises BadRequest for a payload that gives what is fixed, Forbidden for what `identity` may not run
        or a component of that kind, TooManyRequests, and ServiceUnavailable when it was not run. Cancelling
        it ends the wait only.
        """
        if not may_run(identity, resolved):
            forbid(named(resolved))
        refuse_fixed(resolved.fixed, payload)
        self._refuse_components(identity, resolved)
        call = Call(identity, transaction_id, activation_id or new_id(), Budget(), cause)
        task, start = self._begin(call, resolved, payload, promised=not blocking)
        if not blocking:
            return Invoked(call.activation_id)
        await _ended(task, min(timeout_ms, BLOCKING_MS_MAX) / 1000)
        if task.done():
            return Invoked(call.activation_id, task.result())
        self._promise(call, resolved, start)
        return Invoked(call.activation_id)

    def _promise(self, call: Call, resolved: Resolved, start: int) -> None:
        """Its caller goes away with nothing but the id: the record comes, whatever happens."""
        self._promised.add(call.activation_id)
        self._records.begin(self._runs.begun(call, resolved, start), durable=True)

    def _begin(
        self, call: Call, resolved: Resolved, payload: Any, *, promised: bool
    ) -> tuple[asyncio.Task[Activation], int]:
        if self._is_closed or len(self._under_way) >= self._under_way_max:
            raise ServiceUnavailable(OVERLOADED)
        namespace = call.identity.namespace
        now = self._clock.now()
        self._throttle.enter(namespace, now)
        start = int(now * 1000)
        if promised:
            self._promise(call, resolved, start)
        task = asyncio.create_task(self._run(call, resolved, payload, start))
        self._under_way.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, namespace, call.activation_id))
        return task, start

    async def _run(self, call: Call, resolved: Resolved, payload: Any, start: int) -> Activation:
        """The run itself. The record of one that was promised, and then is not run or given up, says so."""
        try:
            return await self._runs.run(call, resolved, payload)
        except CouchgrassError as refused:
            if call.activation_id not in self._promised:
                raise
            record = self._runs.begun(call, resolved, start)
            return self._runs.end(record, failed(Status.INTERNAL_ERROR, refused.reason))
        except asyncio.CancelledError:
            if self._runs.keeps_record(resolved):
                record = self._runs.begun(call, resolved, start)
                self._runs.end(record, failed(Status.INTERNAL_ERROR, STOPPED))
            raise
        except Exception:
            self._runs.end(self._runs.begun(call, resolved, start), failed(Status.INTERNAL_ERROR, FAILED))
            raise

    def _ended(self, task: asyncio.Task[Activation], namespace: str, activation_id: str) -> None:
        self._under_way.discard(task)
        self._promised.discard(activation_id)
        self._throttle.leave(namespace)
        # Asked for, so that nobody complains of an error that no caller waits for any more.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CouchgrassError):
            log.error("an invocation failed", exc_info=error)

    def _refuse_components(self, identity: Identity, resolved: Resolved) -> None:
        """A sequence whose components its caller may not run is not begun."""
        if resolved.action.exec.kind != SEQUENCE:
            return
        for name in resolved.action.exec.components:
            where = component(name, identity.namespace)
            try:
                is_allowed = may_run(identity, self.resolve(*where))
            except NotFound:
                continue  # it is told when its turn comes
            if not is_allowed:
                forbid("/".join(filter(None, where)))

    async def fire(
        self,
        identity: Identity,
        trigger: Trigger,
        payload: Any,
        *,
        headers: Mapping[str, str],
        transaction_id: str,
    ) -> str | None:
        """Invokes the actions of the trigger's active rules; their runs go on. The id of the trigger's own
        record; None when no rule is active. Raises TooManyRequests and ServiceUnavailable."""
        if self._is_closed:
            raise ServiceUnavailable(OVERLOADED)
        rules = self._entities.rules_of(trigger.namespace, trigger.name)
        if not any(rule.active for rule in rules):
            return None
        self._throttle.fire(identity.namespace, self._clock.now())
        given = payload if isinstance(payload, dict) else {}
        arguments = trigger_arguments(trigger, given, headers)
        activation_id = new_id()
        start = self._runs.now()
        lines: list[str] = []
        for rule in rules:
            try:
                if not rule.active:
                    fired = Fired.inactive(rule)
                else:
                    resolved = self.resolve(*rule.action)
                    invoked = await self.invoke(
                        identity, resolved, arguments, blocking=False, transaction_id=transaction_id
                    )
                    fired = Fired(rule, activation_id=invoked.activation_id)
            except CouchgrassError as refused:
                fired = Fired.refused(rule, refused)
            lines.append(log_line(fired))
        record = Activation(
            namespace=identity.namespace,
            name=trigger.name,
            subject=identity.subject,
            activation_id=activation_id,
            start=start,
            version=trigger.version,
            annotations={},
        )
        self._runs.end(record, Response(Status.SUCCESS, json.Raw(json.encode(given))), tuple(lines))
        return activation_id

    async def close(self, drain_s: float = DRAIN_S) -> None:
        """Takes nothing more, waits for what is under way, and gives up what takes longer than `drain_s`."""
        self._is_closed = True
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=drain_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


async def _ended(task: asyncio.Task[Activation], timeout_s: float) -> None:
    """Returns when the task has ended, or time is up. It is `asyncio.wait` for one task at half the cost."""
    loop = task.get_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(*_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    timer = loop.call_later(timeout_s, wake)
    try:
        await waiter
    finally:
        timer.cancel()
        task.remove_done_callback(wake)
