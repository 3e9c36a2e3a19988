"""Triggers: definitions and fires. Source: OpenWhisk's Triggers API.

A trigger that is deleted leaves its rules behind, inactive: one that is made anew under its name has none.
The firing request's headers go to the rules' actions, but not its key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.errors import Conflict, NotFound
from couchgrass.functions import form, put_trigger
from couchgrass.functions.entity import Rule, Trigger
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered, listed
from couchgrass.functions.http.collection import now_ms, own_name, page, replaced
from couchgrass.functions.http.invocation import accepted
from couchgrass.functions.limits import BODY_BYTES_MAX
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.store.directory import Directory
from couchgrass.serving.asgi import Answer, Request

COLLECTION: Final = "triggers"
NO_CONTENT: Final = 204
_PATH: Final = COLLECTION.encode()


class Triggers:
    """The endpoints of the collection `triggers`."""

    def __init__(self, directory: Directory, controller: Controller, *, clock: Clock) -> None:
        self._directory = directory
        self._controller = controller
        self._clock = clock

    def routes(self) -> Routes:
        """What is served, by path and method."""
        one: dict[str, Endpoint] = {
            "GET": self.get,
            "PUT": self.put,
            "DELETE": self.delete,
            "POST": self.fire,
        }
        return {**listed(_PATH, self.rows), Shape(_PATH, 1): one}

    async def rows(self, call: Call) -> Answer:
        """GET triggers?skip=&limit=&count="""
        call.for_owner()
        return page(call, self._directory.triggers(call.namespace), COLLECTION)

    async def get(self, call: Call) -> Answer:
        """GET triggers/{name}: with its rules"""
        trigger = self._directory.trigger(call.namespace, own_name(call))
        return answered(form.trigger(trigger, self._rules(trigger)))

    async def put(self, call: Call) -> Answer:
        """PUT triggers/{name}?overwrite="""
        name = own_name(call)
        given = put_trigger.read(await call.content(BODY_BYTES_MAX))
        at = now_ms(self._clock.now())
        existing = replaced(call, lambda: self._directory.trigger(call.namespace, name))
        trigger = (
            put_trigger.created(given, call.namespace, name, now_ms=at)
            if existing is None
            else put_trigger.updated(given, existing, now_ms=at)
        )
        stored = await self._directory.put(trigger)
        return answered(form.trigger(stored, self._rules(stored)))

    async def delete(self, call: Call) -> Answer:
        """DELETE triggers/{name}"""
        trigger = self._directory.trigger(call.namespace, own_name(call))
        rules = self._rules(trigger)
        await self._directory.delete(trigger)
        for rule in rules:
            await self._let_go(rule)
        return answered(form.trigger(trigger, rules))

    async def fire(self, call: Call) -> Answer:
        """POST triggers/{name}: 202 and the activation's id, or 204 when no rule is active."""
        name = own_name(call)
        payload = await call.payload()
        trigger = self._directory.trigger(call.namespace, name)
        activation_id = await self._controller.fire(
            call.identity,
            trigger,
            payload,
            headers=_headers(call.request),
            transaction_id=call.transaction_id,
        )
        return Answer(NO_CONTENT) if activation_id is None else accepted(activation_id)

    def _rules(self, trigger: Trigger) -> list[Rule]:
        return self._directory.rules_of(trigger.namespace, trigger.name)

    async def _let_go(self, rule: Rule) -> None:
        if not rule.active:
            return
        try:
            await self._directory.put(msgspec.structs.replace(rule, active=False))
        except (Conflict, NotFound):
            return  # it was changed at the same time; without its trigger it shows as inactive anyway


def _headers(request: Request) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in request.headers.items()
        if name != b"authorization"
    }
