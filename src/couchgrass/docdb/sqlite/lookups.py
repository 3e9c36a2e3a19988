"""Queries that lists and replication make beside `reads`: counts, ``_local`` documents, missing revisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.rev import Rev, is_hex, parse_rev
from couchgrass.docdb.revtree import decode_tree, missing
from couchgrass.docdb.sqlite.reads import KEYS_AT_ONCE

_DESIGN = "deleted=0 AND id>='_design/' AND id<'_design0'"
_REVS = "SELECT id,rev,path,tree FROM docs WHERE id IN (SELECT value FROM json_each(?))"


def design_count(connection: apsw.Connection) -> int:
    """How many design documents there are."""
    return int(connection.execute(f"SELECT count(*) FROM docs WHERE {_DESIGN}").get)


def local_of(connection: apsw.Connection, doc_id: str) -> tuple[int, bytes] | None:
    """(N of rev 0-N, body) of a ``_local`` document."""
    for rev, body in connection.execute("SELECT rev,body FROM local WHERE id=?", (doc_id,)):
        return rev, body
    return None


def purge_history(connection: apsw.Connection) -> list[dict[str, Any]]:
    """What was purged and is still remembered, oldest first: ``{"id":…,"revs":[…]}``."""
    found = connection.execute("SELECT id,revs FROM purges ORDER BY seq")
    return [{"id": doc_id, "revs": json.decode(revs)} for doc_id, revs in found]


class Missing(msgspec.Struct, gc=False):
    """The revisions of one document that are not here, and the leaves that may be their ancestors."""

    revs: list[str]
    ancestors: list[str]


def missing_revs(connection: apsw.Connection, asked: Mapping[str, Sequence[Rev]]) -> dict[str, Missing]:
    """What ``_revs_diff`` answers, documents in the order asked; those that lack nothing are left out.

    Most documents have one leaf and no stored tree: they are answered from the row's own columns.
    """
    doc_ids = list(asked)
    answer: dict[str, Missing] = {}
    for start in range(0, len(doc_ids), KEYS_AT_ONCE):
        some = doc_ids[start : start + KEYS_AT_ONCE]
        rows = {found[0]: found for found in connection.execute(_REVS, (json.encode(some).decode(),))}
        for doc_id in some:
            revs = asked[doc_id]
            if not revs:
                continue
            row = rows.get(doc_id)
            if row is None:
                answer[doc_id] = Missing(list(map(str, revs)), [])
                continue
            lacking = _lacking(row[1], row[2], row[3], revs)
            if lacking is not None:
                answer[doc_id] = lacking
    return answer


def _lacking(winner: str, path: bytes | None, tree: bytes | None, asked: Sequence[Rev]) -> Missing | None:
    if tree is not None:
        revs, ancestors = missing(decode_tree(tree), asked)
        return Missing(list(map(str, revs)), list(map(str, ancestors))) if revs else None
    leaf = parse_rev(winner)
    unknown = [rev for rev in asked if rev != leaf and not _in_path(leaf.pos, path, rev)]
    if not unknown:
        return None
    newest = max(rev.pos for rev in unknown)
    return Missing(list(map(str, unknown)), [winner] if leaf.pos < newest else [])


def _in_path(leaf_pos: int, path: bytes | None, rev: Rev) -> bool:
    """True when `rev` is one of the ancestors in `path`, newest first, of a leaf of that generation."""
    at = 16 * (leaf_pos - rev.pos - 1)
    return path is not None and 0 <= at < len(path) and is_hex(rev.id) and path[at : at + 16].hex() == rev.id
