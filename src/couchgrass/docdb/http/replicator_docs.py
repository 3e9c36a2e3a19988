"""Documents of replicator databases on their way in and out; `docdb.replicator_doc` has the rules.

A replicated edit (``new_edits=false``) is taken as it is from a server admin, so that such a database can be
replicated; from others it must keep the rules by itself, since its revision fixes its content. CouchDB lets
those pass from everyone.

Lists of all documents and views are for admins of the database: see `authn` and `views`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from couchgrass import json
from couchgrass.docdb.access import Security, UserCtx, is_db_admin
from couchgrass.docdb.document import is_design, is_local
from couchgrass.docdb.http.doc_read import Opened, leaf_of
from couchgrass.docdb.replicator_doc import (
    REPLICATOR_ROLE,
    check_form,
    check_may_change,
    check_may_write_local,
    check_user_ctx,
    is_replicator_db,
    owner_of,
    sees_all,
    visible,
    with_user_ctx,
)
from couchgrass.docdb.sqlite import reads
from couchgrass.docdb.sqlite.database import Database
from couchgrass.docdb.sqlite.edits import Write
from couchgrass.docdb.update import tree_of
from couchgrass.errors import CouchgrassError, Forbidden

if TYPE_CHECKING:
    from couchgrass.docdb.http.request import Request

Show = Callable[[Opened], Opened]
"""A revision to what its reader may see of it."""


def prepare(
    request: Request, writes: Sequence[Write], security: Security, *, new_edits: bool
) -> dict[int, CouchgrassError]:
    """Fills in the owners of documents for a replicator database; what is refused, by its place."""
    ctx = request.ctx
    if REPLICATOR_ROLE in ctx.roles or (ctx.is_server_admin and not new_edits):
        return {}
    refused: dict[int, CouchgrassError] = {}
    for place, write in enumerate(writes):
        if is_design(write.edit.id):
            continue
        try:
            _prepare(request, write, security, new_edits=new_edits)
        except CouchgrassError as refusal:
            refused[place] = refusal
    return refused


def _prepare(request: Request, write: Write, security: Security, *, new_edits: bool) -> None:
    edit, ctx, check = write.edit, request.ctx, request.server.check_replication
    if is_local(edit.id):
        if not is_db_admin(ctx, security):
            check_may_write_local(edit.id)
        return
    if not is_db_admin(ctx, security):
        for old in _stored(request.db, edit.id):
            check_may_change(old, ctx)
    if write.merge and edit.ids:
        return  # the body stays what it is, and with it whose rights the replication has
    new = json.decode(edit.body)
    owner = owner_of(new, ctx, security)
    is_changed = "owner" not in new or new["owner"] != owner
    new["owner"] = owner
    if not edit.deleted:
        is_changed |= with_user_ctx(new, ctx)
    if is_changed:
        if not new_edits:
            raise Forbidden("A replicated edit must name the document's owner and its user_ctx.")
        edit.body = json.encode(new)
    if edit.deleted:
        return
    check_user_ctx(new, ctx)
    if check is not None:
        check_form(new, check)


def _stored(database: Database, doc_id: str) -> Iterator[Mapping[str, Any]]:
    """The leaves of a document that are not deleted, whichever of them an edit means to follow.

    An ordinary edit that is decided by what is no longer there conflicts later.
    """
    row = reads.row_of(database.reader, doc_id)
    if row is None:
        return
    revs = [row.rev] if row.tree is None else [str(rev) for rev in tree_of(row).leaves]
    for rev in revs:
        leaf = leaf_of(database.reader, row, rev)
        if leaf is not None and not leaf.deleted:
            yield json.decode(leaf.body)


def show_of(request: Request) -> Show | None:
    """What to show of the documents of `request.db`; None when the reader may see all of them whole."""
    if not is_replicator_db(request.db.name):
        return None
    ctx = request.ctx
    if sees_all(ctx, request.server.authn.security(request.db)):
        return None
    return lambda opened: _shown(opened, ctx)


def _shown(opened: Opened, ctx: UserCtx) -> Opened:
    if is_design(opened.row.id):
        return opened
    doc = json.decode(opened.leaf.body)
    seen = visible(doc, ctx)
    if seen is doc:
        return opened
    leaf = msgspec.structs.replace(opened.leaf, body=json.encode(seen))
    return msgspec.structs.replace(opened, leaf=leaf)
