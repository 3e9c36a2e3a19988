"""Users as documents of the region's `_users`: the database hashes, checks and replicates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, Forbidden, NotFound, Unauthorized
from couchgrass.identity import person
from couchgrass.identity.claims import User

LIST_MAX: Final = 100_000
PAGE: Final = 1000


class CouchUsers:
    """The users of all tenants. `server` is reached as an admin."""

    def __init__(self, server: CouchServer) -> None:
        self._server = server

    async def check(self, tenant: str, email: str, password: str) -> User | None:
        """The user with this address, if the password is right. Raises TooManyRequests and PeerLost.

        A database that looks at nobody's password answers too: it must name the user.
        """
        if not password:
            return None
        name = person.account(tenant, email)
        try:
            session = await self._server.ask("GET", "/_session", user=(name, password))
        except (Unauthorized, Forbidden):
            return None
        context = session.get("userCtx") if isinstance(session, dict) else None
        if not isinstance(context, dict) or context.get("name") != name:
            return None
        return await self.find(tenant, email)

    async def find(self, tenant: str, email: str) -> User | None:
        """The user with this address."""
        doc = await self._doc(tenant, email)
        return None if doc is None else person.user_of(tenant, doc)

    async def create(self, tenant: str, user: User, password: str) -> None:
        """A new user. Raises Conflict when the address is taken."""
        try:
            await self._server.ask(
                "PUT", self._path(tenant, user.email), person.new_doc(tenant, user, password)
            )
        except Conflict as taken:
            raise Conflict("This e-mail address has an account already") from taken

    async def set_password(self, tenant: str, email: str, password: str) -> User:
        """Another password; refresh tokens of before are worth nothing then. Raises NotFound."""
        doc = await self._doc(tenant, email)
        user = None if doc is None else person.user_of(tenant, doc)
        if doc is None or user is None:
            raise NotFound(f"{email} has no account at {tenant}")
        doc["password"] = password
        doc[person.MEMBER] = {**doc[person.MEMBER], "generation": user.generation + 1}
        await self._server.ask("PUT", self._path(tenant, email), doc)
        return User(user.sub, user.email, user.name, user.generation + 1)

    async def delete(self, tenant: str, email: str) -> None:
        """Ends an account. Raises NotFound."""
        doc = await self._doc(tenant, email)
        if doc is None or person.user_of(tenant, doc) is None:
            raise NotFound(f"{email} has no account at {tenant}")
        await self._server.ask("DELETE", self._path(tenant, email), query={"rev": doc["_rev"]})

    async def list(self, tenant: str) -> list[User]:
        """The tenant's users by address, LIST_MAX at the most."""
        start = person.doc_id(tenant, "")
        after = start.removesuffix("/") + "0"  # the next character
        between = {"start_key": start, "end_key": after, "include_docs": True, "limit": PAGE}
        found: list[User] = []
        while len(found) < LIST_MAX:
            page: Mapping[str, Any] = await self._server.ask("POST", "/_users/_all_docs", between)
            users = (person.user_of(tenant, row["doc"]) for row in page["rows"] if row.get("doc"))
            found += [user for user in users if user is not None]
            if len(page["rows"]) < PAGE:
                break
            between |= {"start_key": page["rows"][-1]["id"], "skip": 1}
        return found

    async def _doc(self, tenant: str, email: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._server.ask("GET", self._path(tenant, email))
        except NotFound:
            return None
        return found

    @staticmethod
    def _path(tenant: str, email: str) -> str:
        return "/_users/" + quote(person.doc_id(tenant, email), safe="")
