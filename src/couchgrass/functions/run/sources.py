"""The databases whose changes fire triggers: anybody's, by URL, or the region's own.

A host of Cloudant's means the region's own database, as it does inside of actions: old accounts are gone. It
is then asked with the region's credentials, and never for the databases in which the region keeps its own.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from couchgrass import json
from couchgrass.couch.auth import Auth
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import HttpTransport, Transport
from couchgrass.errors import BadRequest
from couchgrass.functions.accounts import account_of_host
from couchgrass.functions.changes import Changes

RETRIES: Final = 2
NO_IAM: Final = (
    "iamApiKey works for accounts of Cloudant that are this region's own database; use a user's name"
)


class Sources:
    """`region` is the region's database server, `session` what others are asked over."""

    def __init__(self, region: Transport, session: aiohttp.ClientSession) -> None:
        self._region = region
        self._session = session

    def database(self, feed: Changes) -> CouchDatabase:
        """The database that it follows. Raises BadRequest for credentials that can't be used."""
        if account_of_host(feed.host) is not None:
            return CouchDatabase(self._region, feed.dbname, retries=RETRIES)
        if not feed.username:
            raise BadRequest(NO_IAM)
        auth = Auth(feed.username, feed.password)
        transport = HttpTransport(self._session, feed.base, auth=auth, pace=Pace())
        return CouchDatabase(transport, feed.dbname, retries=RETRIES)

    async def latest(self, feed: Changes) -> str | int:
        """The database's last sequence. Raises what it refuses, and PeerLost."""
        found: str | int = json.decode((await self.database(feed).info()).update_seq)
        return found
