"""Leaves by id and revision as JSON that SQLite makes, which is what a replicator asks ``_bulk_get`` for.

Nearly all of these are the only leaf of their document. SQLite joins their texts in one step, outside of
Python's lock, so that neither the event loop nor other threads wait for it; what else is asked for (a leaf
among several, a replaced one, one that is not here) is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apsw
import msgspec

from couchgrass import json
from couchgrass.docdb.sqlite.reads import BODY_SQL, HEAD_SQL, STUBS_SQL

_SIZES = (
    "SELECT group_concat(CASE WHEN docs.rev=wanted_rev AND docs.tree IS NULL"
    " THEN length(docs.body)+ifnull(length(docs.atts),0)+ifnull(length(docs.path),0)*2 ELSE -1 END)"
    " FROM (SELECT value->>'id' AS wanted,value->>'rev' AS wanted_rev FROM json_each(?))"
    " LEFT JOIN docs ON docs.id=wanted"
)
"""For each of a list of `LeafName` how large the document is, -1 when it is left to the caller."""

_DASH = "instr(rev,'-')"
_REVISIONS = (
    f'\',"_revisions":{{"start":\'||substr(rev,1,{_DASH}-1)||\',"ids":[\'||json_quote(substr(rev,{_DASH}+1))'
    "||CASE WHEN path IS NULL THEN '' ELSE path_ids(path) END||']}'"
)
"""`render.revisions` of a row without a tree. `path_ids` is ours."""

_RESULT = (
    f"'{{\"id\":'||json_quote(id)||',\"docs\":[{{\"ok\":'||{HEAD_SQL}||{BODY_SQL}||%s||{STUBS_SQL}||'}}}}]}}'"
)
_TEXTS = (
    f"SELECT count(*),CAST(group_concat({_RESULT},',' ORDER BY place) AS BLOB)"
    " FROM (SELECT key AS place,value->>'id' AS wanted FROM json_each(?)) CROSS JOIN docs ON docs.id=wanted"
)


class LeafName(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A document and one of its revisions, as ``_bulk_get`` is asked for it."""

    id: str
    rev: str


class Run(NamedTuple):
    """The next so many of the leaves that were asked for: entries of ``_bulk_get``'s results with commas
    between them, or None for what is left to the caller."""

    leaves: int
    text: bytes | None


def leaf_texts(
    connection: apsw.Connection, asked: Sequence[LeafName], *, revs: bool, bytes_max: int
) -> list[Run]:
    """The answers to the first of those, until about `bytes_max` are together. `revs`: with histories."""
    runs: list[Run] = []
    if not asked:
        return runs
    with connection:  # all looks at one moment
        (found,) = connection.execute(_SIZES, (json.encode(asked).decode(),)).fetchone() or ("",)
        at = 0
        for count, is_plain in _runs(list(map(int, found.split(","))), bytes_max):
            text = None
            if is_plain:
                some = json.encode(asked[at : at + count]).decode()
                sql = _TEXTS % (_REVISIONS if revs else "''")
                seen, text = connection.execute(sql, (some,)).fetchone() or (0, b"")
                assert seen == count, "one moment has the rows that it had"
            runs.append(Run(count, text))
            at += count
    return runs


def _runs(sizes: Sequence[int], bytes_max: int) -> Iterator[tuple[int, bool]]:
    """Neighbours of one kind, until about `bytes_max` are together: (how many, whether they are ours)."""
    total, count = 0, 0
    was_plain = sizes[0] >= 0
    for size in sizes:
        is_plain = size >= 0
        if count and is_plain != was_plain:
            yield count, was_plain
            count = 0
        if total >= bytes_max:
            break
        was_plain = is_plain
        count += 1
        total += max(size, 0)
    if count:
        yield count, was_plain


def path_ids(*arguments: apsw.SQLiteValue) -> str:
    """The ids of a row's `path` as further elements of a JSON array; an SQL function."""
    (path,) = arguments
    assert isinstance(path, bytes)
    return ',"' + path.hex(",", 16).replace(",", '","') + '"'
