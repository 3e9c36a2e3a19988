"""What a drill needs to know of the place where it breaks things.

Pure. `cli/drill.py` builds one of what `couchgrass up` wrote down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from couchgrass.agent.seen import Health


class Site(Protocol):
    """Regions on this machine. Every answer is as of now: processes come and go."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Their names, the first one preferred."""
        ...

    def pids(self, region: str) -> Mapping[str, int]:
        """A region's processes that run: "supervisor", "database", "functions", "gateway", "agent"."""
        ...

    def balancer_pid(self) -> int | None:
        """The balancer's process, None when it does not run."""
        ...

    def hold(self, region: str, seconds: float) -> None:
        """The region is not started again for so long, or until it is released."""
        ...

    def release(self, region: str) -> None:
        """It may be started again."""
        ...

    def set_wires(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        """What is wrong with the wires, all of it, by "A->B"."""
        ...

    @property
    def health(self) -> Callable[[str], Awaitable[Health | None]]:
        """A region's health as it says itself; None when it does not answer."""
        ...
