"""The server's settings as requests read them: CouchDB's sections and keys, typed, with its defaults.

Pure. `snapshot` makes them from the text that `couchgrass.docdb.config` keeps, anew after each change, so a
request reads plain attributes. Only keys that have an effect here are listed. Any other key can be stored, as
in CouchDB; unlike CouchDB, a value that a listed key can't take is refused instead of silently replaced by
the default. An empty value stands for the default.
Specification: CouchDB 3.5 ``default.ini``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from couchgrass.docdb.cors import Cors, CorsPolicy, bare_host
from couchgrass.errors import BadRequest

Sections = Mapping[str, Mapping[str, str]]
"""The settings as text: section to key to value."""

_Natural = Annotated[int, msgspec.Meta(ge=0)]
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Limit = Annotated[int, msgspec.Meta(ge=0)] | None
"""A bound, or None for CouchDB's ``infinity``."""


class _Section(msgspec.Struct, frozen=True):
    """One section, typed. Its values stay out of logs and tracebacks: some are secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Couchdb(_Section, frozen=True):
    """[couchdb]: sizes in bytes."""

    uuid: str = ""
    max_document_size: _Natural = 8_000_000
    max_attachment_size: _Limit = 1 << 30
    max_document_id_length: _Limit = None
    max_dbs_open: _Positive = 500
    default_security: Literal["admin_only", "admin_local", "everyone"] = "admin_only"
    users_db_suffix: str = "_users"
    users_db_security_editable: bool = False
    single_node: bool = False
    maintenance_mode: Literal["false", "true", "nolb"] = "false"


class Chttpd(_Section, frozen=True):
    """[chttpd]: sizes in bytes, `changes_timeout` in ms. Port and address count at the next start."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 5984
    bind_address: str = "127.0.0.1"
    max_http_request_size: _Natural = 4 << 30
    max_uri_length: _Limit = None
    require_valid_user: bool = False
    require_valid_user_except_for_up: bool = False
    admin_only_all_dbs: bool = True
    max_db_number_for_dbs_info_req: _Natural = 100
    buffer_response: bool = False
    changes_timeout: _Natural = 60_000
    decode_plus_to_space: bool = True
    server_header_versions: bool = True
    enable_cors: bool = False
    enable_xframe_options: bool = False
    x_forwarded_host: str = "X-Forwarded-Host"
    authentication_handlers: tuple[str, ...] = ("cookie", "default")
    """In the order in which they are tried, of cookie, default (Basic), proxy and jwt."""


