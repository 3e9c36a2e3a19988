"""The feed of a database's changes: what its parameters mean, and what a trigger is fired with.

Pure. Source: OpenWhisk's package for Cloudant; the texts of errors are its own. The database is told by
`host` (with `protocol` and `port`), or by `url`, as service credentials have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from couchgrass import json
from couchgrass.docdb.access import PLATFORM
from couchgrass.docdb.feed_filter import Filter
from couchgrass.errors import BadRequest, Forbidden

NOW: Final = "now"
UNBOUNDED: Final = -1


class Changes(msgspec.Struct, frozen=True):
    """Whose changes fire a trigger. `base` is the server's URL without credentials, `host` its name."""

    base: str
    host: str
    dbname: str
    username: str = ""
    password: str = ""
    iam_api_key: str = ""
    since: str = NOW
    filter: str = ""
    query_params: dict[str, Any] = {}
    triggers_max: int = UNBOUNDED

    @property
    def asked(self) -> Filter:
        """What the database is asked for: the winners, those that the filter lets through."""
        return Filter(all_leaves=False, name=self.filter or None, query_params=self.query_params)


def created(given: Mapping[str, Any]) -> Changes:
    """The feed that these parameters ask for. Raises BadRequest, and Forbidden for a database of ours."""
    if not given.get("dbname"):
        raise BadRequest("cloudant trigger feed: missing dbname parameter")
    base, host, username, password = _server(given)
    iam_api_key = _text(given, "iamApiKey")
    if not iam_api_key and not (username and password):
        raise BadRequest("cloudant trigger feed: Must specify parameter/s of iamApiKey or username/password")
    name = _text(given, "filter")
    if given.get("query_params") and not name:
        raise BadRequest("The query_params parameter is only allowed if the filter parameter is defined")
    dbname = _text(given, "dbname")
    if dbname.startswith(PLATFORM):
        raise Forbidden(f"changes of the database '{dbname}' are not for triggers")
    return Changes(
        base=base,
        host=host,
        dbname=dbname,
        username=username,
        password=password,
        iam_api_key=iam_api_key,
        since=_text(given, "since") or NOW,
        filter=name,
        query_params=_query_params(given),
        triggers_max=_triggers_max(given),
    )


def updated(feed: Changes, given: Mapping[str, Any]) -> Changes:
    """The feed with what may be changed of it: its filter and that one's parameters. Raises BadRequest."""
    if not given.get("filter") and not given.get("query_params"):
        raise BadRequest("At least one of filter or query_params parameters must be supplied")
    name = _text(given, "filter") or feed.filter
    if not name:
        raise BadRequest("The query_params parameter is only allowed if the filter parameter is defined")
    query_params = _query_params(given) if given.get("query_params") else feed.query_params
    return msgspec.structs.replace(feed, filter=name, query_params=query_params)


def event(feed: Changes, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the trigger is fired with for a row of the changes feed."""
    return {**row, "dbname": feed.dbname}


def _server(given: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """(base URL, host name, user, password)."""
    username, password = _text(given, "username"), _text(given, "password")
    if _text(given, "url"):
        text = _text(given, "url")
    elif _text(given, "host"):
        port = f":{given['port']}" if given.get("port") else ""
        text = f"{_text(given, 'protocol') or 'https'}://{_text(given, 'host')}{port}"
    else:
        raise BadRequest("cloudant trigger feed: missing host parameter")
    try:
        url = urlsplit(text)
        host, port_number = url.hostname or "", url.port
    except ValueError:
        raise BadRequest("cloudant trigger feed: the host parameter is not valid") from None
    if url.scheme not in ("http", "https") or not host:
        raise BadRequest("cloudant trigger feed: the host parameter is not valid")
    named = f"[{host}]" if ":" in host else host
    base = f"{url.scheme}://{named}" + (f":{port_number}" if port_number else "")
    return base, host, username or unquote(url.username or ""), password or unquote(url.password or "")


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    return str(value) if value else ""


def _query_params(given: Mapping[str, Any]) -> dict[str, Any]:
    value = given.get("query_params") or {}
    if isinstance(value, str):
        try:
            value = json.decode(value)
        except BadRequest:
            raise BadRequest(
                "The query_params parameter cannot be parsed. Ensure it is valid JSON."
            ) from None
    if not isinstance(value, dict):
        raise BadRequest("The query_params parameter is not a valid JSON Object")
    return value


def _triggers_max(given: Mapping[str, Any]) -> int:
    try:
        return int(given.get("maxTriggers") or UNBOUNDED)
    except (TypeError, ValueError):
        raise BadRequest("the maxTriggers parameter must be an integer") from None
