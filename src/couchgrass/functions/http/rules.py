"""Rules: definitions and their status. Source: OpenWhisk's Rules API.

A rule without its trigger is inactive and can't be made active.
"""

from __future__ import annotations

from typing import Final

import msgspec

from couchgrass.clock import Clock
from couchgrass.errors import NotFound
from couchgrass.functions import form, put_rule
from couchgrass.functions.entity import Identity, Rule, Trigger
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered, listed
from couchgrass.functions.http.collection import now_ms, own_name, page, replaced
from couchgrass.functions.http.lookup import Lookup
from couchgrass.functions.limits import BODY_BYTES_MAX
from couchgrass.functions.rights import forbid
from couchgrass.functions.store.directory import Directory
from couchgrass.serving.asgi import Answer

COLLECTION: Final = "rules"
_PATH: Final = COLLECTION.encode()


class Rules:
    """The endpoints of the collection `rules`."""

    def __init__(self, directory: Directory, lookup: Lookup, *, clock: Clock) -> None:
        self._directory = directory
        self._lookup = lookup
        self._clock = clock

    def routes(self) -> Routes:
        """What is served, by path and method."""
        one: dict[str, Endpoint] = {
            "GET": self.get,
            "PUT": self.put,
            "DELETE": self.delete,
            "POST": self.set_status,
        }
        return {**listed(_PATH, self.rows), Shape(_PATH, 1): one}

    async def rows(self, call: Call) -> Answer:
        """GET rules?skip=&limit=&count=: without their status"""
        call.for_owner()
        return page(call, self._directory.rules(call.namespace), COLLECTION)

    async def get(self, call: Call) -> Answer:
        """GET rules/{name}"""
        return answered(form.rule(self._shown(self._directory.rule(call.namespace, own_name(call)))))

    async def put(self, call: Call) -> Answer:
        """PUT rules/{name}?overwrite="""
        name = own_name(call)
        given = put_rule.read(await call.content(BODY_BYTES_MAX), namespace=call.namespace)
        at = now_ms(self._clock.now())
        existing = replaced(call, lambda: self._directory.rule(call.namespace, name))
        ends = (self._trigger_for(call.identity), self._lookup.action_for(call.identity))
        rule = (
            put_rule.created(given, call.namespace, name, ends, now_ms=at)
            if existing is None
            else put_rule.updated(given, self._shown(existing), ends, now_ms=at)
        )
        return answered(form.rule(await self._directory.put(rule)))

    async def delete(self, call: Call) -> Answer:
        """DELETE rules/{name}, whatever its status"""
        rule = self._directory.rule(call.namespace, own_name(call))
        await self._directory.delete(rule)
        return answered(form.deleted_rule(rule))

    async def set_status(self, call: Call) -> Answer:
        """POST rules/{name} {"status": "active" or "inactive"}"""
        name = own_name(call)
        active = put_rule.read_status(await call.payload())
        rule = self._directory.rule(call.namespace, name)
        if active and not self._has_trigger(rule):
            raise NotFound("Only rules with existing triggers can be activated")
        if active != rule.active:
            await self._directory.put(msgspec.structs.replace(rule, active=active))
        return Answer(200)

    def _shown(self, rule: Rule) -> Rule:
        """The rule with the status that it has in effect."""
        if rule.active and not self._has_trigger(rule):
            return msgspec.structs.replace(rule, active=False)
        return rule

    def _has_trigger(self, rule: Rule) -> bool:
        try:
            self._directory.trigger(*rule.trigger)
        except NotFound:
            return False
        return True

    def _trigger_for(self, identity: Identity) -> put_rule.TriggerLookup:
        def lookup(namespace: str, name: str) -> Trigger:
            if namespace != identity.namespace:
                forbid(f"{namespace}/{name}")
            return self._directory.trigger(namespace, name)

        return lookup
