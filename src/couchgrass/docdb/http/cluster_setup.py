"""``/_cluster_setup``: what a wizard asks to finish a new server, for the one node that there is.

Unlike CouchDB, enabling a single node opens no port to the network: a ``bind_address`` counts only when it is
given, and like ``port`` at the next start. Actions for a node among others are refused.
Specification: CouchDB 3.5 ``setup``, ``setup_httpd``.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from couchgrass import json
from couchgrass.docdb import config as configuration
from couchgrass.docdb.access import default_security
from couchgrass.docdb.config import Config, HashPassword
from couchgrass.docdb.database_name import check_name
from couchgrass.docdb.http import settings_change
from couchgrass.docdb.http.request import Request
from couchgrass.docdb.http.response import OK, Answer, Response, json_response
from couchgrass.docdb.http.server import Server
from couchgrass.errors import BadRequest, FileExists, NotImplementedHere

SYSTEM_DATABASES: Final = ["_users", "_replicator"]
"""What has to be there, unless ``ensure_dbs_exist`` says otherwise."""

_NEEDS_A_CLUSTER: Final = frozenset({"enable_cluster", "add_node", "remove_node", "receive_cookie"})


async def get_cluster_setup(request: Request) -> Answer:
    """GET /_cluster_setup"""
    settings = request.server.settings
    asked = request.query.get("ensure_dbs_exist")
    wanted = _names(SYSTEM_DATABASES if asked is None else json.decode(asked))
    enabled = settings.couchdb.single_node or (settings.admins and not _missing(request.server, wanted))
    return json_response({"state": "single_node_enabled" if enabled else "single_node_disabled"})


async def post_cluster_setup(request: Request) -> Answer:
    """POST /_cluster_setup with ``{"action": …}``"""
    request.require_json_type()
    setup = await request.json()
    if type(setup) is not dict:
        raise BadRequest("Missing JSON body'")
    action = setup.get("action")
    if type(action) is str and action in _NEEDS_A_CLUSTER:
        raise NotImplementedHere(
            "A couchgrass server is a single node. For another place, start a server there and replicate."
        )
    if action not in ("enable_single_node", "finish_cluster"):
        raise BadRequest("Invalid Action'")
    wanted = _names(setup.get("ensure_dbs_exist", SYSTEM_DATABASES))
    if action == "enable_single_node":
        await _change_settings(request.server, setup)
    if not await _create_missing(request.server, wanted):
        raise BadRequest("Cluster is already finished")
    return Response(201, OK)


async def _change_settings(server: Server, setup: dict[str, Any]) -> None:
    wanted = _settings(setup)
    if not wanted:
        return

    def edit(config: Config, hash_password: HashPassword) -> tuple[Config, None]:
        for section, key, value in wanted:
            config, _ = configuration.put(
                config, section, key, value, persist=True, hash_password=hash_password
            )
        return config, None

    await settings_change.change(server, edit)


def _settings(setup: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(section, key, value) of all that the request wants to set. Raises BadRequest."""
    wanted = []
    name = setup.get("username")
    password = setup.get("password_hash", setup.get("password"))
    if name is not None or password is not None:
        if type(name) is not str or type(password) is not str or not name:
            raise BadRequest("`username` and `password` must be strings")
        wanted.append(("admins", name, password))
    if "bind_address" in setup:
        wanted.append(("chttpd", "bind_address", _address(setup["bind_address"])))
    if "port" in setup:
        port = setup["port"]
        if type(port) is not int and type(port) is not str:
            raise BadRequest("`port` must be a number")
        wanted.append(("chttpd", "port", str(port)))
    return wanted


def _address(value: Any) -> str:
    try:
        if type(value) is str:
            return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    raise BadRequest(f"Setup requires a valid IP bind_address. {json.encode(value).decode()} is invalid.")


def _names(value: Any) -> list[str]:
    if type(value) is not list or not all(type(name) is str for name in value):
        raise BadRequest("`ensure_dbs_exist` must be an array of database names.")
    for name in value:
        check_name(name)
    return value


def _missing(server: Server, wanted: list[str]) -> list[str]:
    return [name for name in wanted if name not in server.store]


async def _create_missing(server: Server, wanted: list[str]) -> bool:
    """Makes the databases that are not there; False if there was none to make."""
    missing = _missing(server, wanted)
    for name in missing:
        try:
            await server.store.create(name, default_security(server.settings.couchdb.default_security))
        except FileExists:
            continue
    return bool(missing)
