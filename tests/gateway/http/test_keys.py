"""Keys of issuers: fetched once, rolled, kept while the issuer is away; tokens checked with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from couchgrass.errors import ServiceUnavailable
from couchgrass.gateway.http.keys import AGAIN_S, FRESH_S, STALE_S, Keys
from couchgrass.gateway.security import Token
from couchgrass.gateway.token import Refused
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.scripted import Exchange, Play, Scripted, hangs_up, is_silent, scripted
from tests.gateway.tokens import key, key_set, token

TENANT = "t-1"
APP_ID = Token(tenant=TENANT)


class Issuer:
    """An issuer and a `Keys` that knows it. `keys` are those that it publishes; None: it is broken."""

    def __init__(self, peer: Scripted, clock: MovedClock, keys: Keys) -> None:
        self.peer = peer
        self.clock = clock
        self.checked = keys
        self.published: list[Any] = [key("one")]

    def token(self, name: str = "one", **claims: Any) -> str:
        now = self.clock.now()
        return "Bearer " + token(key(name), **{"tenant": TENANT, "exp": now + 3600, "sub": "u", **claims})

    async def check(self, header: str, token: Token = APP_ID) -> str:
        claims = await self.checked.check(header, token)
        return str(claims["sub"])


def with_issuer(work: Callable[[Issuer], Awaitable[None]], play: Play | None = None, **options: Any) -> None:
    """Runs `work` with an issuer that is a real server."""

    async def run() -> None:
        holder: list[Issuer] = []

        async def serves(exchange: Exchange) -> None:
            await exchange.body()
            if exchange.path.endswith("/.well-known/openid-configuration"):
                base = holder[0].peer.url
                await exchange.answer(200, {"issuer": f"{base}/oidc", "jwks_uri": f"{base}/keys"})
            elif holder[0].published is None:
                await exchange.answer(500, b"no")
            else:
                await exchange.answer(200, key_set(*holder[0].published))

        async with scripted(play or serves) as peer:
            clock = MovedClock()
            keys = Keys(clock, identity_url=f"{peer.url}/oauth/v4", **options)
            holder.append(Issuer(peer, clock, keys))
            try:
                async with asyncio.timeout(60):
                    await work(holder[0])
            finally:
                await keys.close()

    asyncio.run(run())


def test_a_token_is_checked_with_its_tenants_keys_which_are_fetched_once() -> None:
    async def work(issuer: Issuer) -> None:
        headers = [issuer.token(sub=str(n)) for n in range(5)]
        assert await asyncio.gather(*map(issuer.check, headers)) == list("01234")
        assert await issuer.check(headers[0]) == "0"
        assert [exchange.path for exchange in issuer.peer.seen] == [f"/oauth/v4/{TENANT}/publickeys"]

    with_issuer(work)


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"tenant": "other"}, {"tenant": None}, {"tenant": None, "iss": "https://x/other"}],
)
def test_claims_are_checked(claims: dict[str, Any]) -> None:
    async def work(issuer: Issuer) -> None:
        with pytest.raises(Refused):
            await issuer.check(issuer.token(**claims))
        assert not issuer.peer.seen

    with_issuer(work)


def test_the_tenant_may_stand_in_the_issuer() -> None:
    async def work(issuer: Issuer) -> None:
        assert await issuer.check(issuer.token(tenant=None, iss=f"https://a.example/v4/{TENANT}")) == "u"

    with_issuer(work)


def test_the_name_of_an_issuer_in_the_place_of_a_url_of_keys_spoils_nothing() -> None:
    async def work(issuer: Issuer) -> None:
        name = f"{issuer.peer.url}/oidc"
        issuer.published = None  # type: ignore[assignment]
        with pytest.raises(ServiceUnavailable):
            await issuer.check(issuer.token(), Token(jwks_url=name))
        issuer.published = [key("one")]
        assert await issuer.check(issuer.token(iss=name), Token(issuer=name)) == "u"

    with_issuer(work)


def test_a_foreign_signature_is_refused() -> None:
    async def work(issuer: Issuer) -> None:
        await issuer.check(issuer.token())
        forged = "Bearer " + token(key("evil"), kid="one", tenant=TENANT, exp=issuer.clock.now() + 9, sub="u")
        with pytest.raises(Refused):
            await issuer.check(forged)

    with_issuer(work)


def test_a_good_token_is_not_good_once_it_has_expired() -> None:
    async def work(issuer: Issuer) -> None:
        header = issuer.token(exp=issuer.clock.now() + 10)
        assert await issuer.check(header) == "u"
        issuer.clock.time_s += 39
        assert await issuer.check(header) == "u"
        issuer.clock.time_s += 2
        with pytest.raises(Refused, match="expired"):
            await issuer.check(header)

    with_issuer(work)


def test_an_unknown_key_is_looked_for_but_not_all_the_time() -> None:
    async def work(issuer: Issuer) -> None:
        await issuer.check(issuer.token())
        issuer.published = [key("one"), key("two")]
        for _ in range(3):
            with pytest.raises(Refused):
                await issuer.check(issuer.token("two"))
        assert len(issuer.peer.seen) == 1
        issuer.clock.time_s += AGAIN_S
        assert await issuer.check(issuer.token("two")) == "u"
        for _ in range(3):
            with pytest.raises(Refused):
                await issuer.check(issuer.token("three"))
        assert len(issuer.peer.seen) == 2

    with_issuer(work)


def test_a_key_that_was_taken_back_does_not_count_for_long() -> None:
    async def work(issuer: Issuer) -> None:
        header = issuer.token()
        await issuer.check(header)
        issuer.published = [key("two")]
        issuer.clock.time_s += FRESH_S + 1
        async with asyncio.timeout(60):
            while len(issuer.peer.seen) < 2:
                await issuer.check(header)
                issuer.clock.time_s += FRESH_S + 1
                await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            while True:
                try:
                    await issuer.check(header)
                except Refused:
                    break
                issuer.clock.time_s += AGAIN_S
                await asyncio.sleep(0.01)

    with_issuer(work)


def test_keys_count_while_the_issuer_is_away_but_not_for_ever() -> None:
    async def work(issuer: Issuer) -> None:
        await issuer.check(issuer.token())
        issuer.published = None  # type: ignore[assignment]
        issuer.clock.time_s += STALE_S - 10
        assert await issuer.check(issuer.token(sub="later")) == "later"
        issuer.clock.time_s += 20
        with pytest.raises(ServiceUnavailable):
            await issuer.check(issuer.token(sub="too late"))

    with_issuer(work)


@pytest.mark.parametrize("play", [hangs_up, is_silent])
def test_without_keys_nobody_gets_in(play: Play) -> None:
    async def work(issuer: Issuer) -> None:
        for _ in range(3):
            with pytest.raises(ServiceUnavailable):
                await issuer.check(issuer.token())
        # aiohttp itself asks again where the connection was closed.
        assert len(issuer.peer.seen) <= 2

    with_issuer(work, play, fetch_s=0.05)


def test_a_redirect_is_not_followed_and_a_flood_not_read() -> None:
    async def redirects(exchange: Exchange) -> None:
        await exchange.answer(302, b"", location="http://127.0.0.1:1/")

    async def floods(exchange: Exchange) -> None:
        await exchange.begin(200, content_length=str(10**9))
        try:
            while True:
                await exchange.write(b" " * 100_000)
        except ConnectionError:
            exchange.cut()

    async def work(issuer: Issuer) -> None:
        with pytest.raises(ServiceUnavailable):
            await issuer.check(issuer.token())

    for play in (redirects, floods):
        with_issuer(work, play)


def test_an_openid_issuer_is_discovered() -> None:
    async def work(issuer: Issuer) -> None:
        wanted = Token(issuer=f"{issuer.peer.url}/oidc", audiences=("me",))
        good = issuer.token(iss=wanted.issuer, aud=["me"])
        assert await issuer.check(good, wanted) == "u"
        assert [exchange.path for exchange in issuer.peer.seen] == [
            "/oidc/.well-known/openid-configuration",
            "/keys",
        ]
        for claims in ({"iss": "other", "aud": "me"}, {"iss": wanted.issuer, "aud": "you"}):
            with pytest.raises(Refused):
                await issuer.check(issuer.token(**claims), wanted)
        with pytest.raises(ServiceUnavailable):
            other = Token(issuer=f"{issuer.peer.url}/another")
            await issuer.check(issuer.token(iss=other.issuer), other)

    with_issuer(work)


def test_keys_at_a_url() -> None:
    async def work(issuer: Issuer) -> None:
        assert await issuer.check(issuer.token(), Token(jwks_url=f"{issuer.peer.url}/keys")) == "u"

    with_issuer(work)


def test_without_an_identity_service_no_tenant_has_keys() -> None:
    async def run() -> None:
        clock = MovedClock()
        keys = Keys(clock)
        header = "Bearer " + token(key("one"), tenant=TENANT, exp=clock.now() + 9)
        with pytest.raises(ServiceUnavailable):
            await keys.check(header, APP_ID)
        await keys.close()

    asyncio.run(run())
