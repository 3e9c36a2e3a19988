"""Whether the gateway takes requests: what the region's agent says of its health, and what is seen from here.

Pure. The agent says all the time how the region is; a silence of more than `HEARD_S` means that nobody knows.
Time in which the gateway itself could not run is nobody's silence, unless it was so long that what was heard
before it is no news any more. The gateway itself sees at once when the feed of its database breaks, before
the agent has looked. So:

    agent                    database's feed              requests
    live                     whole                        are taken
    live                     broken for up to DOUBT_S     are refused: the agent may not have looked since
    live                     broken for longer            are taken: the agent has looked, and reached it
    not live                 either                       are refused
    silent, heard before     whole                        are taken
    silent, heard before     broken                       are refused
    never heard              either                       are taken: a gateway without an agent
"""

from __future__ import annotations

from typing import Final

from couchgrass.agent.seen import Health
from couchgrass.errors import ServiceUnavailable
from couchgrass.silence import Heard

HEARD_S: Final = 1.0
"""An agent says something four times a second."""

STALE_S: Final = 3.0
"""What an agent said before a gateway's own standstill of so long is not believed any more."""

DOUBT_S: Final = 1.0
"""In so long an agent has looked at the database again."""


class NotRun(ServiceUnavailable):
    """Refused before a byte of the request went on to anybody: whatever it asks for may be asked for
    elsewhere."""

    error = "not_run"


class Standing:
    """How the region stands, as far as its gateway knows. Times are a monotonic clock's, in seconds."""

    def __init__(self) -> None:
        self.health: Health | None = None
        """What the agent said last."""
        self._heard: Heard | None = None
        self._broken_s: float | None = None

    def hear(self, health: Health, now_s: float) -> None:
        """The agent's word."""
        self.health = health
        self._heard = Heard(now_s)

    def stalled(self, late_s: float, now_s: float) -> None:
        """The gateway itself could not run for so long."""
        if self._heard is not None and late_s < STALE_S:
            self._heard = self._heard.stalled(late_s, now_s)

    def news(self, now_s: float, *, within_s: float = HEARD_S) -> Health | None:
        """What the agent said, unless that is too long ago."""
        is_news = self._heard is not None and self._heard.silent_s(now_s) <= within_s
        return self.health if is_news else None

    def check(self, now_s: float, *, is_followed: bool) -> None:
        """Raises NotRun while requests are not taken. `is_followed`: the database's feed is whole."""
        if is_followed:
            self._broken_s = None
        elif self._broken_s is None:
            self._broken_s = now_s
        if self.health is None:
            return
        health = self.news(now_s)
        if health is None:
            if not is_followed:
                raise NotRun("This region's database can't be reached")
        elif not health.live:
            raise NotRun("This region can't serve now")
        elif self._broken_s is not None and now_s - self._broken_s <= DOUBT_S:
            raise NotRun("This region's database has gone away")
