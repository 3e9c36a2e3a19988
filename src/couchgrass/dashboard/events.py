"""What changed between two overviews, in words.

Pure. A link's changes are told for all databases between two regions together: there may be thousands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from couchgrass.dashboard.seen import Admitted, Event, LinkNow, Overview, RegionNow, Tone

_BROKEN: Final = frozenset({"error", "crashing", "failed"})
"""States of a link's job that are worth a word. Others come and go."""

_ADMITTED: Final[Mapping[str, tuple[str, Tone]]] = {
    "serving": ("the balancer sends requests to {}", "good"),
    "standby": ("{} stands by at the balancer", "plain"),
    "out": ("the balancer takes {} out", "bad"),
    "draining": ("{} is being drained", "warn"),
    "drained": ("{} is drained", "plain"),
    "starting": ("the balancer asks {} how it is", "plain"),
}


def changes(before: Overview, now: Overview) -> Iterator[Event]:
    """Each change once."""
    was = {one.name: one for one in before.regions}
    for region in now.regions:
        if region.name in was and was[region.name].state != region.state:
            yield _region(was[region.name], region, now.at)
    yield from _links(before, now)
    yield from _balancer(before, now)


def _region(was: RegionNow, now: RegionNow, at: float) -> Event:
    why = f": {', '.join(now.reasons)}" if now.reasons else ""
    match now.state:
        case "ready":
            return Event(at, now.name, f"{now.name} is ready", "good")
        case "live" if was.state == "down":
            return Event(at, now.name, f"{now.name} is back and catches up", "warn")
        case "live":
            return Event(at, now.name, f"{now.name} is not ready{why}", "warn")
        case _:
            return Event(at, now.name, f"{now.name} is down{why}", "bad")


Pair = tuple[str, str]


def _links(before: Overview, now: Overview) -> Iterator[Event]:
    """Of pairs that both tell of: whose agent is silent tells of none."""
    was = _pairs(before)
    for (source, target), links in _pairs(now).items():
        earlier = was.get((source, target))
        if earlier is None:
            continue
        reached, reached_now = _reached(earlier), _reached(links)
        if reached and not reached_now:
            yield Event(now.at, target, f"{target} does not reach {source}", "bad")
        elif reached_now and not reached:
            yield Event(now.at, target, f"{target} reaches {source} again", "good")
        broken, broken_now = _broken(earlier), _broken(links)
        if broken_now and not broken and reached_now:
            first = broken_now[0]
            more = f" and {len(broken_now) - 1} more" if len(broken_now) > 1 else ""
            why = first.error or first.state
            text = f"replication {source} to {target} fails: {first.database}{more}: {why}"
            yield Event(now.at, target, text, "bad")
        elif broken and not broken_now and reached:
            yield Event(now.at, target, f"replication {source} to {target} runs", "good")


def _pairs(overview: Overview) -> dict[Pair, list[LinkNow]]:
    found: dict[Pair, list[LinkNow]] = {}
    for link in overview.links:
        found.setdefault((link.source, link.target), []).append(link)
    return found


def _reached(links: list[LinkNow]) -> bool:
    return all(one.peer_reachable for one in links)


def _broken(links: list[LinkNow]) -> list[LinkNow]:
    return [one for one in links if one.state in _BROKEN]


def _balancer(before: Overview, now: Overview) -> Iterator[Event]:
    was, there = before.balancer, now.balancer
    if was is None or there is None or not there.here:
        return
    if was.answers != there.answers:
        text = "the balancer answers again" if there.answers else "the balancer does not answer"
        yield Event(now.at, "", text, "good" if there.answers else "bad")
    for name, admitted in there.regions.items():
        earlier = was.regions.get(name)
        if earlier is not None and earlier.state != admitted.state:
            yield _admitted(name, admitted, now.at)


def _admitted(name: str, admitted: Admitted, at: float) -> Event:
    text, tone = _ADMITTED.get(admitted.state, ("the balancer says of {}: " + admitted.state, "plain"))
    why = f": {admitted.reason}" if admitted.state == "out" and admitted.reason else ""
    return Event(at, name, text.format(name) + why, tone)
