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
from couchgrass.couch.server import CouchServer
from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.identity.keyset import KeySet, Signer, new_private
from couchgrass.identity.tenant import Tenant, from_doc, to_doc
from couchgrass.serving.files import replace_file

log = logging.getLogger("couchgrass.identity")

DATABASE: Final = "couchgrass_identity"
START_S: Final = 20.0
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

        def heard(doc_id: str, doc: Doc | None) -> None:
            if directory is not None and doc_id.startswith("key:"):
                directory._keys = None

        followed = Followed(server, DATABASE, heard=heard, snapshot=folder / "identity.json")
        directory = cls(followed, signer)
        await followed.start(START_S)
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

    def tenants(self) -> list[Tenant]:
        """All of them, by id."""
        names = sorted(
            name.removeprefix("tenant:") for name in self._followed.docs if name.startswith("tenant:")
        )
        return [found for name in names if (found := self.tenant(name)) is not None]

    async def put(self, tenant: Tenant) -> None:
        """Makes or changes a tenant. Raises Conflict when somebody else does so now."""
        doc = to_doc(tenant)
        before = self._followed.docs.get(f"tenant:{tenant.id}")
        if before is not None:
            doc["_rev"] = before["_rev"]
        await self._followed.put(f"tenant:{tenant.id}", doc)

    async def delete(self, tenant: str) -> None:
        """Ends a tenant; its users stay. Raises NotFound."""
        doc = self._followed.docs.get(f"tenant:{tenant}")
        if doc is None:
            raise NotFound(f"There is no tenant {tenant}")
        await self._followed.delete(f"tenant:{tenant}", doc["_rev"])

    async def _publish(self, region: str, made_at: float, now: float) -> None:
        """The own key, and away with those whose tokens have all expired."""
        name = f"key:{self._signer.kid}"
        if name not in self._followed.docs:
            doc = {"type": "key", "region": region, "jwk": self._signer.public, "created_at": int(made_at)}
            try:
                await self._followed.put(name, doc)
            except CouchgrassError as refused:
                log.warning("the public key is not published yet: %s", refused.reason)
        for doc_id, found in list(self._followed.docs.items()):
            created_at = found.get("created_at")
            if doc_id.startswith("key:") and isinstance(created_at, int) and created_at + PUBLISHED_S < now:
                try:
                    await self._followed.delete(doc_id, found["_rev"])
                except CouchgrassError as refused:
                    log.warning("an old public key stays for now: %s", refused.reason)


def _private(path: Path, now: float) -> tuple[dict[str, Any], float]:
    """The region's private key and when it was made; a new one when there is none or it is too old."""
    if path.exists():
        kept = json.decode(path.read_bytes())
        if kept["created_at"] + KEY_S > now:
            return kept["jwk"], kept["created_at"]
    jwk = new_private()
    replace_file(path, json.encode({"created_at": int(now), "jwk": jwk}))
    return jwk, float(int(now))
