"""The management of APIs, at the path of OpenWhisk's own actions: /api/v1/web/whisk.system/apimgmt/...

`createApi`, `getApi` and `deleteApi` are what wsk, wskdeploy and the npm client call, with any extension or
none; they refuse with 502 and {error}, as an action does. `createSubscription`, `getSubscriptions` and
`deleteSubscription` are ours. Whose APIs they are is told by the caller's key alone: what a client sends as
`spaceguid` or `accesstoken` changes nothing.
Source: OpenWhisk `core/routemgmt`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from couchgrass import json
from couchgrass.clock import Clock
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
)
from couchgrass.functions.entity import Identity
from couchgrass.gateway.api import MANAGEMENT, normal_base_path, tenant_of
from couchgrass.gateway.apidoc import Endpoint, Whole, read_apidoc, read_response_type
from couchgrass.gateway.compile import compile_api
from couchgrass.gateway.openapi import as_swagger
from couchgrass.gateway.store.apis import Apis
from couchgrass.gateway.stored import StoredApi, id_of, text_of
from couchgrass.gateway.subscription import new_subscription
from couchgrass.gateway.swagger import add_endpoint, base_swagger, check_parameters, remove_endpoint
from couchgrass.serving.asgi import Answer, Request

PREFIX: Final = MANAGEMENT
BODY_BYTES_MAX: Final = 2 * 1024 * 1024
"""A document may be sent as a string, in which each quote takes two bytes."""
TRIES_MAX: Final = 8
"""Endpoints of one API that are added at the same time are all added."""
APIS_MAX: Final = 1_000
"""Of a namespace."""
SUBSCRIPTIONS_MAX: Final = 10_000
APPLICATION_ERROR: Final = 502

Query = dict[str, str]


class Management:
    """`gateway_url` gives where the APIs are reached, `api_url` is where the functions are."""

    def __init__(self, apis: Apis, clock: Clock, *, gateway_url: Callable[[], str], api_url: str) -> None:
        self._apis = apis
        self._clock = clock
        self._gateway_url = gateway_url
        self._api_url = api_url.rstrip("/")
        self._calls: dict[str, tuple[str, Callable[[Request, Identity, Query], Awaitable[Any]]]] = {
            "createApi": ("POST", self._create),
            "getApi": ("GET", self._get),
            "deleteApi": ("DELETE", self._delete),
            "createSubscription": ("POST", self._subscribe),
            "getSubscriptions": ("GET", self._subscriptions),
            "deleteSubscription": ("DELETE", self._unsubscribe),
        }

    async def answer(self, request: Request, identity: Identity | None) -> Answer:
        """The answer to a request below PREFIX. Raises Unauthorized without an identity, NotFound,
        MethodNotAllowed, TooLarge."""
        name = request.raw_path.removeprefix(PREFIX).decode("latin-1").partition(".")[0]
        if name not in self._calls:
            raise NotFound("The requested resource does not exist.")
        method, call = self._calls[name]
        if identity is None:
            raise Unauthorized("A valid auth key is required.")
        if request.method != method:
            raise MethodNotAllowed(method)
        query = dict(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True))
        try:
            return _answer(200, await call(request, identity, query))
        except (BadRequest, NotFound, Conflict) as refused:
            return _answer(APPLICATION_ERROR, {"error": _refusal(name, refused)})

    # --- APIs --------------------------------------------------------------------------------------

    async def _create(self, request: Request, identity: Identity, query: Query) -> Any:
        body = json.decode(await request.body(BODY_BYTES_MAX))
        if not isinstance(body, dict):
            raise BadRequest("apidoc is required.")
        asked = read_apidoc(body, identity.namespace)
        try:
            kind = read_response_type(query.get("responsetype"))
            return self._told(await self._store(identity.namespace, asked, kind))
        except (BadRequest, Conflict) as refused:
            raise BadRequest(f"API creation failure: {refused.reason}") from refused

    async def _store(self, namespace: str, asked: Endpoint | Whole, kind: str) -> StoredApi:
        base_path = normal_base_path(asked.base_path)
        before = self._apis.api(namespace, base_path)
        if before is None and len(self._apis.apis(namespace)) >= APIS_MAX:
            raise BadRequest(f"A namespace has at most {APIS_MAX} APIs")
        for _ in range(TRIES_MAX):
            document = self._document(asked, before, kind)
            check_parameters(as_swagger(document))
            compile_api(id_of(namespace, base_path), namespace, document)
            now = int(self._clock.now() * 1000)
            api = StoredApi(
                namespace=namespace,
                base_path=base_path,
                title=_title(document, asked.title),
                text=text_of(document),
                created=now if before is None else before.created,
                updated=now,
                rev="" if before is None else before.rev,
            )
            try:
                await self._apis.put(api)
                return api
            except Conflict:
                before = await self._apis.fresh(namespace, base_path)
        raise Conflict("The API is being changed by others; try again")

    def _document(self, asked: Endpoint | Whole, before: StoredApi | None, kind: str) -> dict[str, Any]:
        if isinstance(asked, Whole):
            return asked.document
        document = base_swagger(asked.base_path, asked.title) if before is None else before.document
        return add_endpoint(document, asked, kind, self._api_url)

    async def _get(self, request: Request, identity: Identity, query: Query) -> Any:
        found = self._named(identity.namespace, query.get("basepath", ""))
        skip, limit = _number(query, "skip", 0), _number(query, "limit", 0)
        rows = found[skip:][: limit or None]
        return {"apis": [{"id": api.id, "key": api.id, "value": self._told(api)} for api in rows]}

    async def _delete(self, request: Request, identity: Identity, query: Query) -> Any:
        path, verb = query.get("relpath", ""), query.get("operation", "")
        named = query.get("basepath", "")
        if not named:
            raise BadRequest("basepath is required.")
        if verb and not path:
            raise BadRequest("When specifying an operation, the path is required.")
        found = self._named(identity.namespace, named)
        if not found:
            raise NotFound(f"API '{named}' does not exist.")
        api: StoredApi | None = found[0]
        for _ in range(TRIES_MAX):
            if api is None:
                raise NotFound(f"API '{named}' does not exist.")
            try:
                left = remove_endpoint(api.document, path, verb) if path else None
                if left is None:
                    await self._apis.delete(api)
                else:
                    await self._apis.put(self._with(api, left))
                return {}
            except Conflict:
                api = await self._apis.fresh(api.namespace, api.base_path)
        raise Conflict("The API is being changed by others; try again")

    def _with(self, api: StoredApi, document: dict[str, Any]) -> StoredApi:
        return StoredApi(
            namespace=api.namespace,
            base_path=api.base_path,
            title=api.title,
            text=text_of(document),
            created=api.created,
            updated=int(self._clock.now() * 1000),
            rev=api.rev,
        )

    def _named(self, namespace: str, named: str) -> list[StoredApi]:
        """The API with this base path, or all with this title; all there are for ""."""
        if not named:
            return self._apis.apis(namespace)
        found = [api for api in self._apis.apis(namespace) if api.title == named]
        if named.startswith("/") or not found:
            by_path = self._apis.api(namespace, normal_base_path(named))
            return [] if by_path is None else [by_path]
        return found

    def _told(self, api: StoredApi) -> dict[str, Any]:
        """An API as its owner is told of it."""
        tenant = tenant_of(api.namespace)
        below = "" if api.base_path == "/" else api.base_path
        return {
            "namespace": api.namespace,
            "gwApiActivated": True,
            "tenantId": tenant,
            "gwApiUrl": f"{self._gateway_url().rstrip('/')}/api/{tenant}{below}",
            "apidoc": json.Raw(api.text.encode()),
        }

    # --- subscriptions -----------------------------------------------------------------------------

    async def _subscribe(self, request: Request, identity: Identity, query: Query) -> Any:
        """Makes a key, or takes the one in the body: {basepath?, name?, client_id?, client_secret?}. The
        answer is the only one that has the key in it."""
        body = json.decode(await request.body(BODY_BYTES_MAX) or b"{}")
        given = body if isinstance(body, dict) else {}
        texts = {name: given.get(name, "") for name in ("basepath", "name", "client_id", "client_secret")}
        if not all(isinstance(text, str) for text in texts.values()):
            raise BadRequest("basepath, name, client_id and client_secret are strings")
        if len(self._apis.subscriptions(identity.namespace)) >= SUBSCRIPTIONS_MAX:
            raise BadRequest(f"A namespace has at most {SUBSCRIPTIONS_MAX} subscriptions")
        key = texts["client_id"] or secrets.token_urlsafe(24)
        secret = texts["client_secret"] or secrets.token_urlsafe(32)
        made = new_subscription(
            identity.namespace,
            texts["basepath"],
            texts["name"],
            key=key,
            secret=secret,
            created=int(self._clock.now() * 1000),
        )
        try:
            await self._apis.subscribe(made)
        except Conflict as taken:
            raise Conflict("The key is taken") from taken
        return {"id": made.key_hash, "client_id": key, "client_secret": secret}

    async def _subscriptions(self, request: Request, identity: Identity, query: Query) -> Any:
        return {
            "subscriptions": [
                {"id": key.key_hash, "basepath": key.base_path, "name": key.name, "created": key.created}
                for key in self._apis.subscriptions(identity.namespace)
            ]
        }

    async def _unsubscribe(self, request: Request, identity: Identity, query: Query) -> Any:
        await self._apis.unsubscribe(identity.namespace, query.get("id", ""))
        return {}


def _title(document: dict[str, Any], otherwise: str) -> str:
    info = document.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    return title if isinstance(title, str) and title else otherwise


def _number(query: Query, name: str, otherwise: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _refusal(name: str, refused: CouchgrassError) -> str:
    return f"API deletion failure: {refused.reason}" if name == "deleteApi" else refused.reason


def _answer(status: int, body: Any) -> Answer:
    return Answer(status, json.encode(body), [(b"content-type", b"application/json")])
