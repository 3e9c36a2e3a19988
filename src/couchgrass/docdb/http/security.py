"""GET and PUT ``/db/_security``: who are the database's admins and members.

Specification: ``chttpd_db``'s ``_security`` and "security" in CouchDB's API reference.
"""

from __future__ import annotations

from typing import Any

from couchgrass.docdb.access import parse_security
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import OK, Response, json_response
from couchgrass.docdb.http.users import USERS
from couchgrass.docdb.sqlite.database import Database
from couchgrass.errors import Forbidden


async def get_security(request: Request) -> Response:
    """GET: the object as it was put, ``{}`` if none was."""
    return json_response(request.db.about.security)


async def put_security(request: Request) -> Response:
    """PUT: replaces it. Raises BadRequest for one that can't be read."""
    check_editable(request, request.db)
    document: Any = await request.json()
    parse_security(document)
    await request.db.change_setting("security", document)
    return Response(200, OK)


def check_editable(request: Request, database: Database) -> None:
    """Raises Forbidden for ``_users``, unless ``[couchdb] users_db_security_editable`` says otherwise."""
    if database.name == USERS and not request.server.settings.couchdb.users_db_security_editable:
        raise Forbidden("You can't edit the security object of the user database.")
