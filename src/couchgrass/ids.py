"""Random ids: 32 hexadecimal digits, for activations and transactions.

Each is as random as the system makes it; a call into the system for every one of them would cost a request
several times what is done here. For one thread only, that of the event loop.
"""

from __future__ import annotations

import os
from typing import Final

_AT_A_TIME: Final = 256
_DIGITS: Final = 32

_drawn: list[str] = []


def new_id() -> str:
    """An id that nobody had before and nobody can guess."""
    if not _drawn:
        text = os.urandom(_AT_A_TIME * _DIGITS // 2).hex()
        _drawn.extend(text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))
    return _drawn.pop()
