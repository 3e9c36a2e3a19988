"""Tenants and public keys in database `couchgrass_identity`, which regions replicate.

Each region signs with a key of its own, so none ever leaves its machine; the public halves are documents, and
whoever knows the database believes the tokens of all regions. A key signs for KEY_S and is published until
the last token it signed has expired.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.couch.followed import Doc, Followed
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import CouchgrassError, FileExists, NotFound
from couchgrass.identity.keyset import KeySet, Signer, new_private
from couchgrass.identity.tenant import Tenant, from_doc, to_doc
from couchgrass.serving.files import replace_file

log = logging.getLogger("couchgrass.identity")

DATABASE: Final = "couchgrass_identity"
START_S: Final = 20.0
TENANTS_MAX: Final = 10_000
KEY_S: Final = 90 * 24 * 3600
"""How long a key signs."""

PUBLISHED_S: Final = KEY_S + 60 * 24 * 3600
"""How long it is published: past the longest life of a refresh token."""


class Directory:
    """Open it with `open`; read at any time."""

    def __init__(self, followed: Followed, signer: Signer) -> None:
        self._followed = followed
        self._signer = signer
        self._keys: KeySet | None = None

    @classmethod
    async def open(cls, server: CouchServer, folder: Path, *, region: str, clock: Clock) -> Directory:
        """Reads the database, publishes the own key; `folder` keeps the private one. Raises PeerLost."""
        private, made_at = _private(folder / "identity-key.json", clock.now())
        signer = Signer(private)
        directory: Directory | None = None

        def changed(news: Mapping[str, Doc | None]) -> None:
            if directory is not None and any(doc_id.startswith("key:") for doc_id in news):
                directory._keys = None

        followed = await Followed.open(
            server, DATABASE, cache=folder / "identity.json", changed=changed, wait_s=START_S
        )
        directory = cls(followed, signer)
        await directory._publish(region, made_at, clock.now())
        return directory

    async def close(self) -> None:
        """Ends it."""
        await self._followed.close()

    def signer(self) -> Signer:
        """What this region signs with."""
        return self._signer

    def keys(self) -> KeySet:
        """The public keys of all regions."""
        if self._keys is None:
            found: dict[str, Mapping[str, Any]] = {self._signer.kid: self._signer.public}
            for doc_id, doc in self._followed.docs.items():
                if doc_id.startswith("key:") and isinstance(doc.get("jwk"), dict):
                    found[doc_id.removeprefix("key:")] = doc["jwk"]
            self._keys = KeySet(found)
        return self._keys

    def tenant(self, tenant: str) -> Tenant | None:
        """The tenant of this id."""
        doc = self._followed.docs.get(f"tenant:{tenant}")
        return None if doc is None else from_doc(tenant, dict(doc))

    async def _publish(self, region: str, made_at: float, now: float) -> None:
        """The own key, and away with those whose tokens have all expired."""
        name = f"key:{self._signer.kid}"
        if name not in self._followed.docs:
            key = {"type": "key", "region": region, "jwk": self._signer.public, "created_at": int(made_at)}
            try:
                await self._followed.put({**key, "_id": name})
            except CouchgrassError as refused:
                log.warning("the public key is not published yet: %s", refused.reason)
        for doc_id, found in list(self._followed.docs.items()):
            created_at = found.get("created_at")
            if doc_id.startswith("key:") and isinstance(created_at, int) and created_at + PUBLISHED_S < now:
                try:
                    await self._followed.delete(doc_id, found["_rev"])
                except CouchgrassError as refused:
                    log.warning("an old public key stays for now: %s", refused.reason)


def _private(file: Path, now: float) -> tuple[dict[str, Any], float]:
    """The region's private key and when it was made; a new one when there is none or it is too old."""
    if file.exists():
        kept = json.decode(file.read_bytes())
        if kept["created_at"] + KEY_S > now:
            return kept["jwk"], kept["created_at"]
    jwk = new_private()
    replace_file(file, json.encode({"created_at": int(now), "jwk": jwk}))
    return jwk, float(int(now))


async def put_tenant(server: CouchServer, tenant: Tenant) -> None:
    """Makes or changes a tenant. Raises Conflict when somebody else does so now."""
    try:
        await server.ask("PUT", path(DATABASE))
    except FileExists:
        pass
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
    doc = await server.ask("GET", where)
    await server.ask("DELETE", where, query={"rev": doc["_rev"]})


async def list_tenants(server: CouchServer) -> list[Tenant]:
    """All tenants by id, TENANTS_MAX at the most."""
    between = {"start_key": "tenant:", "end_key": "tenant;", "include_docs": True, "limit": TENANTS_MAX}
    try:
        answer = await server.ask("POST", path(DATABASE, "_all_docs"), between)
    except NotFound:
        return []
    found = (from_doc(row["id"].removeprefix("tenant:"), row["doc"]) for row in answer["rows"])
    return [tenant for tenant in found if tenant is not None]
