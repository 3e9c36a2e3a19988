"""What Linux and the interpreter say about our own process.

A figure that can't be read, because the system has no ``/proc`` or hides it, is 0.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from functools import cache
from pathlib import Path

from couchgrass.docdb.http.server import Server
from couchgrass.docdb.stats import ProcessFacts

_SELF = Path("/proc/self")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_S = os.sysconf("SC_CLK_TCK")
_STARTED_FIELD = 19
"""Where ``starttime`` is in ``/proc/self/stat``, counted from what follows the program's name."""


def process_facts(server: Server) -> ProcessFacts:
    """The facts now; takes well under a millisecond."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    virtual_pages, resident_pages = _numbers("statm", 2)
    received, sent = _named("io", "rchar", "wchar")
    (threads,) = _named("status", "Threads")
    return ProcessFacts(
        uptime_s=time.monotonic() - server.started_at,
        started_s=_started_s(),
        cpu_s=time.process_time(),
        resident_bytes=resident_pages * _PAGE_BYTES,
        virtual_bytes=virtual_pages * _PAGE_BYTES,
        open_files=_open_files(),
        open_files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        threads=threads,
        context_switches=usage.ru_nvcsw + usage.ru_nivcsw,
        garbage_collections=sum(generation["collections"] for generation in gc.get_stats()),
        received_bytes=received,
        sent_bytes=sent,
        databases=len(server.store.names()),
    )


def _text(name: str) -> str:
    try:
        return (_SELF / name).read_text()
    except OSError:
        return ""


def _numbers(name: str, count: int) -> list[int]:
    """The first `count` numbers of a file that holds nothing else."""
    return [int(word) for word in _text(name).split()[:count]] or [0] * count


def _named(name: str, *wanted: str) -> list[int]:
    """The numbers that follow these words in a file of lines like ``Threads: 4``."""
    found = dict.fromkeys(wanted, 0)
    for line in _text(name).splitlines():
        word, _, rest = line.partition(":")
        if word in found:
            found[word] = int(rest)
    return list(found.values())


def _open_files() -> int:
    """Open file descriptors: the folder's size on newer kernels, which saves reading it; else its entries."""
    folder = _SELF / "fd"
    try:
        return folder.stat().st_size or sum(1 for _ in folder.iterdir()) - 1
    except OSError:
        return 0


@cache
def _started_s() -> float:
    """When the process started, in seconds since the Unix epoch."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    booted_s = next((int(line.split()[1]) for line in lines if line.startswith("btime ")), 0)
    after_name = _text("stat").rpartition(")")[2].split()
    return booted_s + int(after_name[_STARTED_FIELD]) / _TICKS_S if after_name else 0.0
