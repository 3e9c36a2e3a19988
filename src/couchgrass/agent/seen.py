"""What a region's agent sees: the links that bring changes here, and whether the region can serve.

Pure. These values are what `/_couchgrass/ready`, `/_couchgrass/status` and `/_couchgrass/events` answer with,
as JSON with the same names; the gateway, the balancer and `couchgrass status` read them back.
"""

from __future__ import annotations

import msgspec


class Link(msgspec.Struct, frozen=True):
    """One direction: `database` from `source` to `target`, two regions' names; `job` is its document's id.

    `state` is the scheduler's, or "missing" while there is no job yet. `lag_s`: how old the oldest change is
    that the target lacks, 0 when it has all, None when nobody knows. `peer_reachable`: the other region's
    database answers. `docs_written`: since the job began, None when the scheduler does not say."""

    database: str
    source: str
    target: str
    state: str
    job: str = ""
    lag_s: float | None = None
    pending: int | None = None
    dead_letters: int = 0
    error: str = ""
    peer_reachable: bool = True
    docs_written: int | None = None


class Health(msgspec.Struct, frozen=True):
    """A region's health. `live`: it can serve at all: its database takes a write and its functions answer.
    `ready`: live, and it has caught up with its reachable peers since its start. `incarnation` is another one
    after each start. `lag_s`: the largest of its links from reachable peers, None when not known. `reasons`
    say in words what is wrong."""

    region: str
    live: bool
    ready: bool
    incarnation: str
    database: bool
    functions: bool
    caught_up: bool
    lag_s: float | None = None
    reasons: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """All that an agent tells: what `/_couchgrass/status` answers with."""

    health: Health
    links: tuple[Link, ...] = ()
