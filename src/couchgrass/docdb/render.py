"""Documents as answers: stored JSON text with the database's fields spliced around it, never parsed.

The order of the fields is CouchDB's: ``_id, _rev, _deleted``, the body, ``_revisions``, ``_revs_info``,
``_local_seq``, ``_conflicts``, ``_deleted_conflicts``, ``_attachments``.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def revs_info(pos: int, ids: Sequence[str], leaf_status: str) -> bytes:
    """`revs_info=true`: the leaf's status is known, the bodies of its ancestors are not kept."""
    infos = [
        {"rev": f"{pos - back}-{rev_id}", "status": leaf_status if back == 0 else "missing"}
        for back, rev_id in enumerate(ids)
    ]
    return b',"_revs_info":' + json.encode(infos)


def rev_list(member: str, revs: Sequence[object]) -> bytes:
    """`_conflicts` or `_deleted_conflicts`; nothing at all when there are none, as CouchDB does."""
    return f',"{member}":'.encode() + json.encode([str(rev) for rev in revs]) if revs else b""
