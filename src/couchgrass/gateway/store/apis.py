"""All APIs and subscriptions of a region: documents in its database, in memory, compiled to routes.

Every process that opens it has the same; what one writes the others have within milliseconds. While the
database is away the routes stay, and nothing can be changed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from couchgrass.couch.followed import Followed
from couchgrass.couch.mirror import START_S
from couchgrass.couch.server import CouchServer
from couchgrass.errors import BadRequest, NotFound
from couchgrass.gateway import stored, subscription
from couchgrass.gateway.api import Api
from couchgrass.gateway.compile import compile_api
from couchgrass.gateway.routes import Table
from couchgrass.gateway.stored import DATABASE, StoredApi
from couchgrass.gateway.subscription import Subscription

log = logging.getLogger("couchgrass.gateway")


class Apis:
    """Made by `open`. `routes` is always what is served now."""

    def __init__(self, default_namespace: str = "") -> None:
        self.routes = Table(default_namespace)
        self.broken: dict[str, str] = {}
        """Stored APIs that can't be served: document id to reason."""
        self._apis: dict[str, StoredApi] = {}
        self._compiled: dict[str, dict[str, Api]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._followed: Followed

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        *,
        database: str = DATABASE,
        cache: Path,
        default_namespace: str = "",
        wait_s: float = START_S,
    ) -> Apis:
        """Reads all there is. `default_namespace` is the one whose APIs need no /api/TENANT in front; `cache`
        is a file that holds it all for a start without the database."""
        apis = cls(default_namespace)
        apis._followed = await Followed.open(
            server, database, cache=cache, changed=apis._changed, wait_s=wait_s
        )
        return apis

    async def close(self) -> None:
        """Stops following the database."""
        await self._followed.close()

    @property
    def is_current(self) -> bool:
        """The database is there and all of it was read."""
        return self._followed.is_current

    def _changed(self, news: Mapping[str, dict[str, Any] | None]) -> None:
        touched: set[str] = set()
        for doc_id, doc in news.items():
            before = self._apis.pop(doc_id, None)
            self._subscriptions.pop(doc_id, None)
            self.broken.pop(doc_id, None)
            if before is not None:
                self._compiled.get(before.namespace, {}).pop(doc_id, None)
                touched.add(before.namespace)
            if doc is None:
                continue
            if (key := subscription.from_document(doc)) is not None:
                self._subscriptions[doc_id] = key
            elif (api := stored.from_document(doc)) is not None:
                self._apis[doc_id] = api
                touched.add(api.namespace)
                self._compile(api)
        for namespace in touched:
            self.routes.put(namespace, self._compiled.get(namespace, {}).values())

    def _compile(self, api: StoredApi) -> None:
        try:
            document = api.document
            if not isinstance(document, dict):
                raise BadRequest("no object")
            compiled = compile_api(api.id, api.namespace, document)
        except BadRequest as bad:
            self.broken[api.id] = bad.reason
            log.warning("%s is stored but can't be served: %s", api.id, bad.reason)
            return
        self._compiled.setdefault(api.namespace, {})[api.id] = compiled

    # --- APIs --------------------------------------------------------------------------------------

    def apis(self, namespace: str) -> list[StoredApi]:
        """The APIs of a namespace, the oldest first."""
        found = [api for api in self._apis.values() if api.namespace == namespace]
        return sorted(found, key=lambda api: (api.created, api.base_path))

    def api(self, namespace: str, base_path: str) -> StoredApi | None:
        """The API with this base path in its normal form."""
        return self._apis.get(stored.id_of(namespace, base_path))

    async def fresh(self, namespace: str, base_path: str) -> StoredApi | None:
        """The same as the database has it now."""
        doc = await self._followed.fresh(stored.id_of(namespace, base_path))
        return None if doc is None else stored.from_document(doc)

    async def put(self, api: StoredApi) -> None:
        """Stores an API that is new or replaces its `rev`. Raises Conflict, PeerLost."""
        await self._followed.put(stored.to_document(api))

    async def delete(self, api: StoredApi) -> None:
        """Raises Conflict, PeerLost."""
        await self._followed.delete(api.id, api.rev)

    # --- subscriptions -----------------------------------------------------------------------------

    def subscription(self, namespace: str, key: str) -> Subscription | None:
        """The subscription that has this API key."""
        return self._subscriptions.get(f"{subscription.TYPE}/{subscription.hashed(namespace, key)}")

    def subscriptions(self, namespace: str) -> list[Subscription]:
        """Those of a namespace, the oldest first."""
        found = [key for key in self._subscriptions.values() if key.namespace == namespace]
        return sorted(found, key=lambda key: (key.created, key.key_hash))

    async def subscribe(self, key: Subscription) -> None:
        """Stores a new one. Raises Conflict when the key is taken, PeerLost."""
        await self._followed.put(subscription.to_document(key))

    async def unsubscribe(self, namespace: str, key_hash: str) -> None:
        """Raises NotFound, Conflict, PeerLost."""
        found = self._subscriptions.get(f"{subscription.TYPE}/{key_hash}")
        if found is None or found.namespace != namespace:
            raise NotFound("There is no such subscription")
        await self._followed.delete(found.id, found.rev)
