"""Child processes that die with their parent, and that a Ctrl-C does not reach but through it.

They get a process group of their own, not a session: Linux' scheduler shares the processor out by session
(autogroup), and a busy child that is alone in one answered a third as many requests as in ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

_SET_DEATH_SIGNAL: Final = 1


def die_with_us() -> Callable[[], None]:
    """What a child does before it becomes another program (`preexec_fn`): Linux kills it when we end."""
    prctl: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    parent = os.getpid()

    def in_child() -> None:
        os.setpgid(0, 0)
        if prctl is not None:
            prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        # A parent that is gone by now gave no signal.
        if os.getppid() != parent:
            os._exit(1)

    return in_child
