"""The public keys of token issuers, fetched and kept; tokens checked with them.

A key set is fetched when a token first needs it, again after `FRESH_S` (in the background), and for a key id
that is not in it, but not more often than every `AGAIN_S`. While an issuer is away its keys count for another
`STALE_S`. A token that was found good is not verified again, until it expires or `FRESH_S` later.
Specification: OpenID Connect Discovery 1.0; App ID's `publickeys`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any, Final

import aiohttp
from yarl import URL

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import BadRequest, CouchgrassError, PeerLost, ServiceUnavailable
from couchgrass.gateway.security import Token, is_safe_url
from couchgrass.gateway.token import (
    Expected,
    KeySet,
    Read,
    Refused,
    bearer,
    check_claims,
    read_keys,
    read_token,
    verify,
)

log = logging.getLogger("couchgrass.gateway")

FRESH_S: Final = 600.0
AGAIN_S: Final = 10.0
STALE_S: Final = 24 * 3600.0
FETCH_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 512 * 1024
VERIFIED_MAX: Final = 20_000
"""Tokens found good that are kept; some 30 MB."""
ISSUERS_MAX: Final = 1_000


class _Source:
    """One issuer's keys. Times are monotonic."""

    def __init__(self) -> None:
        self.keys: KeySet | None = None
        self.fetched_s = 0.0
        self.tried_s = -AGAIN_S
        self.fetching: asyncio.Task[None] | None = None


class Keys:
    """`identity_url` is where App ID tenants are: the keys of a tenant are at its /TENANT/publickeys."""

    def __init__(self, clock: Clock, *, identity_url: str = "", fetch_s: float = FETCH_S) -> None:
        self._clock = clock
        self._identity_url = identity_url.rstrip("/")
        self._fetch_s = fetch_s
        self._sources: OrderedDict[tuple[str, str, str], _Source] = OrderedDict()
        self._verified: OrderedDict[tuple[str, Token], tuple[float, dict[str, Any]]] = OrderedDict()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends what is being fetched."""
        tasks = [source.fetching for source in self._sources.values() if source.fetching is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def check(self, authorization: str | None, token: Token) -> dict[str, Any]:
        """The claims of a request's token. Raises Refused (401), and ServiceUnavailable without keys."""
        text = bearer(authorization)
        known = self._verified.get((text, token))
        if known is not None:
            if self._clock.now() < known[0]:
                return known[1]
            del self._verified[text, token]
        read = read_token(text)
        until = check_claims(read.claims, Expected(_issuers(token), token.audiences), self._clock.now())
        if token.tenant:
            _check_tenant(read, token.tenant)
        await self._verify(read, token)
        self._verified[text, token] = (min(until, self._clock.now() + FRESH_S), read.claims)
        if len(self._verified) > VERIFIED_MAX:
            self._verified.popitem(last=False)
        return read.claims

    async def _verify(self, read: Read, token: Token) -> None:
        source = self._source(token)
        now = self._clock.monotonic()
        if source.keys is None or now - source.fetched_s > STALE_S:
            await self._fetch(source, token)
        elif now - source.fetched_s > FRESH_S:
            self._fetch_behind(source, token)
        candidates = [] if source.keys is None else source.keys.candidates(read)
        if not candidates and source.keys is not None:
            await self._fetch(source, token)
            candidates = source.keys.candidates(read)
        if source.keys is None or self._clock.monotonic() - source.fetched_s > STALE_S:
            raise ServiceUnavailable("The keys that tokens are checked with can't be had now")
        if not verify(read, candidates):
            raise Refused("The token signature did not match any known JWK.")

    def _source(self, token: Token) -> _Source:
        # All three: nobody's API may have keys fetched for another's from the wrong place.
        name = token.jwks_url, token.tenant, "" if token.jwks_url or token.tenant else token.issuer
        source = self._sources.get(name)
        if source is None:
            if len(self._sources) >= ISSUERS_MAX:
                _, oldest = self._sources.popitem(last=False)
                if oldest.fetching is not None:
                    oldest.fetching.cancel()
            source = self._sources[name] = _Source()
        self._sources.move_to_end(name)
        return source

    async def _fetch(self, source: _Source, token: Token) -> None:
        """Fetches the keys, once for all that wait. Does nothing when that was tried just now."""
        self._fetch_behind(source, token)
        if source.fetching is not None:
            await asyncio.shield(source.fetching)

    def _fetch_behind(self, source: _Source, token: Token) -> None:
        now = self._clock.monotonic()
        if source.fetching is None and now - source.tried_s >= AGAIN_S:
            source.tried_s = now
            source.fetching = asyncio.create_task(self._fetched(source, token))

    async def _fetched(self, source: _Source, token: Token) -> None:
        try:
            source.keys = read_keys(await self._json(await self._keys_url(token)))
            source.fetched_s = self._clock.monotonic()
        except CouchgrassError as failed:
            log.warning("the keys of %s can't be had: %s", _named(token), failed.reason)
        finally:
            source.fetching = None

    async def _keys_url(self, token: Token) -> str:
        if token.jwks_url:
            return token.jwks_url
        if token.tenant:
            if not self._identity_url:
                raise PeerLost("this region has no identity service")
            return f"{self._identity_url}/{token.tenant}/publickeys"
        found = await self._json(token.issuer.rstrip("/") + "/.well-known/openid-configuration")
        url = found.get("jwks_uri") if isinstance(found, dict) else None
        if not isinstance(url, str) or not is_safe_url(url):
            raise PeerLost("its discovery document names no place of keys")
        if found.get("issuer") != token.issuer:
            raise PeerLost("its discovery document is of another issuer")
        return url

    async def _json(self, url: str) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=self._fetch_s)
            )
        try:
            async with self._session.get(
                URL(url), headers={"accept": "application/json"}, allow_redirects=False
            ) as answer:
                text = bytearray()
                async for piece in answer.content.iter_any():
                    text += piece
                    if len(text) > ANSWER_BYTES_MAX:
                        raise PeerLost("its answer is too large")
                if answer.status != 200:
                    raise PeerLost(f"it answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as broken:
            raise PeerLost(f"it does not answer ({type(broken).__name__})") from broken
        try:
            return json.decode(bytes(text))
        except BadRequest as bad:
            raise PeerLost("its answer is no JSON") from bad


def _issuers(token: Token) -> tuple[str, ...]:
    """The issuers that a token may name. Whose keys lie at a URL of its own, without a name, may be any."""
    return (token.issuer,) if token.issuer else ()


def _check_tenant(read: Read, tenant: str) -> None:
    """App ID's tokens name the tenant in a claim of their own, newer ones in the issuer's URL too."""
    issuer = read.claims.get("iss")
    if read.claims.get("tenant") != tenant and not (
        isinstance(issuer, str) and issuer.endswith("/" + tenant)
    ):
        raise Refused("The token is of another tenant")


def _named(token: Token) -> str:
    return token.issuer or token.tenant or token.jwks_url
