"""Which region copies what from which: the links that a topology asks for.

Pure. A link goes one way, from a source to a target; its target's agent keeps it. The first entry of
`[[databases]]` that matches a database's name counts, and no other. What each shape means, so that every
change reaches every region, and still does as far as possible when one region is lost:

======  ==================================================  ============================================
shape   links                                               when one region is lost
======  ==================================================  ============================================
mesh    each region copies from each other                  nothing else changes
ring    each copies from the one before it and the one      the ring becomes a line that reaches all the
        after it, in the file's order                       same: a ring in one direction would not
hub     the hub copies from each, and each from the hub     only the hub's loss separates the others
======  ==================================================  ============================================

With `source` it is the shape without the links into the source: nothing ever comes back to it, and the
standbys pass on to each other what one of them got, so that they are equal also when the source is lost.

Some databases are no pattern's business. Those of the system (`_…`), a region's feeds and its copy of the
apps' pages, which each deploy writes, are never copied.
Names that begin with `whisk_` or `couchgrass_` are matched only by a pattern that begins so too: `*` is all
databases of apps. Two things are in step without an entry of their own: the answers kept for
`Idempotency-Key` for as long as they count, and, between regions with sign-in, its tenants and its users.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from couchgrass.gateway.idempotency import PREFIX, is_looked_for
from couchgrass.gateway.site import DATABASE as PAGES
from couchgrass.topology.config import Shape, Synced, Topology

USERS: Final = "_users"
IDENTITY: Final = "couchgrass_identity"
HEALTH: Final = "couchgrass_health"
"""Where a region's agent tries whether its database takes a write."""

NEVER: Final = frozenset({"whisk_feeds", HEALTH, PAGES})
RESERVED: Final = ("whisk_", "couchgrass_")


class Way(NamedTuple):
    """From one region to another, by their names."""

    source: str
    target: str


class Wishes:
    """All links of a topology, made once. Databases are looked up by name; the answers are kept."""

    def __init__(self, topology: Topology) -> None:
        self.regions = topology.names
        self._entries = [(_matcher(entry), _ways(entry, topology.names)) for entry in _entries(topology)]
        self._known: dict[str, frozenset[Way]] = {}
        self.all_ways: frozenset[Way] = frozenset().union(*(ways for _, ways in self._entries))
        """Every pair of regions between which some database might be copied."""

    def ways(self, database: str) -> frozenset[Way]:
        """The links of one database; none of one that regions do not keep in step."""
        found = self._known.get(database)
        if found is None:
            found = next((ways for matches, ways in self._entries if matches(database)), frozenset())
            self._known[database] = found
        return found

    def wants(self, way: Way, database: str) -> bool:
        """Whether this database is copied this way."""
        return way in self.ways(database)

    def into(self, target: str) -> tuple[str, ...]:
        """The regions that this one copies anything from."""
        return tuple(one for one in self.regions if Way(one, target) in self.all_ways)

    def keep(self, databases: Iterable[str]) -> None:
        """Forgets the answers about all other databases, so that they do not gather for ever."""
        names = frozenset(databases)
        self._known = {name: ways for name, ways in self._known.items() if name in names}


def shared_apps(topology: Topology, region: str) -> dict[str, frozenset[str]]:
    """The namespaces of this region's apps, with the other regions that have those apps too. Regions whose
    functions run elsewhere keep them there: they are left out."""
    ours = [one.name for one in topology.regions if not one.functions.url]
    found: dict[str, frozenset[str]] = {}
    for app in topology.apps:
        names = frozenset(name for name in ours if not app.regions or name in app.regions)
        if region in names:
            found[app.namespace] = found.get(app.namespace, frozenset()) | names - {region}
    return found


def matches(pattern: str, database: str) -> bool:
    """Whether a pattern of the file means this database; `*` stands for any characters."""
    if database.startswith("_") or database in NEVER:
        return False
    if any(database.startswith(prefix) and not pattern.startswith(prefix) for prefix in RESERVED):
        return False
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), database) is not None


def is_expired(database: str, now_s: float) -> bool:
    """A database of kept answers in which no key is looked for any more: it is not copied and not made."""
    return database.startswith(PREFIX) and not is_looked_for(database, now_s)


def _entries(topology: Topology) -> list[Synced]:
    signing_in = tuple(region.name for region in topology.regions if region.identity.enabled)
    built_in = [Synced(PREFIX + "*")]
    if len(signing_in) > 1:
        built_in += [Synced(IDENTITY, regions=signing_in), Synced(USERS, regions=signing_in)]
    return [*topology.databases, *built_in]


def _matcher(entry: Synced) -> Callable[[str], bool]:
    if entry.match == USERS:
        return lambda database: database == USERS and bool(entry.regions)
    return lambda database: matches(entry.match, database)


def _ways(entry: Synced, all_regions: tuple[str, ...]) -> frozenset[Way]:
    names = tuple(name for name in all_regions if not entry.regions or name in entry.regions)
    shaped = _SHAPES[entry.shape](names, entry.hub)
    return frozenset(way for way in shaped if way.target != entry.source and way.source != way.target)


def _mesh(names: tuple[str, ...], hub: str) -> list[Way]:
    return [Way(source, target) for source in names for target in names]


def _ring(names: tuple[str, ...], hub: str) -> list[Way]:
    forth = [Way(before, name) for before, name in zip(names[-1:] + names[:-1], names, strict=True)]
    return forth + [Way(way.target, way.source) for way in forth]


def _hub(names: tuple[str, ...], hub: str) -> list[Way]:
    middle = hub or names[0]
    return [way for name in names for way in (Way(name, middle), Way(middle, name))]


_SHAPES: Final[Mapping[Shape, Callable[[tuple[str, ...], str], list[Way]]]] = {
    Shape.MESH: _mesh,
    Shape.RING: _ring,
    Shape.HUB: _hub,
}
