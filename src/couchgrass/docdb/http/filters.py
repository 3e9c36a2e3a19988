"""Filters of ``_changes`` that are functions of design documents: ``filters.name``, or the map of a view.

A document passes when its filter function answers something true, or when the map emits anything for it. The
function sees each revision as `design.doc_text` makes it, and a filter function also sees the request.

Specification: ``couch_changes:configure_filter``, ``chttpd_external:json_req_obj`` and "Filter Functions" in
CouchDB's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from couchgrass import json
from couchgrass.docdb.changes import Designed
from couchgrass.docdb.http import design
from couchgrass.docdb.http.databases import database_info
from couchgrass.docdb.http.doc_read import open_doc
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.javascript.context import Program
from couchgrass.docdb.javascript.engine import Engine
from couchgrass.docdb.javascript.form import check_language
from couchgrass.errors import NotFound

SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that no function is shown, beside that with a proxy's token, which the settings name."""

_JSON_OPTIONS: Final = frozenset({"startkey", "endkey", "key", "descending"})


class DocFilter(NamedTuple):
    """A function that says which revisions pass. `operation` is "filter" or "view"."""

    engine: Engine
    program: Program
    operation: str
    name: str
    request: str

    async def passes(self, texts: Sequence[bytes]) -> list[bool]:
        """Which of these documents pass. Raises the function's error."""
        return await self.engine.run_each(self.program, self.operation, self.name, texts, self.request)


async def filter_of(request: Request, chosen: Designed, body: bytes) -> DocFilter:
    """The filter that a request asks for. Raises NotFound, or FunctionFailed if it does not compile."""
    opened = open_doc(request.db.reader, chosen.ddoc, None)
    ddoc = json.decode(opened.leaf.body)
    check_member(ddoc, chosen.kind, chosen.function)
    check_language(ddoc)
    engine = request.server.javascript
    program = design.program_of(request.db, opened.row.id, opened.leaf.rev, opened.leaf.body)
    if chosen.kind == "views":
        await engine.run(program, "find", json.encode(["views", chosen.function, "map"]).decode())
        return DocFilter(engine, program, "view", chosen.function, "")
    await engine.run(program, "find", json.encode(["filters", chosen.function]).decode())
    shown = json.encode(await request_object(request, body)).decode()
    return DocFilter(engine, program, "filter", chosen.function, shown)


def check_member(ddoc: Mapping[str, Any], kind: str, name: str) -> None:
    """Raises NotFound unless the design document has this function."""
    functions = ddoc.get(kind)
    if functions is None:
        raise NotFound(f"missing json key: {kind}")
    if type(functions) is not dict:
        raise NotFound("json_mismatch")
    if functions.get(name) is None:
        raise NotFound(f"missing json key: {name}")


async def request_object(request: Request, body: bytes) -> dict[str, Any]:
    """The request as functions see it; without what would let them act in the caller's name."""
    path = [unquoted(segment) for segment in request.path]
    raw_path = "/" + "/".join(request.path)
    if request.query_string:
        raw_path += "?" + request.query_string.decode("latin-1")
    return {
        "info": await database_info(request.server, request.db.name),
        "uuid": request.server.uuids.one(request.server.settings.uuids),
        "id": None,
        "method": request.method,
        "requested_path": path,
        "path": path,
        "raw_path": raw_path,
        "query": {
            name: json.decode(text) if name in _JSON_OPTIONS else text for name, text in request.query.items()
        },
        "headers": dict(_headers(request)),
        "body": body.decode("utf-8", "replace") if request.method == "POST" else "undefined",
        "peer": request.client,
        "form": {},
        "cookie": {},
        "userCtx": design.user_ctx(request),
        "secObj": request.db.about.security,
    }


def _headers(request: Request) -> list[tuple[str, str]]:
    """Names as most clients write them: on the way in they were made lower case."""
    named = [
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.items()
    ]
    secret = SECRET_HEADERS | {request.server.settings.chttpd_auth.x_auth_token.lower()}
    return [(name.title(), value) for name, value in named if name not in secret]
