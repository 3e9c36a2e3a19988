"""Which endpoint answers which path, and the right that it takes.

Paths stay percent-encoded until a segment is known to be a name: ``/a%2Fb/c`` is document ``c`` of
database ``a/b``. Empty segments are gone already, see `Request`.
"""

from __future__ import annotations

from couchgrass.docdb.access import Right, is_account
from couchgrass.docdb.database_name import SYSTEM_DATABASES, check_name
from couchgrass.docdb.http import docs, server_routes
from couchgrass.docdb.http.db_routes import DATABASE, DB_ENDPOINTS
from couchgrass.docdb.http.endpoint import Endpoint, Methods, pick
from couchgrass.docdb.http.mounted import run_mounted
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import Answer
from couchgrass.docdb.sqlite.database import Database
from couchgrass.errors import BadRequest, NotFound

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS"})


async def dispatch(request: Request) -> Answer:
    """Finds the endpoint, checks the right, runs it.

    The database stays open until `request.let_go`, which is after the answer was sent.
    """
    request.ctx = request.trusted or await request.server.authn.identify(request)
    first = request.path[0]
    if not first or first == "favicon.ico" or (first[0] == "_" and first not in SYSTEM_DATABASES):
        return await _server_endpoint(request, first)
    return await _in_database(request, unquoted(first))


async def _server_endpoint(request: Request, name: str) -> Answer:
    point = request.server.mounts.get(name)
    if point is not None:
        return await run_mounted(request, point)
    found = server_routes.SERVER_ENDPOINTS.get(name)
    if found is None:
        check_name(unquoted(name))
        raise NotFound("missing")
    endpoint = pick(request, found)
    request.server.authn.check_server(request, endpoint.right)
    return await endpoint.run(request)


async def _in_database(request: Request, name: str) -> Answer:
    path = request.path
    if len(path) == 1:
        if request.method in ("PUT", "DELETE"):
            # Neither opens the database: it is not there yet, or may be damaged.
            endpoint = pick(request, DATABASE)
            if not is_account(request.ctx, name):
                request.server.authn.check_server(request, endpoint.right)
            request.doc_id = name
            return await endpoint.run(request)
        return await _run(request, _open(request, name), DATABASE)
    database = _open(request, name)
    if path[1][0] != "_" and path[1][0] != "%":
        request.doc_id = unquoted(path[1])
        return await _run(request, database, docs.DOCUMENT if len(path) == 2 else docs.ATTACHMENT)
    return await _run(request, database, _reserved(request, path))


def _open(request: Request, name: str) -> Database:
    if name not in request.server.store:
        check_name(name)
    return request.server.store.get(name)


async def _run(request: Request, database: Database, methods: Methods) -> Answer:
    endpoint = pick(request, methods)
    request.hold(database)
    request.server.authn.check_database(request, endpoint)
    return await endpoint.run(request)


def _reserved(request: Request, path: list[str]) -> Methods:
    """The endpoints of a path whose second segment starts with an underscore, or may once decoded."""
    second = unquoted(path[1])
    rest = path[2:]
    if second in ("_design", "_local"):
        if not rest:
            if second == "_local":
                raise BadRequest("Invalid _local document id.")
            request.doc_id = second
            return docs.DOCUMENT
        second = f"{second}/{unquoted(rest.pop(0))}"
    if second == "_local/":
        raise BadRequest("Invalid _local document id.")
    request.doc_id = second
    if second.startswith("_design/"):
        if rest and rest[0] in docs.DESIGN_FUNCTIONS:
            return docs.DESIGN_FUNCTIONS[rest[0]]
        request.path = [path[0], path[1], *rest]
        return docs.ATTACHMENT if rest else docs.DOCUMENT
    if second.startswith("_local/"):
        if rest:
            raise BadRequest("_local documents do not accept attachments.")
        return docs.LOCAL_DOCUMENT
    if second[0] == "_":
        name = f"{second}/{rest[0]}" if rest and f"{second}/{rest[0]}" in DB_ENDPOINTS else second
        if name in DB_ENDPOINTS:
            return DB_ENDPOINTS[name]
    return docs.ATTACHMENT if rest else docs.DOCUMENT


__all__ = ["METHODS", "Endpoint", "Right", "dispatch"]
