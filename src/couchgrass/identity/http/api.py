"""The endpoints of a tenant, below ``/oauth/v4/{tenant}``: token, authorization, public keys, discovery, user
information, introspection.

Source: RFC 6749, RFC 7636, RFC 7662, OpenID Connect Core and Discovery 1.0; paths and claims are App ID's.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from couchgrass.clock import Clock
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    Unauthorized,
)
from couchgrass.identity import claims, page, person
from couchgrass.identity.claims import SignedIn, User
from couchgrass.identity.http.answers import (
    CACHED,
    NO_STORE,
    bearer_refusal,
    form_cookie,
    form_token,
    is_ours,
    preflight,
    refusal,
    sent_on,
    shown,
    told,
)
from couchgrass.identity.keyset import KeySet, Signer
from couchgrass.identity.oauth import (
    Asked,
    Grant,
    OAuthError,
    authorization_request,
    complaint,
    credentials,
    form,
    is_proved,
    needed,
    redirected,
    token_request,
)
from couchgrass.identity.tenant import Client, Tenant
from couchgrass.identity.used import Rotation, UsedUp
from couchgrass.serving.asgi import Answer, Request, unquoted

log = logging.getLogger("couchgrass.identity")

PREFIX: Final = b"/oauth/v4/"
BODY_BYTES_MAX: Final = 64 * 1024
WRONG: Final = "The e-mail address or the password is wrong"
AWAY: Final = "Sign-in is not possible at the moment"

T = TypeVar("T")


class Users(Protocol):
    """Where the users of all tenants are."""

    async def check(self, tenant: str, email: str, password: str) -> User | None: ...

    async def find(self, tenant: str, email: str) -> User | None: ...

    async def create(self, tenant: str, user: User, password: str) -> None:
        """Raises Conflict when the address is taken."""
        ...


class SignIn:
    """The service. `issuer` gives a tenant's URL, the same in all regions."""

    def __init__(
        self,
        *,
        tenant: Callable[[str], Tenant | None],
        users: Users,
        signer: Callable[[], Signer],
        keys: Callable[[], KeySet],
        issuer: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._tenant = tenant
        self._users = users
        self._signer = signer
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._used = UsedUp()
        self._rotation = Rotation()

    async def answer(self, request: Request) -> Answer:
        """The answer to a request below PREFIX. Does not raise CouchgrassError."""
        try:
            return await self._routed(request)
        except CouchgrassError as refused:
            await request.drain()
            return refusal(refused)

    async def _routed(self, request: Request) -> Answer:
        name, _, rest = request.raw_path[len(PREFIX) :].decode("latin-1").partition("/")
        tenant = self._tenant(unquoted(name))
        if tenant is None:
            raise NotFound("There is no such tenant")
        allowed, endpoint = {
            "token": ("POST", self._token),
            "authorization": ("GET, POST", self._authorization),
            "publickeys": ("GET", self._publickeys),
            ".well-known/openid-configuration": ("GET", self._discovery),
            "userinfo": ("GET, POST", self._userinfo),
            "introspect": ("POST", self._introspect),
        }.get(rest, ("", self._nothing))
        if request.method == "OPTIONS" and allowed and rest != "authorization":
            return preflight()
        method = "GET" if request.method == "HEAD" else request.method
        if allowed and method not in allowed.split(", "):
            raise MethodNotAllowed(*allowed.split(", "))
        return await endpoint(tenant, request)

    async def _nothing(self, tenant: Tenant, request: Request) -> Answer:
        raise NotFound("There is no such endpoint")

    # --- tokens --------------------------------------------------------------------------------------

    async def _token(self, tenant: Tenant, request: Request) -> Answer:
        grant = token_request(tenant, request.header(b"authorization"), await request.body(BODY_BYTES_MAX))
        match grant.kind:
            case "client_credentials":
                granted = claims.machine(
                    self._issuer(tenant.id), tenant, grant.client, now=self._now(), jti=secrets.token_hex(16)
                )
                token = self._signer().sign(granted)
                return told(200, claims.answer(tenant, token, scope=claims.MACHINE_SCOPE), NO_STORE)
            case "password":
                who = await self._by_password(tenant, grant)
            case "authorization_code":
                who = await self._redeemed(tenant, grant)
            case _:
                who = await self._refreshed(tenant, grant)
        return self._granted(tenant, grant.client, who)

    def _granted(self, tenant: Tenant, client: Client, who: SignedIn) -> Answer:
        issuer, now, signer = self._issuer(tenant.id), self._now(), self._signer()
        jti, again = secrets.token_hex(16), secrets.token_hex(16)
        body = claims.answer(
            tenant,
            signer.sign(claims.access(issuer, tenant, client, who.user, now=now, jti=jti)),
            signer.sign(claims.identity(issuer, tenant, client, who, now=now)),
            signer.sign_inner(claims.refresh(issuer, tenant, client, who, now=now, jti=again)),
        )
        return told(200, body, NO_STORE)

    async def _by_password(self, tenant: Tenant, grant: Grant) -> SignedIn:
        address, password = _address(needed(grant.fields, "username")), needed(grant.fields, "password")
        user = await self._of_users(self._users.check(tenant.id, address, password))
        if user is None:
            raise OAuthError("invalid_grant", WRONG)
        return SignedIn(user, self._now(), secrets.token_hex(16))

    async def _redeemed(self, tenant: Tenant, grant: Grant) -> SignedIn:
        found = self._own(tenant, grant.client, needed(grant.fields, "code"), claims.CODE)
        if found["redirect_uri_sha256"] != claims.digest(grant.fields.get("redirect_uri", "")):
            raise OAuthError("invalid_grant", "The redirect_uri is not the one that the code was asked for")
        if not is_proved(found["code_challenge"], grant.fields.get("code_verifier", "")):
            raise OAuthError("invalid_grant", "The code_verifier does not prove the code_challenge")
        # Before the code is used up, so that it is still good when the database does not answer.
        user = await self._of_users(self._users.find(tenant.id, found["email"]))
        if not self._used.use(found["jti"], found["exp"], self._clock.now()):
            self._rotation.end(found["jti"])  # what the first use got goes too (RFC 6749 4.1.2)
            raise OAuthError("invalid_grant", "The code was used before")
        if user is None or user.sub != found["sub"]:
            raise OAuthError("invalid_grant", "The user is gone")
        return SignedIn(user, found["iat"], found["jti"], found["nonce"])

    async def _refreshed(self, tenant: Tenant, grant: Grant) -> SignedIn:
        found = self._own(tenant, grant.client, needed(grant.fields, "refresh_token"), claims.REFRESH)
        user = await self._of_users(self._users.find(tenant.id, found["email"]))
        if user is None or user.sub != found["sub"] or user.generation != found["generation"]:
            raise OAuthError("invalid_grant", "The user is gone or has another password now")
        rotation, session = self._rotation, found["session"]
        if rotation.is_over(session) or (
            grant.client.is_public and not rotation.use(found["jti"], session, self._clock.now())
        ):
            raise OAuthError("invalid_grant", "It was used before, perhaps by somebody else")
        return SignedIn(user, found["auth_time"], found["session"])

    def _own(self, tenant: Tenant, client: Client, token: str, use: str) -> Mapping[str, Any]:
        found = self._keys().inner_claims(token)
        return claims.own(found, use, self._issuer(tenant.id), tenant, client, self._clock.now())

    async def _of_users(self, asking: Awaitable[T]) -> T:
        """What the database says of users. Its troubles are told to the log: to who signs in they are none of
        theirs, and name its address."""
        try:
            return await asking
        except Conflict:
            raise
        except CouchgrassError as failed:
            log.warning("users can't be asked for: %s", failed.reason)
            raise ServiceUnavailable(AWAY) from failed

    # --- the sign-in page ----------------------------------------------------------------------------

    async def _authorization(self, tenant: Tenant, request: Request) -> Answer:
        query, is_form = request.query_string, request.method == "POST"
        if is_form and not query:  # a request may come in a form too (OpenID Connect Core 3.1.2.1)
            query, is_form = await request.body(BODY_BYTES_MAX), False
        try:
            asked = authorization_request(tenant, query)
        except CouchgrassError as refused:
            await request.drain()
            return shown(400, page.refused(refused.reason), page.policy())
        wrong = complaint(tenant, query)
        if wrong is not None:
            return self._answered(tenant, asked, error=wrong.error, error_description=wrong.reason)
        if not is_form:
            return self._page(tenant, request, query, asked)
        fields: Mapping[str, str] = {}
        try:
            fields = form(await request.body(BODY_BYTES_MAX))
            if not is_ours(request, fields):
                raise BadRequest("Please try again")
            user = await self._signed_in(tenant, fields)
        except CouchgrassError as refused:
            await request.drain()
            email = fields.get("username", "")[: person.EMAIL_CHARS_MAX]
            return self._page(tenant, request, query, asked, wrong=refused, email=email)
        client = tenant.client(asked.client_id)
        assert client is not None
        code = claims.code(
            self._issuer(tenant.id), tenant, client, user, asked, now=self._now(), jti=secrets.token_hex(16)
        )
        return self._answered(tenant, asked, code=self._signer().sign_inner(code))

    def _answered(self, tenant: Tenant, asked: Asked, **answer: str) -> Answer:
        """Back to the app; `iss` keeps it from taking one server's code to another (RFC 9207)."""
        return sent_on(redirected(asked, **answer, iss=self._issuer(tenant.id)))

    async def _signed_in(self, tenant: Tenant, fields: Mapping[str, str]) -> User:
        address, password = person.email(fields.get("username", "")), fields.get("password", "")
        if fields.get("new") and tenant.may_sign_up:
            user = User(sub=str(uuid.uuid4()), email=address)
            await self._of_users(self._users.create(tenant.id, user, person.password(password)))
            return user
        found = await self._of_users(self._users.check(tenant.id, address, password))
        if found is None:
            raise Unauthorized(WRONG)
        return found

    def _page(
        self,
        tenant: Tenant,
        request: Request,
        query: bytes,
        asked: Asked,
        *,
        wrong: CouchgrassError | None = None,
        email: str = "",
    ) -> Answer:
        token = form_token(request) or secrets.token_urlsafe(24)
        body = page.sign_in(
            tenant.name,
            action="?" + query.decode("ascii"),
            token=token,
            email=email,
            wrong="" if wrong is None else wrong.reason,
            may_sign_up=tenant.may_sign_up,
        )
        status = 200 if wrong is None else 503 if wrong.status >= 500 else 400
        answer = shown(status, body, page.policy(asked.redirect_uri))
        path = f"{PREFIX.decode()}{tenant.id}/"
        is_secure = self._issuer(tenant.id).startswith("https:")
        answer.headers.append(form_cookie(token, path, is_secure=is_secure))
        return answer

    # --- what others ask -----------------------------------------------------------------------------

    async def _publickeys(self, tenant: Tenant, request: Request) -> Answer:
        return told(200, self._keys().jwks(), CACHED)

    async def _discovery(self, tenant: Tenant, request: Request) -> Answer:
        return told(200, claims.discovery(self._issuer(tenant.id)), CACHED)

    async def _userinfo(self, tenant: Tenant, request: Request) -> Answer:
        await request.drain()
        scheme, _, token = (request.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer":
            return bearer_refusal(401, "", "An access token is needed")
        found = self._live(tenant, token.strip())
        if found is None:
            return bearer_refusal(401, "invalid_token", "No valid access token")
        if "openid" not in found["scope"].split():
            return bearer_refusal(403, "insufficient_scope", "The token is no user's")
        return told(200, {name: found[name] for name in ("sub", "email", "name") if name in found}, NO_STORE)

    async def _introspect(self, tenant: Tenant, request: Request) -> Answer:
        fields = form(await request.body(BODY_BYTES_MAX))
        client_id, secret = credentials(request.header(b"authorization"), fields)
        client = tenant.client(client_id)
        if client is None or not client.is_secret(secret):
            raise OAuthError("invalid_client", "No such client, or not its secret", 401)
        found = self._live(tenant, needed(fields, "token"))
        if found is None:
            return told(200, {"active": False}, NO_STORE)
        about = {"active": True, "token_type": "Bearer", "client_id": found["aud"][0]}
        return told(200, {**about, **found}, NO_STORE)

    def _live(self, tenant: Tenant, token: str) -> Mapping[str, Any] | None:
        """An access token's claims; None unless it is valid here and now."""
        try:
            found = self._keys().claims(token)
        except OAuthError:
            return None
        fits = (
            found.get("token_use") == claims.ACCESS
            and found.get("tenant") == tenant.id
            and found.get("iss") == self._issuer(tenant.id)
            and found.get("exp", 0) > self._clock.now()
        )
        return found if fits else None

    def _now(self) -> int:
        return int(self._clock.now())


def _address(text: str) -> str:
    """An address for a token request; a malformed one is a wrong one."""
    try:
        return person.email(text)
    except BadRequest as bad:
        raise OAuthError("invalid_grant", WRONG) from bad
