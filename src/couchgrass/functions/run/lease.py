"""Who fires: of several functions processes on one database the one that holds the lease.

The lease is a document with a holder and a time until which it counts. Whoever finds it expired may take it;
of two who try, the database lets one. The clocks of the hosts must agree to within a few seconds; if they do
not, or while a holder does not notice that it lost the lease, triggers may fire twice, which they may anyhow.
"""

from __future__ import annotations

from typing import Any, Final

from couchgrass.clock import Clock
from couchgrass.errors import Conflict
from couchgrass.functions.run.feeds import FeedDocuments

DOCUMENT: Final = "lease"
LEASE_S: Final = 30.0
RENEW_S: Final = 10.0
"""Two renewals may fail before the lease is lost."""


class Lease:
    """`holder` names this process's host; after a restart it is the holder still."""

    def __init__(self, documents: FeedDocuments, holder: str, clock: Clock) -> None:
        self._documents = documents
        self._holder = holder
        self._clock = clock
        self._until_s = 0.0

    @property
    def is_held(self) -> bool:
        """Does it count now?"""
        return self._clock.now() < self._until_s

    async def renew(self) -> bool:
        """Takes it, or keeps it; False while another has it. Raises what the database answers."""
        doc: dict[str, Any] = await self._documents.get(DOCUMENT) or {"_id": DOCUMENT}
        now = self._clock.now()
        if doc.get("holder") != self._holder and now * 1000 < float(doc.get("until", 0)):
            self._until_s = 0.0
            return False
        until_s = now + LEASE_S
        try:
            await self._documents.put({**doc, "holder": self._holder, "until": int(until_s * 1000)})
        except Conflict:
            self._until_s = 0.0
            return False
        self._until_s = until_s
        return True

    async def release(self) -> None:
        """Lets another take it at once."""
        if not self.is_held:
            return
        self._until_s = 0.0
        doc = await self._documents.get(DOCUMENT)
        if doc is not None and doc.get("holder") == self._holder:
            await self._documents.put({**doc, "until": 0})
