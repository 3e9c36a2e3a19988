"""What is remembered about attempts to sign in: failures, to lock out, and successes, to hash less often.

Both are bounded, both forget with time, and neither asks a clock: `now` is in seconds, monotonic.

`Lockout` is CouchDB 3.5's rule (``couch_auth_lockout``): failures are counted for each peer, name and salt;
at the threshold the peer is refused with 403 for that name, right password or not. Nothing ends it but time,
counted from the first failure, or a new password, which has a new salt. When it is full, the entries that
failed the longest ago make room.

`Verified` spares the password hash, whose slowness is its purpose, for a header that has passed it shortly
before. It keeps only an HMAC of the header under a key of this process. Whoever changes a user calls
`forget`; the generation that the caller read before it began to verify keeps a slow check of the old password
from being remembered after that.

`Hashed` spares the first check of a password that was hashed here when its user was written.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from couchgrass import json
from couchgrass.docdb.settings import AuthLockout
from couchgrass.errors import Forbidden

LOCKED: Final = "Account is temporarily locked due to multiple authentication failures"

VERIFIED_LIFETIME_S: Final = 600.0
"""CouchDB keeps what it knows of a user for ten minutes."""
HASHED_OBJECTS_MAX: Final = 1000
VERIFIED_OBJECTS_MAX: Final = 10_000
"""Some 5 MB. More clients than this at a time pay the hash again."""

T = TypeVar("T")


class Verdict(Enum):
    """OPEN: go on. WARN: over the threshold, but the mode is to log only. LOCKED: refuse."""

    OPEN = "open"
    WARN = "warn"
    LOCKED = "locked"


class Lockout:
    """Counts failed attempts. Its bound is fixed; the other settings may change at any time."""

    def __init__(self, objects_max: int) -> None:
        self._objects_max = objects_max
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        """Digest of peer, name and salt, to the count and the time of the first. The last to fail is last."""

    def __len__(self) -> int:
        return len(self._failures)

    def verdict(self, peer: str, name: str, salt: str, *, now: float, rule: AuthLockout) -> Verdict:
        """What to do with an attempt, before its password is looked at. A peer of "" is never locked out."""
        if not self._failures or rule.mode == "off" or not peer:
            return Verdict.OPEN
        count, first = self._failures.get(_digest(peer, name, salt), (0, now))
        if count < max(rule.threshold, 1) or _over(first, now, rule):
            return Verdict.OPEN
        return Verdict.LOCKED if rule.mode == "enforce" else Verdict.WARN

    def check(self, peer: str, name: str, salt: str, *, now: float, rule: AuthLockout) -> None:
        """Raise Forbidden if the verdict is LOCKED."""
        if self.verdict(peer, name, salt, now=now, rule=rule) is Verdict.LOCKED:
            raise Forbidden(LOCKED)

    def failed(self, peer: str, name: str, salt: str, *, now: float, rule: AuthLockout) -> None:
        """Count one failure."""
        if rule.mode == "off" or not peer:
            return
        key = _digest(peer, name, salt)
        count, first = self._failures.pop(key, (0, now))
        if _over(first, now, rule):
            count, first = 0, now
        self._failures[key] = (count + 1, first)
        while len(self._failures) > self._objects_max:
            self._failures.popitem(last=False)


def _over(first: float, now: float, rule: AuthLockout) -> bool:
    return (now - first) * 1000 > rule.max_lifetime


def _digest(peer: str, name: str, salt: str) -> bytes:
    """A key of fixed size, however long the name that a client made up."""
    return hashlib.blake2b(f"{len(peer)}:{peer}{len(name)}:{name}{salt}".encode(), digest_size=16).digest()


class Verified(Generic[T]):
    """Which headers have proved which user. `T` is what the caller wants back, such as a UserCtx."""

    def __init__(
        self,
        process_key: bytes,
        *,
        lifetime_s: float = VERIFIED_LIFETIME_S,
        objects_max: int = VERIFIED_OBJECTS_MAX,
    ) -> None:
        self._process_key = process_key
        self._lifetime_s = lifetime_s
        self._objects_max = objects_max
        self._entries: dict[bytes, tuple[T, float, str]] = {}
        """HMAC of a header to the value, the time it ends, and the name. The oldest is first."""
        self._of_name: dict[str, set[bytes]] = {}
        self._generations: dict[str, int] = {}
        """Only of names that were forgotten; `_floor` is every other's."""
        self._floor = 0
        self._last = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, header: bytes, now: float) -> T | None:
        """The value remembered for this header, or None. One HMAC and one look-up."""
        entry = self._entries.get(hmac.digest(self._process_key, header, "sha256"))
        return entry[0] if entry is not None and now < entry[1] else None

    def generation(self, name: str) -> int:
        """To be read before the user's document is, and handed to `put`."""
        return self._generations.get(name, self._floor)

    def put(self, header: bytes, name: str, value: T, *, generation: int, now: float) -> None:
        """Remember that `header` proved `name`, unless `name` was forgotten since `generation`."""
        if generation != self.generation(name):
            return
        key = hmac.digest(self._process_key, header, "sha256")
        self._drop(key)
        while len(self._entries) >= self._objects_max:
            self._drop(next(iter(self._entries)))
        self._entries[key] = (value, now + self._lifetime_s, name)
        self._of_name.setdefault(name, set()).add(key)

    def forget(self, name: str) -> None:
        """The user changed: nothing that was verified until now counts any more."""
        for key in tuple(self._of_name.get(name, ())):
            self._drop(key)
        self._last += 1
        self._generations[name] = self._last
        if len(self._generations) > self._objects_max:
            self.clear()

    def clear(self) -> None:
        """Forget everyone, as when the settings change."""
        self._entries.clear()
        self._of_name.clear()
        self._generations.clear()
        self._last += 1
        self._floor = self._last

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        keys = self._of_name[entry[2]]
        keys.discard(key)
        if not keys:
            del self._of_name[entry[2]]


class Hashed:
    """Which password which hash was made of. Keeps only HMACs of the two together, each for one check."""

    def __init__(self, process_key: bytes, *, objects_max: int = HASHED_OBJECTS_MAX) -> None:
        self._process_key = process_key
        self._objects_max = objects_max
        self._marks: dict[bytes, None] = {}
        """The oldest is first."""

    def __len__(self) -> int:
        return len(self._marks)

    def made(self, password: str, credentials: Mapping[str, Any]) -> None:
        """These are the password's; those without a derived key are quick to check anyway."""
        if (mark := self._mark(password, credentials)) is None:
            return
        while len(self._marks) >= self._objects_max:
            del self._marks[next(iter(self._marks))]
        self._marks[mark] = None

    def take(self, password: str, credentials: Mapping[str, Any]) -> bool:
        """Whether they are known to be the password's; the next time they are not."""
        mark = self._mark(password, credentials)
        if mark is None or mark not in self._marks:
            return False
        del self._marks[mark]
        return True

    def clear(self) -> None:
        """The settings changed: it is checked anew what they allow."""
        self._marks.clear()

    def _mark(self, password: str, credentials: Mapping[str, Any]) -> bytes | None:
        if credentials.get("password_scheme") != "pbkdf2":
            return None
        made_of = [
            str(credentials.get(field, "")) for field in ("pbkdf2_prf", "iterations", "salt", "derived_key")
        ]
        return hmac.digest(self._process_key, json.encode([*made_of, password]), "sha256")
