"""What a ``_replicator`` document or a ``_replicate`` request asks for.

Pure. `parse` reads it once and checks everything, so that nobody behind it looks at the JSON again. Members
that it does not know are ignored, as are ``socket_options`` and ``ibrowse_options``, which are about
CouchDB's own HTTP client.

Specification: CouchDB 3.5 ``couch_replicator_parse``, ``couch_replicator_filters``,
``couch_replicator_httpd_util``. Where we differ: numbers must be positive; huge ones are cut to bounds, since
they only say how much work is done at once; in ``doc_ids`` a ``+`` stays one, for CouchDB turns it into a
space and then silently leaves such documents out; ``use_checkpoints`` must be a boolean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from couchgrass import json
from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.feed_filter import Filter
from couchgrass.docdb.selector import compile_selector
from couchgrass.errors import BadRequest
from couchgrass.replication.address import Address, parse_address, parse_proxies

NOWHERE: Final = Address(database="")
"""Both ends of a cancel request that names a replication by its id."""


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What the ``[replicator]`` settings say for documents that say nothing."""

    worker_processes: int = 4
    worker_batch_size: int = 500
    http_connections: int = 20
    connection_timeout_ms: int = 30_000
    retries_per_request: int = 5
    checkpoint_interval_ms: int = 5_000
    use_checkpoints: bool = True
    use_bulk_get: bool = True


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `since_seq` is where to start when there is no checkpoint.

    `cancel` with a `rep_id` ends the replication of that id, and `source` and `target` mean nothing;
    `cancel` without one ends the replication that the same request without `cancel` would have started.
    """

    source: Address
    target: Address
    filter: Filter = Filter()
    continuous: bool = False
    create_target: bool = False
    create_target_params: Mapping[str, Any] = {}
    since_seq: msgspec.Raw | None = None
    use_checkpoints: bool = True
    use_bulk_get: bool = True
    checkpoint_interval_s: float = 5.0
    worker_batch_size: int = 500
    worker_processes: int = 4
    http_connections: int = 20
    retries_per_request: int = 5
    connection_timeout_s: float = 30.0
    user_ctx: UserCtx | None = None
    cancel: bool = False
    rep_id: str | None = None

    @property
    def winning_revs_only(self) -> bool:
        """Only the winner of each document is copied."""
        return not self.filter.all_leaves


class _Bound(NamedTuple):
    least: int
    most: int


_BOUNDS: Final[Mapping[str, _Bound]] = {
    "worker_processes": _Bound(1, 64),  # more only fight for one writer on the target
    "worker_batch_size": _Bound(1, 10_000),  # ids and revisions of a batch are in memory
    "http_connections": _Bound(1, 1_000),  # a process has some thousand sockets
    "connection_timeout": _Bound(1, 3_600_000),
    "retries_per_request": _Bound(0, 100),
    "checkpoint_interval": _Bound(1, 86_400_000),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")


def parse(body: Mapping[str, Any], defaults: Defaults) -> Replication:
    """What `body`, a decoded JSON object, asks for. Raises BadRequest with CouchDB's reasons."""
    source_proxy, target_proxy = parse_proxies(body)
    cancel = _boolean(body, "cancel", False)
    rep_id = _rep_id(body)
    by_id = cancel and rep_id is not None
    filter = _filter(body, check=not by_id)
    timeout_ms = _number(body, "connection_timeout", defaults.connection_timeout_ms)
    interval_ms = _number(body, "checkpoint_interval", defaults.checkpoint_interval_ms)
    since_seq = body.get("since_seq")
    return Replication(
        source=NOWHERE if by_id else parse_address(body.get("source"), source_proxy),
        target=NOWHERE if by_id else parse_address(body.get("target"), target_proxy),
        filter=filter,
        continuous=_boolean(body, "continuous", False),
        create_target=_boolean(body, "create_target", False),
        create_target_params=_object(body, "create_target_params", "a JSON object") or {},
        since_seq=None if since_seq is None else msgspec.Raw(json.encode(since_seq)),
        use_checkpoints=_boolean(body, "use_checkpoints", defaults.use_checkpoints),
        use_bulk_get=_boolean(body, "use_bulk_get", defaults.use_bulk_get),
        checkpoint_interval_s=interval_ms / 1000,
        worker_batch_size=_number(body, "worker_batch_size", defaults.worker_batch_size),
        worker_processes=_number(body, "worker_processes", defaults.worker_processes),
        http_connections=_number(body, "http_connections", defaults.http_connections),
        retries_per_request=_number(body, "retries_per_request", defaults.retries_per_request),
        connection_timeout_s=timeout_ms / 1000,
        user_ctx=_user_ctx(body.get("user_ctx")),
        cancel=cancel,
        rep_id=rep_id,
    )


