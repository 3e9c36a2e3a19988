"""What a replication is called: the same work has the same id, however it is spelled and whoever restarts.

Pure. The base names the checkpoint documents, so it changes with everything that decides which documents are
copied, from where and to where, and with nothing else. In particular it does not change with a scheme, a
password or a token, so that renewing those does not copy everything again. Who is no server admin has ids
of their own: else they could keep an admin's replication from running, or have its checkpoints say what a
server of theirs says. CouchDB 2 had the user in them for that.

Specification: CouchDB 3.5 ``couch_replicator_ids``, version 4, whose ids are other numbers: a replicator
reads only its own checkpoints.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from couchgrass import json
from couchgrass.docdb.feed_filter import Filter
from couchgrass.replication.address import Address
from couchgrass.replication.spec import Replication

_DEFAULT_PORTS: Final = {("http", 80), ("http", 5984), ("https", 443)}
_DEFAULT_HEADERS: Final = {("accept", "application/json")}
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-auth-couchdb-token"})
"""Headers that log in: like passwords, they change while the replication stays the same."""

_encode = msgspec.json.Encoder(order="sorted").encode


class RepId(msgspec.Struct, frozen=True):
    """`base`: 32 hex digits, the checkpoints' name. `extension`: such as ``+continuous+create_target``."""

    base: str
    extension: str = ""

    def __str__(self) -> str:
        return self.base + self.extension


def replication_id(
    server_uuid: str, replication: Replication, filter_code: str | None = None, *, user: str | None = None
) -> RepId:
    """The id on the server `server_uuid`; `filter_code` is the source text of a design document's filter.

    `user` is who asks for it, None for server admins.
    """
    named: list[Any] = [
        server_uuid,
        _endpoint(replication.source),
        _endpoint(replication.target),
        _filter(replication.filter, filter_code),
        None if replication.since_seq is None else json.decode(replication.since_seq),
    ]
    if user is not None:
        named.append(["user", user])
    base = hashlib.blake2b(_encode(named), digest_size=16).hexdigest()
    options = {"+continuous": replication.continuous, "+create_target": replication.create_target}
    return RepId(base, "".join(name for name, asked in options.items() if asked))


def _endpoint(address: Address) -> list[Any]:
    if address.url is None:
        return ["local", address.database]
    parts = urlsplit(address.url)
    port = None if parts.port is None or (parts.scheme, parts.port) in _DEFAULT_PORTS else parts.port
    lowered = [(name.lower(), value) for name, value in address.headers]
    headers = [
        pair for pair in sorted(lowered) if pair[0] not in _SECRET_HEADERS and pair not in _DEFAULT_HEADERS
    ]
    return ["remote", address.username, parts.hostname, port, parts.path or "/", headers]


def _filter(filter: Filter, code: str | None) -> list[Any]:
    parts: list[Any] = [filter.all_leaves]
    if filter.doc_ids is not None:
        parts += ["doc_ids", filter.doc_ids]
    elif filter.selector is not None:
        parts += ["selector", filter.selector]
    elif filter.name is not None:
        what = ["name", filter.name] if code is None else ["code", code.strip()]
        parts += ["filter", what, filter.query_params]
    return parts
