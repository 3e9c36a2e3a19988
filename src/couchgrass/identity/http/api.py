"""The endpoints of a tenant, below ``/oauth/v4/{tenant}``: token, authorization, public keys, discovery, user
information, introspection.

Source: RFC 6749, RFC 7636, RFC 7662, OpenID Connect Core and Discovery 1.0; paths and claims are App ID's.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import BadRequest, Conflict, CouchgrassError, MethodNotAllowed, NotFound, Unauthorized
from couchgrass.identity import claims, page, person
from couchgrass.identity.claims import User
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
from couchgrass.identity.used import UsedUp
from couchgrass.serving.asgi import Answer, Header, Request, unquoted

PREFIX: Final = b"/oauth/v4/"
BODY_BYTES_MAX: Final = 64 * 1024
COOKIE: Final = "couchgrass_form"
WRONG: Final = "The e-mail address or the password is wrong"

_NO_STORE: Final[list[Header]] = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]
_JSON: Final[Header] = (b"content-type", b"application/json")
_OPEN: Final[Header] = (b"access-control-allow-origin", b"*")
_PREFLIGHT: Final[list[Header]] = [
    _OPEN,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-max-age", b"600"),
]


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

    async def answer(self, request: Request) -> Answer:
        """The answer to a request below PREFIX. Does not raise CouchgrassError."""
        try:
            return await self._routed(request)
        except CouchgrassError as refused:
            await request.drain()
            return _refusal(refused)

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
            return Answer(204, headers=list(_PREFLIGHT))
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
                return _json(200, claims.answer(tenant, self._signer().sign(granted)), _NO_STORE)
            case "password":
                user = await self._users.check(
                    tenant.id,
                    _address(needed(grant.fields, "username")),
                    needed(grant.fields, "password"),
                )
                if user is None:
                    raise OAuthError("invalid_grant", WRONG)
                nonce = ""
            case "authorization_code":
                user, nonce = await self._redeemed(tenant, grant)
            case _:
                user, nonce = await self._refreshed(tenant, grant), ""
        return self._granted(tenant, grant.client, user, nonce)

    def _granted(self, tenant: Tenant, client: Client, user: User, nonce: str) -> Answer:
        issuer, now, sign = self._issuer(tenant.id), self._now(), self._signer().sign
        body = claims.answer(
            tenant,
            sign(claims.access(issuer, tenant, client, user, now=now, jti=secrets.token_hex(16))),
            sign(claims.identity(issuer, tenant, client, user, now=now, nonce=nonce)),
            sign(claims.refresh(issuer, tenant, client, user, now=now, jti=secrets.token_hex(16))),
        )
        return _json(200, body, _NO_STORE)

    async def _redeemed(self, tenant: Tenant, grant: Grant) -> tuple[User, str]:
        found = self._own(tenant, grant.client, needed(grant.fields, "code"), claims.CODE)
        if found["redirect_uri"] != grant.fields.get("redirect_uri", ""):
            raise OAuthError("invalid_grant", "The redirect_uri is not the one that the code was asked for")
        if not is_proved(found["code_challenge"], grant.fields.get("code_verifier", "")):
            raise OAuthError("invalid_grant", "The code_verifier does not prove the code_challenge")
        if not self._used.use(found["jti"], found["exp"], self._clock.now()):
            raise OAuthError("invalid_grant", "The code was used before")
        user = await self._users.find(tenant.id, found["email"])
        if user is None or user.sub != found["sub"]:
            raise OAuthError("invalid_grant", "The user is gone")
        return user, found["nonce"]

    async def _refreshed(self, tenant: Tenant, grant: Grant) -> User:
        found = self._own(tenant, grant.client, needed(grant.fields, "refresh_token"), claims.REFRESH)
        user = await self._users.find(tenant.id, found["email"])
        if user is None or user.sub != found["sub"] or user.generation != found["generation"]:
            raise OAuthError("invalid_grant", "The user is gone or has another password now")
        return user

    def _own(self, tenant: Tenant, client: Client, token: str, use: str) -> Mapping[str, Any]:
        found = self._keys().claims(token)
        return claims.own(found, use, self._issuer(tenant.id), tenant, client, self._clock.now())

    # --- the sign-in page ----------------------------------------------------------------------------

    async def _authorization(self, tenant: Tenant, request: Request) -> Answer:
        try:
            asked = authorization_request(tenant, request.query_string)
        except CouchgrassError as refused:
            return _page(400, page.refused(refused.reason), page.policy())
        wrong = complaint(tenant, request.query_string)
        if wrong is not None:
            return _redirect(redirected(asked, error=wrong.error, error_description=wrong.reason))
        if request.method != "POST":
            return self._shown(tenant, request, asked)
        fields = form(await request.body(BODY_BYTES_MAX))
        if not _is_ours(request, fields):
            return self._shown(tenant, request, asked, wrong="Please try again")
        try:
            user = await self._signed_in(tenant, fields)
        except (BadRequest, Conflict, Unauthorized) as refused:
            return self._shown(
                tenant, request, asked, wrong=refused.reason, email=fields.get("username", "")[:254]
            )
        client = tenant.client(asked.client_id)
        assert client is not None
        code = claims.code(
            self._issuer(tenant.id), tenant, client, user, asked, now=self._now(), jti=secrets.token_hex(16)
        )
        return _redirect(redirected(asked, code=self._signer().sign(code)))

    async def _signed_in(self, tenant: Tenant, fields: Mapping[str, str]) -> User:
        address, password = person.email(fields.get("username", "")), fields.get("password", "")
        if fields.get("new") and tenant.may_sign_up:
            user = User(sub=str(uuid.uuid4()), email=address)
            await self._users.create(tenant.id, user, person.password(password))
            return user
        found = await self._users.check(tenant.id, address, password)
        if found is None:
            raise Unauthorized(WRONG)
        return found

    def _shown(
        self, tenant: Tenant, request: Request, asked: Asked, *, wrong: str = "", email: str = ""
    ) -> Answer:
        token = _form_token(request) or secrets.token_urlsafe(24)
        body = page.sign_in(
            tenant.name,
            action="?" + request.query_string.decode("latin-1"),
            token=token,
            email=email,
            wrong=wrong,
            may_sign_up=tenant.may_sign_up,
        )
        answer = _page(200 if not wrong else 400, body, page.policy(asked.redirect_uri))
        cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path={PREFIX.decode()}{tenant.id}/"
        if self._issuer(tenant.id).startswith("https:"):
            cookie += "; Secure"
        answer.headers.append((b"set-cookie", cookie.encode("latin-1")))
        return answer

    # --- what others ask -----------------------------------------------------------------------------

    async def _publickeys(self, tenant: Tenant, request: Request) -> Answer:
        return _json(200, self._keys().jwks(), [(b"cache-control", b"public, max-age=300")])

    async def _discovery(self, tenant: Tenant, request: Request) -> Answer:
        found = claims.discovery(self._issuer(tenant.id))
        return _json(200, found, [(b"cache-control", b"public, max-age=300")])

    async def _userinfo(self, tenant: Tenant, request: Request) -> Answer:
        scheme, _, token = (request.header(b"authorization") or "").partition(" ")
        found = self._live(tenant, token.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            answer = _json(
                401, {"error": "invalid_token", "error_description": "No valid access token"}, _NO_STORE
            )
            answer.headers.append((b"www-authenticate", b'Bearer error="invalid_token"'))
            return answer
        told = {name: found[name] for name in ("sub", "email", "name") if name in found}
        return _json(200, told, _NO_STORE)

    async def _introspect(self, tenant: Tenant, request: Request) -> Answer:
        fields = form(await request.body(BODY_BYTES_MAX))
        client_id, secret = credentials(request.header(b"authorization"), fields)
        client = tenant.client(client_id)
        if client is None or not client.is_secret(secret):
            raise OAuthError("invalid_client", "No such client, or not its secret", 401)
        found = self._live(tenant, fields.get("token", ""))
        return _json(200, {"active": False} if found is None else {"active": True, **found}, _NO_STORE)

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


def _form_token(request: Request) -> str:
    """The token in the form's cookie, "" without one."""
    for pair in (request.header(b"cookie") or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and value.isascii() and len(value) <= 64:
            return value
    return ""


def _is_ours(request: Request, fields: Mapping[str, str]) -> bool:
    """Did the form come from our own page, in this browser?"""
    token = _form_token(request)
    return bool(token) and hmac.compare_digest(token.encode(), fields.get("form_token", "").encode())


def _json(status: int, body: Any, headers: list[Header]) -> Answer:
    return Answer(status, json.encode(body), [_JSON, _OPEN, *headers])


def _page(status: int, body: bytes, policy: str) -> Answer:
    return Answer(
        status,
        body,
        [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode("latin-1", "replace")),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            *_NO_STORE,
        ],
    )


def _redirect(uri: str) -> Answer:
    return Answer(302, headers=[(b"location", uri.encode("latin-1", "replace")), *_NO_STORE])


def _refusal(refused: CouchgrassError) -> Answer:
    """RFC 6749 5.2's form for all."""
    error = refused.error if isinstance(refused, OAuthError) else _ERRORS.get(refused.status, "server_error")
    answer = _json(refused.status, {"error": error, "error_description": refused.reason}, _NO_STORE)
    if refused.status == 401:
        answer.headers.append((b"www-authenticate", b'Basic realm="couchgrass"'))
    if isinstance(refused, MethodNotAllowed):
        answer.headers.append((b"allow", ", ".join(refused.allowed).encode()))
    return answer


_ERRORS: Final = {
    400: "invalid_request",
    404: "not_found",
    405: "invalid_request",
    413: "invalid_request",
    502: "temporarily_unavailable",
    503: "temporarily_unavailable",
}
