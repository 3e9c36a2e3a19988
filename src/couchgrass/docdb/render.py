"""Documents as answers: stored JSON text with the database's fields spliced around it, never parsed.

The order of the fields is CouchDB's, but for ``_deleted``, which it has behind the body: ``_id, _rev,
_deleted``, the body, ``_revisions``, ``_revs_info``, ``_local_seq``, ``_conflicts``, ``_deleted_conflicts``,
``_attachments``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from couchgrass import json


def doc_json(doc_id: str, rev: str, deleted: bool, body: bytes, tail: bytes = b"") -> bytes:
    """The document as JSON text. `tail` is further members, each starting with a comma."""
    return b"".join(
        (
            b'{"_id":',
            json.encode(doc_id),
            b',"_rev":',
            json.encode(rev),
            b',"_deleted":true' if deleted else b"",
            b"," + body[1:-1] if len(body) > 2 else b"",
            tail,
            b"}",
        )
    )


def revisions(pos: int, ids: Sequence[str]) -> bytes:
    """`revs=true`."""
    return b',"_revisions":' + json.encode({"start": pos, "ids": ids})


def revs_info(pos: int, ids: Sequence[str], deleted: Mapping[str, bool]) -> bytes:
    """`revs_info=true`. `deleted` holds the revisions whose content is there, and which are deletions."""
    infos = []
    for back, rev_id in enumerate(ids):
        rev = f"{pos - back}-{rev_id}"
        status = "missing" if rev not in deleted else "deleted" if deleted[rev] else "available"
        infos.append({"rev": rev, "status": status})
    return b',"_revs_info":' + json.encode(infos)


def rev_list(member: str, revs: Sequence[object]) -> bytes:
    """`_conflicts` or `_deleted_conflicts`; nothing at all when there are none, as CouchDB does."""
    return f',"{member}":'.encode() + json.encode([str(rev) for rev in revs]) if revs else b""