def check_query_params(body: Mapping[str, Any]) -> None:
    """For ``POST /_replicate``, where each of ``query_params`` must be a string. Raises BadRequest."""
    for name, value in (_object(body, "query_params", "an object") or {}).items():
        if not isinstance(value, str):
            raise BadRequest(f"{name} value must be a string.")


def _filter(body: Mapping[str, Any], *, check: bool) -> Filter:
    """The filter's options; `check` also whether they make sense together with a source."""
    all_leaves = not _boolean(body, "winning_revs_only", False)
    query_params = _object(body, "query_params", "an object") or {}
    doc_ids = _doc_ids(body.get("doc_ids"))
    selector = _object(body, "selector", "a JSON object")
    named = "filter" in body
    if (doc_ids is not None) + named + (selector is not None) > 1:
        raise BadRequest("`doc_ids`,`filter`,`selector` are mutually exclusive")
    if not named:
        if selector is not None and check:
            compile_selector(selector)  # for its errors
        return Filter(all_leaves=all_leaves, doc_ids=doc_ids, selector=selector)
    name = body["filter"]
    if name == "_view" and check:
        view = query_params.get("view")
        if not isinstance(view, str) or view.count("/") != 1:
            raise BadRequest("Invalid `view` parameter.")
    if not isinstance(name, str) or (check and not name.startswith("_") and "/" not in name):
        raise BadRequest("Invalid filter. Must match `ddocname/filtername`.")
    return Filter(all_leaves=all_leaves, name=name, query_params=query_params)


def _doc_ids(value: Any) -> tuple[str, ...] | None:
    """Sorted, each once, and without percent-encoding: CouchDB takes ids with and without."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(doc_id, str) for doc_id in value):
        raise BadRequest("parameter `doc_ids` must be an array")
    return tuple(sorted({_decoded(doc_id) for doc_id in value}))


def _decoded(doc_id: str) -> str:
    try:
        return unquote(doc_id, errors="strict")
    except UnicodeDecodeError:
        return doc_id


def _rep_id(body: Mapping[str, Any]) -> str | None:
    """An id that went through a form has spaces where its plus signs were."""
    for name in ("id", "_local_id", "replication_id"):
        if name in body:
            if not isinstance(body[name], str):
                raise BadRequest(f"parameter `{name}` must be a string")
            return str(body[name]).replace(" ", "+")
    return None


def _boolean(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(f"parameter `{name}` must be a boolean")
    return value


def _object(body: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any] | None:
    """None when it is not there."""
    if name not in body:
        return None
    value = body[name]
    if not isinstance(value, Mapping):
        raise BadRequest(f"parameter `{name}` must be {what}")
    return value


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    """A number or its digits as text; a setting may be out of bounds as well."""
    value = body.get(name, default)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    least, most = _BOUNDS[name]
    if type(value) is not int or value < least:
        raise BadRequest(f"parameter `{name}` must be {'a positive' if least else 'an'} integer")
    return min(value, most)


def _user_ctx(value: Any) -> UserCtx | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise BadRequest("parameter `user_ctx` must be a JSON object")
    name, roles = value.get("name"), value.get("roles", [])
    if not (name is None or isinstance(name, str)):
        raise BadRequest("parameter `user_ctx.name` must be a string or null")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise BadRequest("parameter `user_ctx.roles` must be an array of strings")
    return UserCtx(name=name, roles=tuple(roles))
