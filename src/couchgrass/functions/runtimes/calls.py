"""System calls that an action's process is refused, as the kernel's filter takes them (seccomp, classic BPF).

They lead to memory that no limit of a process counts (files that are only in memory, segments of System V),
and to the kernel's keyrings, which processes of one user share. A refused call says that there is none such
(ENOSYS), which programs are used to from older kernels. Calls of another architecture's table are refused
altogether: they would go round the filter. Pure.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from typing import Final

REFUSED: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {
        "memfd_create": 319,
        "memfd_secret": 447,
        "shmget": 29,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
    },
    "aarch64": {
        "memfd_create": 279,
        "memfd_secret": 447,
        "shmget": 194,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
    },
}
"""By machine: the numbers of the kernel's tables."""

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32: Final = 0x40000000
"""From here on x86-64 has the numbers of a second table."""

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.ENOSYS
_NUMBER_AT, _ARCH_AT = 0, 4


def program(machine: str) -> bytes:
    """The filter for this machine (as `platform.machine` names it); b"" for one that is not known."""
    if machine not in REFUSED:
        return b""
    numbers = sorted(REFUSED[machine].values())
    # Jumps count from the next instruction; behind the last test stand ALLOW and REFUSE.
    tests = [(_IF_AT_LEAST, _X32), *((_IF_EQUAL, number) for number in numbers)]
    rows = [(_LOAD, 0, 0, _ARCH_AT), (_IF_EQUAL, 0, len(tests) + 2, _AUDIT_ARCH[machine])]
    rows.append((_LOAD, 0, 0, _NUMBER_AT))
    rows += [(code, len(tests) - place, 0, wanted) for place, (code, wanted) in enumerate(tests)]
    rows += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *row) for row in rows)
