"""The balancer's data folder: who has it, what it says of itself, which regions are drained."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec

from couchgrass.balancer.state import LOCK, BalancerState, DrainedFile
from couchgrass.errors import CouchgrassError
from couchgrass.serving.files import replace_file
from couchgrass.serving.locks import alone, is_taken, take
from couchgrass.topology.places import BALANCER_STATE, DRAINED

DRAINED_LOCK: Final = "drained.lock"


class BalancerRefused(CouchgrassError):
    """Another balancer has the folder, or it can't be used; `reason` says so."""


class Hold:
    """The folder, ours until `close`."""

    def __init__(self, data: Path) -> None:
        """Makes the folder. Raises BalancerRefused."""
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            data.chmod(0o700)
            self._descriptor = take(data / LOCK)
        except BlockingIOError as held:
            raise BalancerRefused(
                f"{data} is in use by another balancer: stop it or name another folder as data of [balancer]"
            ) from held
        except OSError as refused:
            raise BalancerRefused(f"{data} can't be used: {refused.strerror}") from refused
        # What one that was killed left there would be taken for what runs now.
        remove_state(data)

    def close(self) -> None:
        """Lets it go."""
        os.close(self._descriptor)


def write_state(data: Path, state: BalancerState) -> None:
    """Raises OSError."""
    replace_file(data / BALANCER_STATE, msgspec.json.format(msgspec.json.encode(state)) + b"\n")


def remove_state(data: Path) -> None:
    """At the end of a balancer."""
    (data / BALANCER_STATE).unlink(missing_ok=True)


def read_state(data: Path) -> BalancerState | None:
    """What the balancer says; None when none runs. Raises BalancerRefused when it can't be read."""
    if not is_taken(data / LOCK):
        return None
    try:
        return msgspec.json.decode((data / BALANCER_STATE).read_bytes(), type=BalancerState)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as bad:
        raise BalancerRefused(f"{data / BALANCER_STATE} can't be read: {bad}") from bad


def read_drained(data: Path) -> frozenset[str]:
    """The regions that were drained by hand. Raises BalancerRefused when the file can't be read."""
    try:
        return frozenset(msgspec.json.decode((data / DRAINED).read_bytes(), type=DrainedFile).regions)
    except FileNotFoundError:
        return frozenset()
    except (OSError, msgspec.DecodeError) as bad:
        raise BalancerRefused(
            f"{data / DRAINED} can't be read: {bad}. Without that file no region is drained"
        ) from bad


def change_drained(data: Path, region: str, *, is_drained: bool) -> bool:
    """Adds a region or takes it away; whether that changed anything. Raises BalancerRefused."""
    return _change(data, lambda before: before | {region} if is_drained else before - {region})


def forget_drained(data: Path, regions: Collection[str]) -> bool:
    """Takes these regions away, which are no more: one of the same name that comes later is another. Whether
    that changed anything. Raises BalancerRefused."""
    return _change(data, lambda before: before.difference(regions))


def _change(data: Path, change: Callable[[frozenset[str]], frozenset[str]]) -> bool:
    """Two commands at once don't lose each other's region."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(data / DRAINED_LOCK):
            before = read_drained(data)
            after = change(before)
            if after != before:
                replace_file(data / DRAINED, msgspec.json.encode(DrainedFile(tuple(sorted(after)))) + b"\n")
            return after != before
    except OSError as refused:
        raise BalancerRefused(f"{data} can't be used: {refused.strerror}") from refused
