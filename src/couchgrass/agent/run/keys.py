"""Keys of links: kept at the target's server, made at the one that they are for.

A key is written down before it gets an account, and an account that is there gets the password that is
written down: whoever is cut off in between, or does the same at the same time, ends up with one key.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from couchgrass.agent.jobs import KEPT_KEY, READER, key_name
from couchgrass.agent.run.reads import found
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import Conflict, FileExists, Forbidden, NotFound, Unauthorized
from couchgrass.linking.job import REPLICATOR, Key
from couchgrass.topology.links import USERS

USER_PREFIX: Final = "org.couchdb.user:"
PASSWORD_BYTES: Final = 30
_SUFFIX: Final = "-Aa1"
"""Whatever kinds of characters a server's `password_regexp` asks for."""


class Kept(msgspec.Struct, frozen=True):
    """A key, not tried, and the URL at which the target's agent reaches the region that it is for; "" before
    there was an agent."""

    key: Key
    at: str = ""


async def kept(target: CouchServer, region: str) -> Kept | None:
    """The key that the target's server keeps for the region's database; None without one."""
    doc = await found(target, REPLICATOR, "_local", KEPT_KEY + region)
    if not isinstance(doc, dict) or not doc.get("name"):
        return None
    return Kept(Key(str(doc["name"]), str(doc.get("password", ""))), str(doc.get("at", "")))


async def reached_at(target: CouchServer, region: str, at: str) -> None:
    """Notes where the target's agent reaches a region, so that others write its jobs with the same URL."""
    doc = await found(target, REPLICATOR, "_local", KEPT_KEY + region)
    if isinstance(doc, dict) and doc.get("at") != at:
        try:
            await target.ask("PUT", path(REPLICATOR, "_local", KEPT_KEY + region), {**doc, "at": at})
        except Conflict:
            return  # the next look sees it


async def tried(server: CouchServer, key: Key) -> Key:
    """The key with whether it signs in there. Not while it is locked out, for somebody tried too often with
    another password, or when it had no account: its password, given again with a new salt, ends that."""
    try:
        session = await server.ask("GET", "/_session", user=(key.name, key.password))
    except (Unauthorized, Forbidden):
        return Key(key.name, key.password)
    return Key(key.name, key.password, (session.get("userCtx") or {}).get("name") == key.name)


async def make(
    target: CouchServer, server: CouchServer, *, region: str, reader: str, api_keys: bool
) -> tuple[Key, bool]:
    """The key of `reader`, whose server is `target`, for `region`, whose server is `server`; it signs in
    afterwards. And whether that took anything."""
    await ensure_database(target, REPLICATOR)
    old = await kept(target, region)
    key = old.key if old else await _written(target, server, region, reader, api_keys=api_keys)
    is_good = old is not None and (await tried(server, key)).signs_in
    if api_keys and old is not None and not is_good:
        doc = await found(target, REPLICATOR, "_local", KEPT_KEY + region) or {}
        key = await _written(target, server, region, reader, api_keys=True, rev=str(doc.get("_rev", "")))
    is_noted = await _note(server, reader, key.name)
    if not api_keys and not is_good:
        await _account(server, key)
    return Key(key.name, key.password, signs_in=True), is_noted or not is_good


async def drop(server: CouchServer, reader: str, name: str) -> None:
    """Deletes the account of a reader's key and the note about it."""
    for segments in ((USERS, USER_PREFIX + name), (REPLICATOR, "_local", READER + reader)):
        doc = await found(server, *segments)
        if doc is not None:
            try:
                await server.ask("DELETE", path(*segments), query={"rev": doc["_rev"]})
            except NotFound:
                continue


async def ensure_database(server: CouchServer, database: str) -> bool:
    """Makes a database; False if it was there."""
    try:
        await server.ask("PUT", path(database))
    except FileExists:
        return False
    return True


async def _written(
    target: CouchServer, server: CouchServer, region: str, reader: str, *, api_keys: bool, rev: str = ""
) -> Key:
    if api_keys:
        answer = await server.ask("POST", "/_api/v2/api_keys")
        key = Key(str(answer["key"]), str(answer["password"]))
    else:
        key = Key(key_name(reader), secrets.token_urlsafe(PASSWORD_BYTES) + _SUFFIX)
    body = {"name": key.name, "password": key.password, **({"_rev": rev} if rev else {})}
    try:
        await target.ask("PUT", path(REPLICATOR, "_local", KEPT_KEY + region), body)
    except Conflict:
        first = await kept(target, region)
        return first.key if first else key  # somebody else was first
    return key


async def _note(server: CouchServer, reader: str, name: str) -> bool:
    """Whether it was not noted yet."""
    place = (REPLICATOR, "_local", READER + reader)
    await ensure_database(server, REPLICATOR)
    old = await found(server, *place)
    if old is not None and old.get("name") == name:
        return False
    rev = {} if old is None else {"_rev": old["_rev"]}
    try:
        await server.ask("PUT", path(*place), {"reader": reader, "name": name, **rev})
    except Conflict:
        return False  # somebody else noted the same a moment ago
    return True


async def _account(server: CouchServer, key: Key) -> None:
    await ensure_database(server, USERS)
    old = await found(server, USERS, USER_PREFIX + key.name)
    rev = {} if old is None else {"_rev": old["_rev"]}
    doc = {"type": "user", "name": key.name, "roles": [], "password": key.password, **rev}
    try:
        await server.ask("PUT", path(USERS, USER_PREFIX + key.name), doc)
    except Conflict:
        return  # somebody else gave it the same password a moment ago
