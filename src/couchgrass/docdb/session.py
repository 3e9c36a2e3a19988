"""Cookie sessions: the ``AuthSession`` cookie, made, checked, renewed and cleared.

Pure: the time (seconds since the epoch), the user's salt and the settings are arguments. The cookie's value
is the unpadded base64url text of ``name:time:mac``: `time` is when it was made, in upper-case hexadecimal
seconds, and `mac` the raw HMAC of ``name:time`` under the server's secret followed by the user's salt, so a
changed password (a new salt) ends every session of that user. The first of ``hash_algorithms`` signs, all of
them verify. A cookie lives `timeout` seconds and is made anew by an answer once a tenth of that is over.
Specification: CouchDB 3.5 ``couch_httpd_auth``, ``couch_secrets``; the cookie's form is mochiweb's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest

COOKIE: Final = "AuthSession"

RENEW_BELOW: Final = 0.9
"""A cookie with less than this part of its time left is made anew."""

_HASHES: Final = {
    "sha": "sha1",
    "md5": "md5",
    "blake2b": "blake2b",
    "blake2s": "blake2s",
    **{name: name for name in ("sha224", "sha256", "sha384", "sha512")},
    **{name: name for name in ("sha3_224", "sha3_256", "sha3_384", "sha3_512")},
}
"""Erlang's names for hashes to Python's."""

_SPECIAL: Final = r"\x00-\x20()<>@,;:\\\"/\[\]?={}"
_COOKIE: Final = re.compile(
    rf'(?:^|[;,])[ \t]*{COOKIE}[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^{_SPECIAL}]*))', re.DOTALL
)
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,16}")
_DOMAIN: Final = re.compile(r"[A-Za-z0-9.-]+")
_SAME_SITE: Final = {"strict": "Strict", "lax": "Lax", "none": "None"}
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Token(msgspec.Struct, frozen=True):
    """What a cookie claims. Nothing of it is to be believed before `verify_token`."""

    name: str
    time: str
    mac: bytes


class Session(msgspec.Struct, frozen=True):
    """A verified cookie: whose, how many seconds it has left, and whether to answer with a new one."""

    name: str
    left_s: int
    renew: bool


def hashes(algorithms: tuple[str, ...]) -> list[str]:
    """Python's names of the configured hashes; unknown ones are left out, and sha256 stands for none."""
    return [_HASHES[name] for name in algorithms if name in _HASHES] or ["sha256"]


def mac_matches(message: bytes, mac: bytes, key: bytes, algorithms: tuple[str, ...]) -> bool:
    """Whether `mac` is the HMAC of `message` under `key` by any of the algorithms. Constant time for each."""
    found = False
    for name in hashes(algorithms):
        found |= hmac.compare_digest(hmac.digest(key, message, name), mac)
    return found


def sign_token(name: str, salt: str, *, now: float, auth: ChttpdAuth) -> str:
    """The cookie's value for a user who has just proved who they are. Needs a secret in the settings."""
    assert auth.secret, "the server makes its secret when it starts"
    message = f"{name}:{int(now):X}".encode()
    mac = hmac.digest(_key(auth, salt), message, hashes(auth.hash_algorithms)[0])
    return base64.urlsafe_b64encode(message + b":" + mac).rstrip(b"=").decode()


def parse_token(value: str) -> Token:
    """Read a cookie's value. Raises BadRequest, as CouchDB does, if it is not of the form."""
    try:
        if not _BASE64URL.fullmatch(value):
            raise ValueError(value)
        text = value.rstrip("=")
        name, time, mac = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).split(b":", 2)
        return Token(name.decode(), time.decode(), mac)
    except (ValueError, binascii.Error) as bad:
        raise BadRequest("Malformed AuthSession cookie. Please clear your cookies.") from bad


def verify_token(token: Token, salt: str, *, now: float, auth: ChttpdAuth) -> Session | None:
    """The session, or None (the request stays anonymous) if the token is forged or too old.

    `salt` is that of the user whom the token names, "" if they have none.
    """
    if not auth.secret or not _HEX.fullmatch(token.time):
        return None
    left_s = int(token.time, 16) + auth.timeout - int(now)
    if left_s <= 0:
        return None
    message = f"{token.name}:{token.time}".encode()
    if not mac_matches(message, token.mac, _key(auth, salt), auth.hash_algorithms):
        return None
    return Session(token.name, left_s, left_s < auth.timeout * RENEW_BELOW)


def set_cookie(value: str, *, now: float, secure: bool, auth: ChttpdAuth) -> str:
    """The text of a Set-Cookie header. `secure` says that the request came over TLS."""
    parts = [f"{COOKIE}={value}", "Version=1"]
    if auth.allow_persistent_cookies:
        parts += [f"Expires={_date(int(now) + auth.timeout)}", f"Max-Age={auth.timeout}"]
    if secure:
        parts.append("Secure")
    if _DOMAIN.fullmatch(auth.cookie_domain):
        parts.append(f"Domain={auth.cookie_domain}")
    parts += ["Path=/", "HttpOnly"]
    if auth.same_site:
        parts.append(f"SameSite={_SAME_SITE[auth.same_site]}")
    return "; ".join(parts)


def clear_cookie(*, now: float, secure: bool, auth: ChttpdAuth) -> str:
    """The Set-Cookie header that ends a session."""
    return set_cookie("", now=now, secure=secure, auth=auth)


def cookie_value(header: str) -> str | None:
    """The value of the first AuthSession cookie in a Cookie header; None if there is none or it is empty."""
    if COOKIE not in header:
        return None
    found = _COOKIE.search(header)
    if found is None:
        return None
    quoted, plain = found.groups()
    return (plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)) or None


def _key(auth: ChttpdAuth, salt: str) -> bytes:
    return (auth.secret + salt).encode()


def _date(seconds: int) -> str:
    """RFC 1123, always in English."""
    when = _EPOCH + timedelta(seconds=seconds)
    day, month = _DAYS[when.weekday()], _MONTHS[when.month - 1]
    return f"{day}, {when.day:02} {month} {when.year:04} {when:%H:%M:%S} GMT"