class ChttpdAuth(_Section, frozen=True):
    """[chttpd_auth]: `timeout` in seconds."""

    secret: str = ""
    timeout: _Natural = 600
    allow_persistent_cookies: bool = True
    same_site: Literal["", "strict", "lax", "none"] = "lax"
    cookie_domain: str = ""
    hash_algorithms: tuple[str, ...] = ("sha256", "sha")
    password_scheme: Literal["pbkdf2", "simple"] = "pbkdf2"  # noqa: S105
    pbkdf2_prf: Literal["sha", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    iterations: _Positive = 600_000
    min_iterations: _Positive = 1
    max_iterations: _Positive = 1_000_000_000
    upgrade_hash_on_auth: bool = True
    password_regexp: tuple[tuple[str, str], ...] = ()
    """Every pattern must be found in a new password; with each, what to say if it is not."""
    auth_cache_size: _Natural = 50
    users_db_public: bool = False
    public_fields: tuple[str, ...] = ()
    proxy_use_secret: bool = False
    x_auth_username: str = "X-Auth-CouchDB-UserName"
    x_auth_roles: str = "X-Auth-CouchDB-Roles"
    x_auth_token: str = "X-Auth-CouchDB-Token"  # noqa: S105
    authentication_redirect: str = "/_utils/session.html"


class AuthLockout(_Section, frozen=True):
    """[chttpd_auth_lockout]: `max_lifetime` in ms."""

    mode: Literal["enforce", "warn", "off"] = "enforce"
    threshold: _Natural = 5
    max_objects: _Positive = 10_000
    max_lifetime: _Natural = 300_000


class JwtAuth(_Section, frozen=True):
    """[jwt_auth]: the claims a token must have, with the value it must have or None for any."""

    required_claims: tuple[tuple[str, str | None], ...] = (("exp", None),)
    roles_claim_name: str = "_couchdb.roles"
    roles_claim_path: str = ""


class Attachments(_Section, frozen=True):
    """[attachments]: zlib's level, 0 for none; media types with ``*`` for any text."""

    compression_level: Annotated[int, msgspec.Meta(ge=0, le=9)] = 8
    compressible_types: tuple[str, ...] = (
        "text/*",
        "application/javascript",
        "application/json",
        "application/xml",
    )


class Uuids(_Section, frozen=True):
    """[uuids]"""

    algorithm: Literal["sequential", "random", "utc_random", "utc_id"] = "sequential"
    utc_id_suffix: str = ""
    max_count: _Natural = 1000


class Purge(_Section, frozen=True):
    """[purge]"""

    max_revisions_number: _Limit = None


class Csp(_Section, frozen=True):
    """[csp]: Content-Security-Policy for attachments and ``/_utils``."""

    attachments_enable: bool = True
    attachments_header_value: str = "sandbox"
    utils_enable: bool = True
    utils_header_value: str = "default-src 'self'; img-src 'self' data: blob:"


class XFrameOptions(_Section, frozen=True):
    """[x_frame_options], in force with ``[chttpd] enable_xframe_options``."""

    same_origin: bool = False
    hosts: tuple[str, ...] = ()


class Log(_Section, frozen=True):
    """[log]"""

    level: Literal[
        "debug", "info", "notice", "warning", "warn", "error", "err",
        "critical", "crit", "alert", "emergency", "emerg", "none",
    ] = "info"  # fmt: skip


class Stats(_Section, frozen=True):
    """[stats]: `interval` in seconds."""

    interval: Annotated[int, msgspec.Meta(ge=1, le=300)] = 10


class Replicator(_Section, frozen=True):
    """[replicator]: `interval`, `connection_timeout` and `checkpoint_interval` in ms.

    Many are what a job has that names none of its own. CouchDB has other defaults for `max_jobs` (500),
    `checkpoint_interval` (30 s) and `verify_ssl_certificates` (false), and ``socks5`` among the proxies.
    """

    max_jobs: _Positive = 2000
    interval: _Positive = 60_000
    max_churn: _Natural = 20
    max_history: _Positive = 20
    worker_processes: _Positive = 4
    worker_batch_size: _Positive = 500
    http_connections: _Positive = 20
    connection_timeout: _Positive = 30_000
    retries_per_request: _Natural = 5
    checkpoint_interval: _Positive = 5000
    use_checkpoints: bool = True
    use_bulk_get: bool = True
    update_docs: bool = False
    verify_ssl_certificates: bool = True
    ssl_trusted_certificates_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    valid_endpoint_protocols: tuple[str, ...] = ("http", "https")
    valid_proxy_protocols: tuple[str, ...] = ("http", "https")


class Settings(_Section, frozen=True):
    """The typed snapshot. Reading a setting is two attribute accesses."""

    couchdb: Couchdb = Couchdb()
    chttpd: Chttpd = Chttpd()
    chttpd_auth: ChttpdAuth = ChttpdAuth()
    chttpd_auth_lockout: AuthLockout = AuthLockout()
    jwt_auth: JwtAuth = JwtAuth()
    attachments: Attachments = Attachments()
    uuids: Uuids = Uuids()
    purge: Purge = Purge()
    csp: Csp = Csp()
    x_frame_options: XFrameOptions = XFrameOptions()
    log: Log = Log()
    stats: Stats = Stats()
    replicator: Replicator = Replicator()
    cors: Cors = Cors()
    admins: Mapping[str, str] = {}
    """Name to hashed password, as ``_config/admins`` shows it."""
    jwt_keys: Mapping[str, str] = {}
    """``hmac:KID``, ``rsa:KID`` or ``ec:KID`` to the key."""
    vendor: Mapping[str, str] = {}


class _Key(NamedTuple):
    """How the text of one key becomes a value: `read` it, then check it against `type`."""

    type: Any
    read: Callable[[str], Any]


_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_COMMA = re.compile(r"\s*,\s*")
_HANDLER = re.compile(r"\{\s*\w+\s*,\s*(cookie|default|proxy|jwt)_authentication_handler\s*\}")
_CLAIM = re.compile(r'([a-z]+)|\{\s*([a-z]+)\s*,\s*"([^"]+)"\s*\}')
_STRING = r'"((?:[^"\\]|\\.)*)"'
_PATTERN = re.compile(rf"{_STRING}|\{{\s*{_STRING}\s*(?:,\s*{_STRING}\s*)?\}}")


def _list(text: str) -> list[str]:
    return [item for item in _COMMA.split(text) if item]


def _lower_list(text: str) -> list[str]:
    return _list(text.lower())


def _items(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The items of a comma-separated list, each of which `pattern` matches; ValueError if one does not."""
    text = text.strip()
    at = 0
    while at < len(text):
        item = pattern.match(text, at)
        comma = _COMMA.match(text, item.end()) if item else None
        if item is None or (comma is None and item.end() < len(text)):
            raise ValueError(f"not understood from character {at + 1} on")
        yield item
        at = comma.end() if comma else len(text)


def _handlers(text: str) -> list[str]:
    """``{chttpd_auth, cookie_authentication_handler}, …`` to ["cookie", …]."""
    return [item[1] for item in _items(_HANDLER, text)]


def _claims(text: str) -> list[tuple[str, str | None]]:
    """``exp, {iss, "x"}`` to [("exp", None), ("iss", "x")]."""
    return [(item[1] or item[2], item[3]) for item in _items(_CLAIM, text)]


def _patterns(text: str) -> list[tuple[str, str]]:
    r"""``["\\d", {".{10,}", "too short"}]`` to [(r"\d", ""), (".{10,}", "too short")]."""
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("expected a list in square brackets")
    rules = []
    for item in _items(_PATTERN, text[1:-1]):
        pattern, reason = (re.sub(r"\\(.)", r"\1", part or "") for part in (item[1] or item[2], item[3]))
        try:
            re.compile(pattern)
        except re.error as bad:
            raise ValueError(f"not a regular expression: {bad}") from bad
        rules.append((pattern, reason))
    return rules


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("expected `true` or `false`")
    return text == "true"


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("expected an integer")
    return int(text)


def _bound(text: str) -> int | None:
    return None if text == "infinity" else _integer(text)


def _reader(kind: Any) -> Callable[[str], Any]:
    if kind is bool:
        return _boolean
    if get_origin(kind) is tuple:
        return _list
    if type(None) in get_args(kind):
        return _bound
    return str if kind is str or get_origin(kind) is Literal else _integer


def _keys(section: type[msgspec.Struct], **special: Callable[[str], Any]) -> dict[str, _Key]:
    return {
        field.name: _Key(field.type, special.get(field.name) or _reader(field.type))
        for field in msgspec.structs.fields(section)
    }


_KEYS: dict[str, dict[str, _Key]] = {
    "couchdb": _keys(Couchdb),
    "chttpd": _keys(Chttpd, authentication_handlers=_handlers),
    "chttpd_auth": _keys(ChttpdAuth, password_regexp=_patterns),
    "chttpd_auth_lockout": _keys(AuthLockout),
    "jwt_auth": _keys(JwtAuth, required_claims=_claims),
    "attachments": _keys(Attachments),
    "uuids": _keys(Uuids),
    "purge": _keys(Purge),
    "csp": _keys(Csp),
    "x_frame_options": _keys(XFrameOptions),
    "log": _keys(Log),
    "stats": _keys(Stats),
    "replicator": _keys(Replicator, valid_endpoint_protocols=_lower_list, valid_proxy_protocols=_lower_list),
    "cors": _keys(CorsPolicy, headers=_lower_list, exposed_headers=_lower_list),
}
_CORS_OF_HOST = "cors:"

_FORMER_SECTIONS = {"chttpd": "httpd", "chttpd_auth": "couch_httpd_auth"}
"""Where CouchDB still looks for a key that moved: all of [chttpd_auth], and `_MOVED` of [chttpd]."""
_MOVED = frozenset(
    ("max_http_request_size", "max_uri_length", "changes_timeout", "enable_cors", "enable_xframe_options")
) | {"x_forwarded_host", "buffer_response", "max_db_number_for_dbs_info_req", "server_header_versions"}


def check_value(section: str, key: str, value: str) -> None:
    """BadRequest when `value` is not one that the key can take; a key without effect takes anything."""
    known = _known(section, key)
    if known is not None and value:
        _read(known, section, key, value)


def snapshot(sections: Sections) -> Settings:
    """What requests read, from the text in force. BadRequest for a value that `check_value` refuses."""
    values: dict[str, Any] = {
        name: msgspec.convert(_values(sections, name), kind)
        for name, kind in get_type_hints(Settings).items()
        if name in _KEYS and name != "cors"
    }
    everywhere = _values(sections, "cors")
    hosts = {
        bare_host(name.removeprefix(_CORS_OF_HOST)): CorsPolicy(**everywhere | _values(sections, name))
        for name in sections
        if name.startswith(_CORS_OF_HOST)
    }
    values["cors"] = Cors(enabled=values["chttpd"].enable_cors, policy=CorsPolicy(**everywhere), hosts=hosts)
    for name in ("admins", "jwt_keys", "vendor"):
        values[name] = dict(sections.get(name, {}))
    return Settings(**values)


def _known(section: str, key: str) -> _Key | None:
    if section.startswith(_CORS_OF_HOST):
        section = "cors"
    elif section == "httpd" and key in _MOVED:
        section = "chttpd"
    elif section == "couch_httpd_auth":
        section = "chttpd_auth"
    return _KEYS.get(section, {}).get(key)


def _values(sections: Sections, section: str) -> dict[str, Any]:
    """The values that `sections` has for the known keys of a section."""
    former = _FORMER_SECTIONS.get(section, "")
    values = {}
    for name in (former, section):
        for key, text in sections.get(name, {}).items():
            known = _known(name, key)
            if known is not None and text:
                values[key] = _read(known, name, key, text)
    return values


def _read(known: _Key, section: str, key: str, text: str) -> Any:
    try:
        return msgspec.convert(known.read(text), known.type)
    except (ValueError, msgspec.ValidationError) as bad:
        raise BadRequest(f"Invalid configuration value for [{section}] {key}: {bad}") from bad
