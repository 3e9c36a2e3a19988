"""Cloudant's API keys: making them, and what they may do with a database.

    POST     /_api/v2/api_keys             201 {"password": …, "ok": true, "key": …}; for server admins
    GET, PUT /_api/v2/db/DB/_security      the security object, with its member ``cloudant``

A key signs in like any user, with Basic or a cookie session. Specification: Cloudant's "Authorization" API.
"""

from __future__ import annotations

import secrets

from couchgrass.docdb import access
from couchgrass.docdb.access import Right
from couchgrass.docdb.apikey import RANDOM_BYTES, merge_security, new_key, user_doc
from couchgrass.docdb.http.endpoint import Endpoint, Methods, pick
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import OK, Answer, Response, json_response
from couchgrass.docdb.http.security import check_editable
from couchgrass.docdb.http.users import new_salt
from couchgrass.errors import NotFound


async def serve_api(request: Request) -> Answer:
    """Everything below ``/_api``."""
    match request.path:
        case ["_api", "v2", "api_keys"]:
            endpoint = pick(request, _API_KEYS)
            request.server.authn.check_server(request, endpoint.right)
            return await endpoint.run(request)
        case ["_api", "v2", "db", name, "_security"]:
            endpoint = pick(request, _SECURITY)
            request.hold(request.server.store.get(unquoted(name)))
            assert endpoint.right is not None
            request.server.authn.check_right(request, endpoint.right)
            return await endpoint.run(request)
    access.check_server_admin(request.ctx)
    raise NotFound("missing")


async def post_api_key(request: Request) -> Response:
    """Makes a key. Its password is in this answer and never again."""
    key, salt = new_key(secrets.token_bytes(RANDOM_BYTES)), new_salt()
    auth, users = request.server.settings.chttpd_auth, request.server.authn.users
    await users.store(await users.hashing.run(lambda: user_doc(key, salt, auth)))
    return json_response(key.answer(), 201)


async def get_security(request: Request) -> Response:
    """The security object as it is stored."""
    return json_response(request.db.about.security)


async def put_security(request: Request) -> Response:
    """Replaces ``cloudant``, and what else the body has, in the security object."""
    check_editable(request, request.db)
    body = await request.json()
    await request.db.change_setting("security", merge_security(request.db.about.security, body))
    return Response(200, OK)


_API_KEYS: Methods = {"POST": Endpoint(post_api_key, Right.SERVER_ADMIN)}
_SECURITY: Methods = {
    "GET": Endpoint(get_security, Right.READ_SECURITY),
    "PUT": Endpoint(put_security, Right.DB_ADMIN),
}

CLOUDANT: Methods = dict.fromkeys(("GET", "PUT", "POST", "DELETE", "COPY"), Endpoint(serve_api, None))
"""The endpoints below ``/_api``."""
