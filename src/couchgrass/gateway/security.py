"""What an API's `securityDefinitions` and `security` demand of a request.

The rules are Swagger 2.0's: `security` is a list of alternatives, each a set of definitions that all have to
be met; an operation's own list replaces the API's; `[]` and `{}` ask for nothing. As upstream, definitions
without any `security` are all demanded. Labels (`$$label`), which IBM's editor put among the names, say
nothing. What is not understood is refused when the API is made, so that no API is open by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from couchgrass.errors import BadRequest

ISSUERS: Final[Mapping[str, str]] = {"google": "https://accounts.google.com"}
"""Providers that need no more than their name."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ApiKey(msgspec.Struct, frozen=True):
    """A subscription's key, in a header (name in lower case) or in the query."""

    name: str
    in_query: bool = False


class ClientSecret(msgspec.Struct, frozen=True):
    """A subscription's key and its secret."""

    id: ApiKey
    secret: ApiKey


class Token(msgspec.Struct, frozen=True):
    """A Bearer token (JWT). Its keys come from `jwks_url`, or by OpenID discovery from `issuer`. `tenant` is
    that of App ID: both lie below the region's identity service. Empty: not checked."""

    issuer: str = ""
    jwks_url: str = ""
    tenant: str = ""
    audiences: tuple[str, ...] = ()


Check = ApiKey | ClientSecret | Token
Demand = tuple[Check, ...]
"""Checks of which each has to be passed."""


def read_security(swagger: Mapping[str, Any], operation: Mapping[str, Any]) -> tuple[Demand, ...]:
    """The demands of which one has to be met; none: the operation is open. Raises BadRequest."""
    definitions = swagger.get("securityDefinitions") or {}
    if not isinstance(definitions, dict):
        raise BadRequest("securityDefinitions has to be an object")
    if _config(swagger).get("enforced") is False:
        return ()
    given = operation.get("security", swagger.get("security"))
    if given is None:
        return (_demand(list(definitions), definitions),) if definitions else ()
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadRequest("security has to be a list of objects")
    if any(each == {} for each in given) or not given:
        return ()
    named = [[name for name in each if not name.startswith("$$")] for each in given]
    demands = tuple(_demand(names, definitions) for names in named if names)
    if not demands and definitions:
        return (_demand(list(definitions), definitions),)
    return demands


def _config(swagger: Mapping[str, Any]) -> Mapping[str, Any]:
    found = swagger.get("x-gateway-configuration", swagger.get("x-ibm-configuration"))
    return found if isinstance(found, dict) else {}


def _demand(names: list[str], definitions: Mapping[str, Any]) -> Demand:
    keys: dict[str, ApiKey] = {}
    checks: list[Check] = []
    for name in names:
        definition = definitions.get(name)
        if not isinstance(definition, dict):
            raise BadRequest(f"security names '{name}', which securityDefinitions does not define")
        match definition.get("type"):
            case "apiKey":
                keys[_role(name, definition)] = _api_key(name, definition)
            case "oauth2" | "openIdConnect":
                checks.append(_token(name, definition))
            case "http" if str(definition.get("scheme", "")).lower() == "bearer":
                checks.append(_token(name, definition))
            case kind:
                raise BadRequest(
                    f"securityDefinitions: '{name}' has the type '{kind}', which can't be checked"
                )
    if {"client_id", "client_secret"} <= keys.keys():
        checks.append(ClientSecret(keys.pop("client_id"), keys.pop("client_secret")))
    elif "client_secret" in keys:
        raise BadRequest("securityDefinitions: a client_secret needs a client_id beside it")
    return (*checks, *keys.values())


def _role(name: str, definition: Mapping[str, Any]) -> str:
    """What the key is; two definitions named client_id and client_secret belong together."""
    kind = definition.get("x-key-type")
    return kind if kind in ("client_id", "client_secret") else name


def _api_key(name: str, definition: Mapping[str, Any]) -> ApiKey:
    place, field = definition.get("in", "header"), definition.get("name", "x-api-key")
    if place not in ("header", "query") or not isinstance(field, str) or not field or not field.isascii():
        raise BadRequest(f"securityDefinitions: '{name}' needs a name, in 'header' or 'query'")
    return ApiKey(field.lower() if place == "header" else field, place == "query")


def _token(name: str, definition: Mapping[str, Any]) -> Token:
    provider = definition.get("x-provider")
    provider = provider if isinstance(provider, dict) else {}
    params = provider.get("params")
    params = params if isinstance(params, dict) else {}
    kind = str(provider.get("name", name))
    issuer = _text(params, "issuer") or _text(definition, "x-google-issuer")
    discovery = _text(definition, "openIdConnectUrl")
    token = Token(
        issuer=issuer or discovery.removesuffix("/.well-known/openid-configuration") or ISSUERS.get(kind, ""),
        jwks_url=_text(params, "jwks_uri") or _text(definition, "x-google-jwks_uri"),
        tenant=_text(params, "tenantId") if kind.lower().replace("-", "") == "appid" else "",
        audiences=_texts(params.get("audience", definition.get("x-google-audiences"))),
    )
    for url in (token.issuer if not token.jwks_url else "", token.jwks_url):
        if url and not is_safe_url(url):
            raise BadRequest(f"securityDefinitions: '{name}': {url} has to be a https:// URL")
    if token.tenant and not all(each.isascii() and (each.isalnum() or each in "-_") for each in token.tenant):
        raise BadRequest(f"securityDefinitions: '{name}': the tenantId has characters that no id has")
    if not (token.issuer or token.jwks_url or token.tenant):
        raise BadRequest(
            f"securityDefinitions: tokens of '{kind}' can't be checked: x-provider needs params with "
            "tenantId (App ID), or issuer, or jwks_uri"
        )
    return token


def is_safe_url(url: str) -> bool:
    """Keys may be fetched from there: nobody on the way can replace them."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name, "")
    return found if isinstance(found, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list) else ()
