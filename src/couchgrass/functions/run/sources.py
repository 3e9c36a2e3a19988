"""The databases whose changes fire triggers: anybody's, by URL, or the region's own.

A host of Cloudant's means the region's own database, as it does inside of actions: old accounts are gone. It
is asked with the feed's own credentials there too, so that a feed shows nobody what they may not read.
"""

from __future__ import annotations

from typing import Final

import aiohttp

from couchgrass import json
from couchgrass.couch.auth import Auth
from couchgrass.couch.database import CouchDatabase
from couchgrass.couch.pace import Pace
from couchgrass.couch.transport import HttpTransport
from couchgrass.errors import BadRequest
from couchgrass.functions.changes import Changes
from couchgrass.functions.cloudant import account_of

RETRIES: Final = 2
NO_IAM: Final = "iamApiKey can't be used here: give the name and password of a user of the database"


class Sources:
    """`region_url` is that of the region's database server, `session` what is asked over."""

    def __init__(self, region_url: str, session: aiohttp.ClientSession) -> None:
        self._region_url = region_url
        self._session = session

    def database(self, feed: Changes) -> CouchDatabase:
        """The database that it follows. Raises BadRequest for credentials that can't be used."""
        if not feed.username:
            raise BadRequest(NO_IAM)
        base = feed.base if account_of(feed.host) is None else self._region_url
        transport = HttpTransport(self._session, base, auth=Auth(feed.username, feed.password), pace=Pace())
        return CouchDatabase(transport, feed.dbname, retries=RETRIES)

    async def latest(self, feed: Changes) -> str | int:
        """The database's last sequence. Raises what it refuses, and PeerLost."""
        found: str | int = json.decode((await self.database(feed).info()).update_seq)
        return found
