"""Packages and bindings. Source: OpenWhisk's Packages API."""

from __future__ import annotations

from typing import Final

from couchgrass.clock import Clock
from couchgrass.errors import Conflict, NotFound
from couchgrass.functions import form, put_package
from couchgrass.functions.entity import Package
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered, listed
from couchgrass.functions.http.collection import now_ms, own_name, page, replaced
from couchgrass.functions.limits import BODY_BYTES_MAX
from couchgrass.functions.names import check_name, check_package
from couchgrass.functions.rights import readable
from couchgrass.functions.store.directory import Directory
from couchgrass.serving.asgi import Answer

COLLECTION: Final = "packages"
_PATH: Final = COLLECTION.encode()


class Packages:
    """The endpoints of the collection `packages`."""

    def __init__(self, directory: Directory, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def routes(self) -> Routes:
        """What is served, by path and method."""
        one: dict[str, Endpoint] = {"GET": self.get, "PUT": self.put, "DELETE": self.delete}
        return {**listed(_PATH, self.rows), Shape(_PATH, 1): one}

    async def rows(self, call: Call) -> Answer:
        """GET packages?skip=&limit=&count=; of a foreign namespace the public ones."""
        found = self._directory.packages(call.namespace)
        if not call.is_owner:
            found = [package for package in found if package.publish and package.binding is None]
        return page(call, found, COLLECTION)

    async def get(self, call: Call) -> Answer:
        """GET packages/{name}: with the actions and feeds in it; for a binding those of what it binds."""
        name = check_name(call.names[0])
        package, provider = readable(call.identity, call.namespace, name, self._directory.package)
        shown = package if provider is None else provider
        actions = self._directory.actions(shown.namespace, shown.name)
        return answered(form.package_with_actions(package, provider, actions))

    async def put(self, call: Call) -> Answer:
        """PUT packages/{name}?overwrite="""
        name = check_package(own_name(call))
        given = put_package.read(await call.content(BODY_BYTES_MAX), namespace=call.namespace)
        at = now_ms(self._clock.now())
        existing = replaced(call, lambda: self._directory.package(call.namespace, name))
        lookup = self._directory.package
        package = (
            put_package.created(given, call.namespace, name, lookup, now_ms=at)
            if existing is None
            else put_package.updated(given, existing, lookup, now_ms=at)
        )
        return answered(form.package(await self._directory.put(package)))

    async def delete(self, call: Call) -> Answer:
        """DELETE packages/{name}?force=: only an empty one, unless forced."""
        name = own_name(call)
        force = call.query.boolean("force")
        package = self._directory.package(call.namespace, name)
        if package.binding is None:
            await self._empty(package, force=force)
        await self._directory.delete(package)
        return answered(form.package(package))

    async def _empty(self, package: Package, *, force: bool) -> None:
        actions = self._directory.actions(package.namespace, package.name)
        if actions and not force:
            entities = "entity" if len(actions) == 1 else "entities"
            raise Conflict(
                f"Package not empty (contains {len(actions)} {entities}). "
                "Set force param or delete package contents."
            )
        for action in actions:
            try:
                await self._directory.delete(action)
            except NotFound:
                continue  # somebody else was faster
