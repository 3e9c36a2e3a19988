"""The settings as text: their layers, the ini dialect of the files, and the answers of ``_config``.

Pure. Three layers, of which the upper hides the lower key by key:

- `volatile`: set through the API with ``X-Couch-Persist: false``; a reload drops it.
- `overlay`: set through the API and persisted in the server's own file.
- `base`: what the operator wrote, in the ``--config`` file and on the command line. Never changed here.

So a deleted key shows what lies below it, as in CouchDB, where it shows what other files say. Administrators
see every value as it is, also secrets; logs get `concealed`. Passwords in [admins] are stored hashed only.

The dialect is CouchDB's: ``[section]``, ``key = value`` (or ``key=value``; only with the spaces can the key
hold a ``=``), comments from a ``;`` at the start of a line or after a blank; an empty value is no value. A
line that is none of these is an error here; CouchDB skips it.
Specification: ``config.erl``, ``chttpd_node.erl``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from couchgrass.docdb.settings import Sections, check_value
from couchgrass.errors import BadRequest, Forbidden, NotFound

HashPassword = Callable[[str], str]
"""A password to the text that [admins] keeps. Slow on purpose: keep it off the event loop."""

_LOCKED_SECTIONS = frozenset(
    (
        "daemons",
        "external",
        "feature_flags",
        "httpd_db_handlers",
        "httpd_design_handlers",
        "httpd_global_handlers",
        "native_query_servers",
        "os_daemons",
        "query_servers",
    )
)
_SECRETS = {
    "chttpd_auth": "secret",
    "couch_httpd_auth": "secret",
    "replicator": "password",
    "ssl": "password",
}
_HASHED = re.compile(r"-(hashed|pbkdf2(:sha(224|256|384|512)?)?)-")
_LINE_ENDS = re.compile("\r\n|\n|\r|\x1a")
_COMMENT = re.compile(r"^;|[ \t];")


class Config(msgspec.Struct, frozen=True):
    """The three layers. Its values stay out of logs and tracebacks."""

    base: Sections = {}
    overlay: Sections = {}
    volatile: Sections = {}

    def __repr__(self) -> str:
        return "<Config>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


def effective(config: Config) -> dict[str, dict[str, str]]:
    """What is in force, sections and keys sorted: the answer of ``GET _config``."""
    merged: dict[str, dict[str, str]] = {}
    for layer in (config.base, config.overlay, config.volatile):
        for section, values in layer.items():
            merged.setdefault(section, {}).update(values)
    return {section: dict(sorted(merged[section].items())) for section in sorted(merged) if merged[section]}


def section_values(config: Config, section: str) -> dict[str, str]:
    """The answer of ``GET _config/SECTION``: {} for a section that is not there."""
    return effective(config).get(section, {})


def value(config: Config, section: str, key: str) -> str:
    """The answer of ``GET _config/SECTION/KEY``. NotFound if there is none."""
    for layer in (config.volatile, config.overlay, config.base):
        found = layer.get(section, {}).get(key)
        if found is not None:
            return found
    raise NotFound("unknown_config_value")


def put(
    config: Config, section: str, key: str, body: object, *, persist: bool, hash_password: HashPassword
) -> tuple[Config, str]:
    """``PUT _config/SECTION/KEY`` with the decoded `body`: the new settings, and the old value to answer.

    Raises Forbidden for a section that can't be changed this way, BadRequest for a body that is no string,
    text that can't stand in the file, and a value that the key can't take.
    """
    _check_section(section)
    if not isinstance(body, str):
        raise BadRequest("a JSON string expected")
    text = body.strip()
    _check_form(section, key, text)
    text = _storable(section, text, hash_password)
    if text and _round_trip(section, key, text) != [(section, key, text)]:
        raise BadRequest("Invalid configuration value: the settings file can't hold it")
    check_value(section, key, text)
    old = effective(config).get(section, {}).get(key, "")
    volatile = _without(config.volatile, section, key)
    if persist:
        return Config(config.base, _with(config.overlay, section, key, text), volatile), old
    return Config(config.base, config.overlay, _with(volatile, section, key, text)), old


def delete(config: Config, section: str, key: str, *, persist: bool) -> tuple[Config, str]:
    """``DELETE _config/SECTION/KEY``: the new settings, and the old value to answer. NotFound without one.

    A password that `base` has in the clear can come to light again: follow with `hash_admins`.
    """
    _check_section(section)
    old = value(config, section, key)
    volatile = _without(config.volatile, section, key)
    overlay = _without(config.overlay, section, key) if persist else config.overlay
    return Config(config.base, overlay, volatile), old


def reload(config: Config, *, base: Sections, overlay: Sections) -> Config:
    """``POST _config/_reload`` (answered ``{"ok":true}``): what the files say now, and nothing else.

    Follow with `complete`, since what the operator wrote can hold passwords in the clear.
    """
    return msgspec.structs.replace(config, base=base, overlay=overlay, volatile={})


def complete(config: Config, *, uuid: str, secret: str, hash_password: HashPassword) -> Config:
    """What CouchDB fills in at a start: the server's uuid and the cookie secret if missing, hashed admins.

    `uuid` is 32 hex digits, `secret` random text. They go to `overlay`, which is then to be saved.
    """
    present = effective(config)
    overlay = config.overlay
    if not present.get("couchdb", {}).get("uuid"):
        overlay = _with(overlay, "couchdb", "uuid", uuid)
    if not (
        present.get("chttpd_auth", {}).get("secret") or present.get("couch_httpd_auth", {}).get("secret")
    ):
        overlay = _with(overlay, "chttpd_auth", "secret", secret)
    return hash_admins(msgspec.structs.replace(config, overlay=overlay), hash_password)


def hash_admins(config: Config, hash_password: HashPassword) -> Config:
    """The same with every password of [admins] that is in force hashed, in `overlay` when it wasn't."""
    overlay = config.overlay
    for name, text in section_values(config, "admins").items():
        if not _HASHED.match(text):
            overlay = _with(overlay, "admins", name, _storable("admins", text, hash_password))
    return msgspec.structs.replace(config, overlay=overlay)


