"""Tenants and public keys in database `couchgrass_identity`, which regions replicate.

Each region signs with a key of its own, so none ever leaves its machine; the public halves are documents, and
whoever knows the database believes the tokens of all regions. A key signs for KEY_S and is published until
the last token it signed has expired.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.couch.followed import Doc, Followed
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, CouchgrassError, FileExists, NotFound
from couchgrass.identity.keyset import KeySet, Signer, new_private
from couchgrass.identity.tenant import DATABASE, Tenant, check, from_doc, to_doc
from couchgrass.serving.files import replace_file

log = logging.getLogger("couchgrass.identity")

START_S: Final = 20.0
TENANTS_MAX: Final = 10_000
KEY_S: Final = 90 * 24 * 3600
"""How long a key signs."""

PUBLISHED_S: Final = KEY_S + 60 * 24 * 3600
"""How long it is published: past the longest life of a refresh token."""

RENEW_S: Final = 600.0
"""How often the keys are looked at: one that the database did not take is offered again, and whoever runs for
months gets another."""


class Directory:
    """Open it with `open`; read at any time."""

    def __init__(self, followed: Followed, file: Path, *, region: str, clock: Clock) -> None:
        self._followed = followed
        self._file = file
        self._region = region
        self._clock = clock
        self._signer, self._made_at = _kept(file, clock.now()) or _made(file, clock.now())
        self._keys: KeySet | None = None
        self._renewing: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, server: CouchServer, folder: Path, *, region: str, clock: Clock) -> Directory:
        """Reads the database, publishes the own key; `folder` keeps the private one. Raises PeerLost."""
        directory: Directory | None = None

        def changed(news: Mapping[str, Doc | None]) -> None:
            if directory is not None and any(doc_id.startswith("key:") for doc_id in news):
                directory._keys = None

        followed = await Followed.open(
            server, DATABASE, cache=folder / "identity.json", changed=changed, wait_s=START_S
        )
        directory = cls(followed, folder / "identity-key.json", region=region, clock=clock)
        await directory.renew()
        directory._renewing = asyncio.create_task(directory._renew_on())
        return directory

    async def close(self) -> None:
        """Ends it."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._followed.close()

    def signer(self) -> Signer:
        """What this region signs with."""
        return self._signer

    def keys(self) -> KeySet:
        """The public keys of all regions."""
        if self._keys is None:
            found: dict[str, Mapping[str, Any]] = {self._signer.kid: self._signer.public}
            inner: dict[str, Mapping[str, Any]] = {self._signer.kid: self._signer.inner_public}
            for doc_id, doc in self._followed.docs.items():
                for name, keys in (("jwk", found), ("inner", inner)):
                    if doc_id.startswith("key:") and isinstance(doc.get(name), dict):
                        keys[doc_id.removeprefix("key:")] = doc[name]
            self._keys = KeySet(found, inner)
        return self._keys

    def tenant(self, tenant: str) -> Tenant | None:
        """The tenant of this id."""
        doc = self._followed.docs.get(f"tenant:{tenant}")
        return None if doc is None else from_doc(tenant, dict(doc))

    async def renew(self) -> None:
        """Another key when the own one is old; it is published; and away with those whose tokens have all
        expired. What the database refuses now is done the next time."""
        now = self._clock.now()
        if self._made_at + KEY_S <= now:
            self._signer, self._made_at = await asyncio.to_thread(_made, self._file, now)
            self._keys = None
        name = f"key:{self._signer.kid}"
        try:
            if name not in self._followed.docs:
                await self._followed.put({**self._published(), "_id": name})
            for doc_id, found in list(self._followed.docs.items()):
                if doc_id.startswith("key:") and _ended(found, now):
                    await self._followed.delete(doc_id, found["_rev"])
        except CouchgrassError as refused:
            log.warning("the public keys are not up to date in the database yet: %s", refused.reason)

    def _published(self) -> dict[str, Any]:
        keys = {"jwk": self._signer.public, "inner": self._signer.inner_public}
        return {"type": "key", "region": self._region, "created_at": int(self._made_at), **keys}

    async def _renew_on(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self.renew()
            except OSError as refused:
                log.warning("no new key can be kept: %s", refused.strerror)


def _ended(key: Doc, now: float) -> bool:
    created_at = key.get("created_at")
    return isinstance(created_at, int) and created_at + PUBLISHED_S < now


def _kept(file: Path, now: float) -> tuple[Signer, float] | None:
    """The region's private keys and when they were made; None when there are none or they are too old."""
    if not file.exists():
        return None
    kept = json.decode(file.read_bytes())
    if "inner" not in kept or kept["created_at"] + KEY_S <= now:
        return None
    return Signer(kept), float(kept["created_at"])


def _made(file: Path, now: float) -> tuple[Signer, float]:
    """New ones."""
    private = new_private()
    replace_file(file, json.encode({"created_at": int(now), **private}))
    return Signer(private), float(int(now))


async def create_tenant(server: CouchServer, tenant: Tenant) -> None:
    """Makes a tenant. Raises BadRequest, and Conflict when there is one of this id."""
    doc = to_doc(check(tenant))
    await _create_database(server)
    try:
        await server.ask("PUT", path(DATABASE, f"tenant:{tenant.id}"), doc)
    except Conflict as taken:
        raise Conflict(f"there is a tenant {tenant.id} already") from taken


async def _create_database(server: CouchServer) -> None:
    try:
        await server.ask("PUT", path(DATABASE))
    except FileExists:
        pass


async def put_tenant(server: CouchServer, tenant: Tenant) -> None:
    """Makes or changes a tenant. Raises Conflict when somebody else does so now."""
    await _create_database(server)
    where = path(DATABASE, f"tenant:{tenant.id}")
    doc = to_doc(tenant)
    try:
        doc["_rev"] = (await server.ask("GET", where))["_rev"]
    except NotFound:
        pass
    await server.ask("PUT", where, doc)


async def delete_tenant(server: CouchServer, tenant: str) -> None:
    """Ends a tenant; its users stay. Raises NotFound."""
    where = path(DATABASE, f"tenant:{tenant}")
    doc = await _tenant_doc(server, tenant)
    await server.ask("DELETE", where, query={"rev": doc["_rev"]})


async def find_tenant(server: CouchServer, tenant: str) -> Tenant:
    """The tenant of this id. Raises NotFound."""
    found = from_doc(tenant, await _tenant_doc(server, tenant))
    if found is None:
        raise NotFound(f"the document of tenant {tenant} is not of a tenant's form")
    return found


async def _tenant_doc(server: CouchServer, tenant: str) -> Doc:
    try:
        doc: Doc = await server.ask("GET", path(DATABASE, f"tenant:{tenant}"))
    except NotFound as missing:
        raise NotFound(f"there is no tenant {tenant}: couchgrass tenant list shows them") from missing
    return doc


async def list_tenants(server: CouchServer) -> list[Tenant]:
    """All tenants by id, TENANTS_MAX at the most."""
    between = {"start_key": "tenant:", "end_key": "tenant;", "include_docs": True, "limit": TENANTS_MAX}
    try:
        answer = await server.ask("POST", path(DATABASE, "_all_docs"), between)
    except NotFound:
        return []
    found = (from_doc(row["id"].removeprefix("tenant:"), row["doc"]) for row in answer["rows"])
    return [tenant for tenant in found if tenant is not None]
