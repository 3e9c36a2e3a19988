"""Actions: lists, definitions, code, invocations. Source: OpenWhisk's Actions API."""

from __future__ import annotations

import asyncio
from typing import Final

from couchgrass.clock import Clock
from couchgrass.errors import BadRequest
from couchgrass.functions import form, put_action
from couchgrass.functions.components import check_components
from couchgrass.functions.entity import SEQUENCE, Action
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered, listed
from couchgrass.functions.http.collection import now_ms, page, replaced
from couchgrass.functions.http.invocation import invoked_answer
from couchgrass.functions.http.lookup import Lookup
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import BODY_BYTES_MAX, SystemLimits
from couchgrass.functions.names import FullName, check_name
from couchgrass.functions.rights import readable
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.resolve import Resolved
from couchgrass.functions.store.directory import Directory
from couchgrass.serving.asgi import Answer

COLLECTION: Final = "actions"
_PATH: Final = COLLECTION.encode()

LARGE_BYTES: Final = 256 * 1024
"""A body over this is looked at on a thread: the largest takes 0.1 s."""


class Actions:
    """The endpoints of the collection `actions`."""

    def __init__(
        self,
        directory: Directory,
        controller: Controller,
        lookup: Lookup,
        *,
        kinds: Kinds,
        limits: SystemLimits,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._lookup = lookup
        self._controller = controller
        self._kinds = kinds
        self._limits = limits
        self._clock = clock

    def routes(self) -> Routes:
        """What is served, by path and method."""
        one: dict[str, Endpoint] = {
            "GET": self.get,
            "PUT": self.put,
            "DELETE": self.delete,
            "POST": self.invoke,
        }
        return {
            **listed(_PATH, self.rows),
            Shape(_PATH, 1): one,
            Shape(_PATH, 2): one,
            Shape(_PATH, 1, True): {"GET": self.package_rows},
        }

    async def rows(self, call: Call) -> Answer:
        """GET actions?skip=&limit=&count="""
        call.for_owner()
        return page(call, self._directory.actions(call.namespace), COLLECTION)

    async def package_rows(self, call: Call) -> Answer:
        """GET actions/{package}/?skip=&limit=&count=: of the package behind a binding, if it is one."""
        name = check_name(call.names[0])
        package, provider = readable(call.identity, call.namespace, name, self._directory.package)
        of = package if provider is None else provider
        return page(call, self._directory.actions(of.namespace, of.name), COLLECTION)

    async def get(self, call: Call) -> Answer:
        """GET actions/{name}?code="""
        with_code = call.query.boolean("code", default=True)
        resolved = self._resolved(call)
        action, binding = resolved.action, resolved.binding
        code = await self._code(action) if with_code else None
        layers = [() if each is None else each.parameters for each in (resolved.package, binding)]
        return answered(
            form.action(
                action,
                code,
                inherited=form.merged(*layers),
                binding="" if binding is None else f"{binding.namespace}/{binding.name}",
            )
        )

    async def put(self, call: Call) -> Answer:
        """PUT actions/{name}?overwrite="""
        name = self._own_name(call)
        given = await self._read(call)
        at = now_ms(self._clock.now())
        existing = replaced(call, lambda: self._directory.action(name.namespace, name.package, name.name))
        if given.exec is not None and given.exec.kind == SEQUENCE:
            check_components(
                name,
                given.exec.components,
                self._lookup.action_for(call.identity),
                most=self._limits.sequence_length,
            )
        action = (
            put_action.created(given, name, now_ms=at)
            if existing is None
            else put_action.updated(given, existing, now_ms=at)
        )
        stored = await self._directory.put(action, given.code)
        code = given.code if given.code is not None else await self._code(stored)
        return answered(form.action(stored, code))

    async def delete(self, call: Call) -> Answer:
        """DELETE actions/{name}"""
        name = self._own_name(call)
        action = self._directory.action(name.namespace, name.package, name.name)
        code = await self._code(action)
        await self._directory.delete(action)
        return answered(form.action(action, code))

    async def invoke(self, call: Call) -> Answer:
        """POST actions/{name}?blocking=&result=&timeout="""
        query = call.query
        blocking, only_result = query.boolean("blocking"), query.boolean("result")
        wait_ms = query.wait_ms()
        payload = await call.payload()
        invoked = await self._controller.invoke(
            call.identity,
            self._resolved(call),
            payload,
            blocking=blocking,
            timeout_ms=wait_ms,
            transaction_id=call.transaction_id,
        )
        return invoked_answer(invoked, only_result=only_result)

    def _resolved(self, call: Call) -> Resolved:
        return self._lookup.resolved(call.identity, FullName(call.namespace, *_names(call)))

    def _own_name(self, call: Call) -> FullName:
        """The action of the path where it may be written. Raises NotFound, Forbidden, BadRequest."""
        package, name = _names(call)
        call.for_owner()
        if package and self._directory.package(call.namespace, package).binding is not None:
            raise BadRequest("Operation not permitted on package binding.")
        return FullName(call.namespace, package, name)

    async def _read(self, call: Call) -> put_action.ActionPut:
        body = await call.body(BODY_BYTES_MAX)
        namespace, kinds, system = call.identity.namespace, self._kinds, self._limits

        def read() -> put_action.ActionPut:
            return put_action.read(call.parsed(body), namespace=namespace, kinds=kinds, system=system)

        return await asyncio.to_thread(read) if len(body) > LARGE_BYTES else read()

    async def _code(self, action: Action) -> bytes | None:
        if action.exec.kind == SEQUENCE:
            return None
        return (await self._directory.code(action)).text


def _names(call: Call) -> tuple[str, str]:
    """(package or "", name)"""
    *package, name = [check_name(name) for name in call.names]
    return (package[0] if package else "", name)
