"""``/_node/NODE/…``: a node's settings, statistics and versions.

There is one node; ``_local`` and `NODE_NAME` mean it. Empty path segments don't count, since clients write
``/_node/NODE//_config/…``. Not here: ``_smoosh``, and the node's own databases (``/_node/NODE/_dbs``).
Specification: CouchDB 3.5 ``chttpd_node``.
"""

from __future__ import annotations

import logging
import platform
from typing import Final

import apsw

from couchgrass import __version__, json
from couchgrass.docdb import config as configuration
from couchgrass.docdb.access import check_metrics, check_server_admin
from couchgrass.docdb.collation import collation_version
from couchgrass.docdb.config import Config, HashPassword
from couchgrass.docdb.http import settings_change
from couchgrass.docdb.http.endpoint import Endpoint, Methods, pick
from couchgrass.docdb.http.process import process_facts
from couchgrass.docdb.http.request import Request, unquoted
from couchgrass.docdb.http.response import OK, Answer, Response, json_response
from couchgrass.docdb.http.server_info import NODE_NAME
from couchgrass.docdb.password import PRFS
from couchgrass.docdb.stats import PROMETHEUS_CONTENT_TYPE, prometheus_answer, stats_answer, system_answer
from couchgrass.errors import BadRequest, CouchgrassError, NotFound, NotImplementedHere

log = logging.getLogger("couchgrass.settings")

VALUE_BYTES_MAX: Final = 256 * 1024
"""The body of a change of one setting; the settings file as a whole may have 1 MiB."""

_FOR_METRICS: Final = frozenset({"_stats", "_system", "_prometheus"})


async def serve_node(request: Request) -> Answer:
    """Any method of any path below ``/_node``: checks the right, finds the resource."""
    names = _names(request)
    if len(names) > 1 and names[1] in _FOR_METRICS:
        check_metrics(request.ctx)
    else:
        check_server_admin(request.ctx)
    if not names:
        raise BadRequest("Incomplete path to _node request")
    if names[0] not in ("_local", NODE_NAME):
        raise NotFound(f"no such node: {names[0]}")
    return await pick(request, _resource(names[1:])).run(request)


async def get_node(request: Request) -> Answer:
    """GET /_node/_local"""
    return json_response({"name": NODE_NAME})


async def get_config(request: Request) -> Answer:
    """GET _config: all settings, sections by name."""
    return json_response(configuration.effective(request.server.config))


async def post_reload(request: Request) -> Answer:
    """POST _config/_reload"""
    try:
        await settings_change.reload(request.server)
    except CouchgrassError as refused:
        if refused.error != "bad_settings_file":
            raise
        raise BadRequest(refused.reason) from refused
    return Response(200, OK)


async def get_section(request: Request) -> Answer:
    """GET _config/SECTION"""
    (section,) = _names(request)[2:]
    return json_response(configuration.section_values(request.server.config, section))


async def get_value(request: Request) -> Answer:
    """GET _config/SECTION/KEY"""
    section, key = _names(request)[2:]
    return json_response(configuration.value(request.server.config, section, key))


async def put_value(request: Request) -> Answer:
    """PUT _config/SECTION/KEY with the new value as a JSON string, of any Content-Type: the old value."""
    section, key = _names(request)[2:]
    body = await request.body(VALUE_BYTES_MAX)
    if not body:
        raise BadRequest("Missing request body")
    value = json.decode(body)
    persist = _persist(request)

    def edit(config: Config, hash_password: HashPassword) -> tuple[Config, str]:
        return configuration.put(config, section, key, value, persist=persist, hash_password=hash_password)

    old = await settings_change.change(request.server, edit)
    shown = configuration.concealed(section, key, repr(value))
    log.info("[%s] %s set to %s by %r", section, key, shown, request.ctx.name)
    return json_response(old)


async def delete_value(request: Request) -> Answer:
    """DELETE _config/SECTION/KEY: the old value."""
    section, key = _names(request)[2:]
    persist = _persist(request)

    def edit(config: Config, hash_password: HashPassword) -> tuple[Config, str]:
        changed, old = configuration.delete(config, section, key, persist=persist)
        return configuration.hash_admins(changed, hash_password), old

    old = await settings_change.change(request.server, edit)
    log.info("[%s] %s deleted by %r", section, key, request.ctx.name)
    return json_response(old)


async def get_stats(request: Request) -> Answer:
    """GET _stats/…: null when nothing is counted under that path."""
    server = request.server
    _refresh_gauges(request)
    path = _names(request)[2:]
    at_s = server.clock.monotonic()
    return json_response(stats_answer(server.stats, process_facts(server), at_s=at_s, path=path))


async def get_prometheus(request: Request) -> Answer:
    """GET _prometheus"""
    server = request.server
    _refresh_gauges(request)
    text = prometheus_answer(
        server.stats,
        process_facts(server),
        at_s=server.clock.monotonic(),
        more=[family for source in server.metric_sources for family in source()],
    )
    return Response(200, text.encode(), content_type=PROMETHEUS_CONTENT_TYPE)


async def get_system(request: Request) -> Answer:
    """GET _system"""
    return json_response(system_answer(process_facts(request.server)))


async def get_versions(request: Request) -> Answer:
    """GET _versions: what the server is built of. ``collator_version`` changes when view keys do."""
    import icu  # 12 MB, which a server that sorts nothing does without

    return json_response(
        {
            "couchgrass": {"version": __version__},
            "python": {
                "name": platform.python_implementation(),
                "version": platform.python_version(),
                "supported_hashes": list(PRFS),
            },
            "sqlite": {"version": apsw.sqlite_lib_version()},
            "collation_driver": {
                "name": "libicu",
                "library_version": icu.ICU_VERSION,
                "collation_algorithm_version": icu.UNICODE_VERSION,
                "collator_version": collation_version(),
            },
        }
    )


async def post_restart(request: Request) -> Answer:
    """POST _restart"""
    raise NotImplementedHere("A couchgrass server is restarted by whoever started its process.")


_NODE: Methods = {"GET": Endpoint(get_node, None)}
_RELOAD: Methods = {"POST": Endpoint(post_reload, None)}
_SECTION: Methods = {"GET": Endpoint(get_section, None)}
_VALUE: Methods = {
    "GET": Endpoint(get_value, None),
    "PUT": Endpoint(put_value, None),
    "DELETE": Endpoint(delete_value, None),
}
_STATS: Methods = {"GET": Endpoint(get_stats, None)}
_OTHERS: dict[str, Methods] = {
    "_config": {"GET": Endpoint(get_config, None)},
    "_prometheus": {"GET": Endpoint(get_prometheus, None)},
    "_system": {"GET": Endpoint(get_system, None)},
    "_versions": {"GET": Endpoint(get_versions, None)},
    "_restart": {"POST": Endpoint(post_restart, None)},
}


def _resource(names: list[str]) -> Methods:
    """What lies at this path below the node; `serve_node` has checked the right."""
    match names:
        case []:
            return _NODE
        case ["_config", "_reload"]:
            return _RELOAD
        case ["_config", _]:
            return _SECTION
        case ["_config", _, _]:
            return _VALUE
        case ["_stats", *_]:
            return _STATS
        case [name] if name in _OTHERS:
            return _OTHERS[name]
    raise NotFound("missing")


def _names(request: Request) -> list[str]:
    """The path below ``/_node``, decoded."""
    return [unquoted(segment) for segment in request.path[1:]]


def _persist(request: Request) -> bool:
    return request.headers.get(b"x-couch-persist") != b"false"


def _refresh_gauges(request: Request) -> None:
    request.server.stats.open_databases = request.server.store.open_count()
