"""``/_session``: who am I (GET), sign in (POST), sign out (DELETE).

Specification: ``couch_httpd_auth:handle_session_req`` and "authn" in CouchDB's API reference.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote

from couchgrass import json
from couchgrass.docdb.http.conditions import origin
from couchgrass.docdb.http.endpoint import Endpoint, Methods
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import Headers, Response, json_response
from couchgrass.docdb.password import check_totp, user_roles
from couchgrass.errors import BadContentType, BadRequest, ServiceUnavailable, Unauthorized

FORM_BYTES_MAX: Final = 64 * 1024
"""A name, a password and a token."""

FIELDS_MAX: Final = 100

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_URL_SIGNS: Final = "/?#&=%+:;,@!$'()*~[]"
"""What stays as it is in a URL; line ends and the like do not."""


async def get_session(request: Request) -> Response:
    """GET: the user, and how they were recognised. With ``basic=true`` Unauthorized if it is nobody."""
    ctx = request.ctx
    if ctx.name is None and request.query.get("basic") == "true":
        raise Unauthorized("Please login.")
    info: dict[str, object] = {
        "authentication_handlers": request.server.settings.chttpd.authentication_handlers
    }
    if ctx.handler is not None:
        info["authenticated"] = ctx.handler
    return json_response({"ok": True, "userCtx": {"name": ctx.name, "roles": ctx.roles}, "info": info})


async def post_session(request: Request) -> Response:
    """POST: a session cookie for a name and password, 302 to ``next`` if that is given.

    Raises Unauthorized, which also ends the session that there was; with ``fail`` that is a 302 to there.
    """
    form = await _form(request)
    name, password = _name(form), form.get("password", "")
    authn, auth = request.server.authn, request.server.settings.chttpd_auth
    if not auth.secret:
        raise ServiceUnavailable("Sessions need a secret: set [chttpd_auth] secret.")
    try:
        credentials = await authn.prove(request, name, password)
        check_totp(credentials, form.get("token", ""), request.server.clock.now())
    except Unauthorized as refused:
        authn.clear_session(request)
        if "fail" not in request.query:
            raise
        answer = {"error": refused.error, "reason": refused.reason}
        return json_response(answer, 302, _redirect(request, request.query["fail"]))
    authn.set_session(request, name, credentials)
    status, headers = _next(request)
    return json_response({"ok": True, "name": name, "roles": user_roles(credentials)}, status, headers)


async def delete_session(request: Request) -> Response:
    """DELETE: takes the cookie away."""
    request.server.authn.clear_session(request)
    status, headers = _next(request)
    return json_response({"ok": True}, status, headers)


async def _form(request: Request) -> dict[str, str]:
    """The body's fields. Raises BadContentType, BadRequest."""
    content_type = (request.header(b"content-type") or "").lower()
    if content_type.startswith(_FORM):
        body = await request.body(FORM_BYTES_MAX)
        try:
            return dict(
                parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
            )
        except ValueError as bad:
            raise BadRequest("The form is not valid UTF-8 or has too many fields") from bad
    if not content_type.startswith(_JSON):
        raise BadContentType(f"Content-Type must be '{_FORM}' or '{_JSON}'")
    fields = json.decode(await request.body(FORM_BYTES_MAX))
    if type(fields) is not dict:
        raise BadRequest("Request body must be a JSON object")
    for field in ("name", "username", "password", "token"):
        if field in fields and type(fields[field]) is not str:
            raise BadRequest(f"`{field}` must be a string")
    return fields


def _name(form: dict[str, str]) -> str:
    name, username = form.get("name"), form.get("username")
    if name is None and username is None:
        raise BadRequest("request body must contain a username")
    if None not in (name, username) and name != username:
        raise BadRequest("request body contains different usernames")
    return str(username if name is None else name)


def _next(request: Request) -> tuple[int, Headers]:
    target = request.query.get("next")
    return (200, ()) if target is None else (302, _redirect(request, target))


def _redirect(request: Request, path: str) -> Headers:
    """A Location on this server, never on another. Raises BadRequest."""
    if not path.startswith("/"):
        raise BadRequest("path must begin with a /.")
    return (("location", f"{origin(request)}{quote(path, safe=_URL_SIGNS)}"),)


SESSION: Methods = {
    "GET": Endpoint(get_session, None),
    "POST": Endpoint(post_session, None),
    "DELETE": Endpoint(delete_session, None),
}
