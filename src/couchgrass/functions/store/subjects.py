"""Who may ask: the keys of a region's namespaces. The database holds a hash of each, memory all of them.

A key that is made or removed anywhere counts within moments, here at once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from couchgrass.clock import Clock
from couchgrass.couch.mirror import START_S, Mirror
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, NotFound
from couchgrass.functions import keys
from couchgrass.functions.entity import Identity
from couchgrass.functions.keys import Key, Subject
from couchgrass.functions.names import check_namespace
from couchgrass.serving.files import kept_secret

INTERNAL_KEYS_MAX: Final = 10_000
"""Those that are remembered: most invocations want one."""

log = logging.getLogger(__name__)


class _Shown:
    """What the mirror shows: subjects by namespace and by the public half of their key."""

    def __init__(self) -> None:
        self.by_namespace: dict[str, Subject] = {}
        self.by_uuid: dict[str, Subject] = {}

    def take(self, doc: Mapping[str, Any]) -> None:
        id = str(doc["_id"])
        try:
            found = None if doc.get("_deleted") else keys.read_document(dict(doc))
        except ValueError as wrong:
            log.warning("the document %s is no subject that can be read: %s", id, wrong)
            found = None
        self.remove(id)
        if found is not None:
            self.by_namespace[id] = found
            self.by_uuid[found.uuid] = found

    def remove(self, namespace: str) -> None:
        was = self.by_namespace.pop(namespace, None)
        if was is not None:
            self.by_uuid.pop(was.uuid, None)

    def keep_only(self, ids: frozenset[str]) -> None:
        for namespace in list(self.by_namespace):
            if namespace not in ids:
                self.remove(namespace)

    def documents(self) -> Iterable[Mapping[str, Any]]:
        return [keys.document(subject) for subject in self.by_namespace.values()]


class Subjects:
    """Made by `open`."""

    def __init__(self, shown: _Shown, mirror: Mirror, region_secret: str, clock: Clock) -> None:
        self._shown = shown
        self._mirror = mirror
        self._region_secret = region_secret
        self._internal_keys: dict[str, str] = {}
        self._clock = clock

    @classmethod
    async def open(
        cls,
        server: CouchServer,
        *,
        database: str = keys.DATABASE,
        cache: Path,
        secret_file: Path,
        clock: Clock,
        start_s: float = START_S,
    ) -> Subjects:
        """`secret_file` holds the secret that internal keys follow from; it is made when it is not there.
        The rest is as in `Entities.open`."""
        region_secret = kept_secret(secret_file, lambda: secrets.token_hex(32))
        shown = _Shown()
        mirror = Mirror(server, database, shown, snapshot=cache / f"{database}.json", start_s=start_s)
        await mirror.open()
        return cls(shown, mirror, region_secret, clock)

    async def close(self) -> None:
        """Nothing is lost when it is not called."""
        await self._mirror.close()

    @property
    def is_live(self) -> bool:
        """False while the database is away."""
        return self._mirror.is_live

    def identify(self, authorization: str | None) -> Identity | None:
        """Who sends this ``Authorization`` header; None: nobody we know. How long it takes tells nothing."""
        given = keys.read_basic(authorization)
        if given is None:
            return None
        uuid, secret = given
        subject = self._shown.by_uuid.get(uuid)
        if not keys.fits(subject, secret, self._region_secret) or subject is None:
            return None
        return Identity(subject.namespace, subject.namespace, subject.uuid)

    def owner(self, namespace: str) -> Identity:
        """Who has a namespace, for what goes on in their name. Raises NotFound."""
        subject = self._of(namespace)
        return Identity(subject.namespace, subject.namespace, subject.uuid)

    def internal_key(self, namespace: str) -> str:
        """ "uuid:secret", for the platform's own use in a namespace's name. Raises NotFound."""
        uuid = self._of(namespace).uuid
        known = self._internal_keys.get(uuid)
        if known is None:
            if len(self._internal_keys) >= INTERNAL_KEYS_MAX:
                self._internal_keys.clear()
            known = self._internal_keys[uuid] = f"{uuid}:{keys.internal_secret(self._region_secret, uuid)}"
        return known

    def list(self) -> list[Subject]:
        """All of them, by name."""
        return [subject for _, subject in sorted(self._shown.by_namespace.items())]

    async def create(self, namespace: str) -> Key:
        """A new namespace with its key, which is told this once. Raises BadRequest for what is no name,
        Conflict when there is one, ServiceUnavailable."""
        check_namespace(namespace)
        created_at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="seconds")
        random = secrets.token_bytes(keys.RANDOM_BYTES)
        key, subject = keys.new_key(namespace, random=random, created_at=created_at)
        doc = keys.document(subject)
        try:
            answer = await self._mirror.ask("PUT", namespace, body=doc)
        except Conflict as there:
            raise Conflict(f"The namespace {namespace} has a key already.") from there
        if self._mirror.wrote(namespace, str(answer["rev"])):
            self._shown.take(doc)
        return key

    async def delete(self, namespace: str) -> None:
        """The key is worth nothing from now on. Raises NotFound, ServiceUnavailable, Conflict in a race."""
        try:
            doc = await self._mirror.ask("GET", namespace)
            answer = await self._mirror.ask("DELETE", namespace, query={"rev": str(doc["_rev"])})
        except NotFound as missing:
            raise NotFound(f"There is no namespace {namespace}.") from missing
        if self._mirror.wrote(namespace, str(answer["rev"])):
            self._shown.remove(namespace)

    def _of(self, namespace: str) -> Subject:
        subject = self._shown.by_namespace.get(namespace)
        if subject is None:
            raise NotFound(f"There is no namespace {namespace}.")
        return subject