def concealed(section: str, key: str, text: str) -> str:
    """How a log line may show the value."""
    secret = section in ("admins", "jwt_keys") or _SECRETS.get(section) == key
    return "'****'" if secret else text


class Entry(NamedTuple):
    """One setting of a file; `line` counts from 1."""

    line: int
    section: str
    key: str
    value: str


class IniError(ValueError):
    """`line` (from 1) of a settings file is not understood."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def parse_ini(text: str) -> Iterator[Entry]:
    """The settings of a file in its order, save those without a value. IniError for any other line."""
    section = ""
    for number, raw in enumerate(_LINE_ENDS.split(text), 1):
        line = _COMMENT.split(raw.strip(), maxsplit=1)[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line[1:-1]
            if not line.endswith("]") or not section or "]" in section:
                raise IniError(number, "expected [section]")
            continue
        key, separator, setting = line.partition(" = ")
        if not separator:
            key, separator, setting = line.partition("=")
        if not separator or not key.strip():
            raise IniError(number, "expected [section] or key = value")
        if not section:
            raise IniError(number, "a setting stands before the first [section]")
        if setting.strip():
            yield Entry(number, section, key.strip(), setting.strip())


def render_ini(sections: Sections) -> str:
    """The file that `parse_ini` reads back; settings without a value are left out."""
    parts = []
    for section, values in sorted(sections.items()):
        lines = [f"{key} = {text}\n" for key, text in sorted(values.items()) if text]
        if lines:
            parts.append(f"[{section}]\n{''.join(lines)}")
    return "\n".join(parts)


def _check_section(section: str) -> None:
    if section in _LOCKED_SECTIONS:
        raise Forbidden("Config section blacklisted for modification over HTTP API.")


def _check_form(section: str, key: str, text: str) -> None:
    """CouchDB's own rule: characters that can be seen, blanks and tabs, and no brackets in names."""
    for what, name, brackets in (("section", section, False), ("key", key, False), ("value", text, True)):
        if not name.replace("\t", " ").isprintable() or (not brackets and ("[" in name or "]" in name)):
            raise BadRequest(f"Invalid configuration {what}")
    for what, names in (("section", (section, "x", "x")), ("key", (section, key, "x"))):
        if _round_trip(*names) != [names]:
            raise BadRequest(f"Invalid configuration {what}")


def _round_trip(section: str, key: str, text: str) -> list[tuple[str, str, str]]:
    """What reading the file gives back for a setting."""
    try:
        return [entry[1:] for entry in parse_ini(render_ini({section: {key: text}}))]
    except IniError:
        return []


def _storable(section: str, text: str, hash_password: HashPassword) -> str:
    if section != "admins" or _HASHED.match(text):
        return text
    if not text:
        raise BadRequest("Invalid configuration value: an empty password")
    return hash_password(text)


def _with(sections: Sections, section: str, key: str, text: str) -> Sections:
    return {**sections, section: {**sections.get(section, {}), key: text}}


def _without(sections: Sections, section: str, key: str) -> Sections:
    return {
        name: {other: text for other, text in values.items() if name != section or other != key}
        for name, values in sections.items()
    }
