"""Cities that regions are named after: where they are, for a balancer that picks the nearest.

Pure. Degrees north and degrees east.
"""

from __future__ import annotations

import difflib
from typing import Final

import msgspec


class City(msgspec.Struct, frozen=True):
    """A city, as people write it, and its coordinates."""

    location: str
    coordinates: tuple[float, float]


CITIES: Final = {
    "amsterdam": City("Amsterdam, NL", (52.4, 4.9)),
    "atlanta": City("Atlanta, US", (33.7, -84.4)),
    "bangalore": City("Bangalore, IN", (13.0, 77.6)),
    "berlin": City("Berlin, DE", (52.5, 13.4)),
    "boston": City("Boston, US", (42.4, -71.1)),
    "cape-town": City("Cape Town, ZA", (-33.9, 18.4)),
    "chennai": City("Chennai, IN", (13.1, 80.3)),
    "chicago": City("Chicago, US", (41.9, -87.6)),
    "dallas": City("Dallas, US", (32.8, -96.8)),
    "dublin": City("Dublin, IE", (53.3, -6.3)),
    "frankfurt": City("Frankfurt, DE", (50.1, 8.7)),
    "helsinki": City("Helsinki, FI", (60.2, 24.9)),
    "hong-kong": City("Hong Kong, HK", (22.3, 114.2)),
    "johannesburg": City("Johannesburg, ZA", (-26.2, 28.0)),
    "london": City("London, GB", (51.5, -0.1)),
    "los-angeles": City("Los Angeles, US", (34.1, -118.2)),
    "madrid": City("Madrid, ES", (40.4, -3.7)),
    "melbourne": City("Melbourne, AU", (-37.8, 145.0)),
    "milan": City("Milan, IT", (45.5, 9.2)),
    "montreal": City("Montreal, CA", (45.5, -73.6)),
    "mumbai": City("Mumbai, IN", (19.1, 72.9)),
    "new-york": City("New York, US", (40.7, -74.0)),
    "osaka": City("Osaka, JP", (34.7, 135.5)),
    "oslo": City("Oslo, NO", (59.9, 10.8)),
    "paris": City("Paris, FR", (48.9, 2.4)),
    "san-francisco": City("San Francisco, US", (37.8, -122.4)),
    "san-jose": City("San Jose, US", (37.3, -121.9)),
    "sao-paulo": City("São Paulo, BR", (-23.6, -46.6)),
    "seattle": City("Seattle, US", (47.6, -122.3)),
    "seoul": City("Seoul, KR", (37.6, 127.0)),
    "singapore": City("Singapore, SG", (1.4, 103.8)),
    "stockholm": City("Stockholm, SE", (59.3, 18.1)),
    "sydney": City("Sydney, AU", (-33.9, 151.2)),
    "tokyo": City("Tokyo, JP", (35.7, 139.7)),
    "toronto": City("Toronto, CA", (43.7, -79.4)),
    "warsaw": City("Warsaw, PL", (52.2, 21.0)),
    "washington": City("Washington, US", (38.9, -77.0)),
    "zurich": City("Zurich, CH", (47.4, 8.5)),
}
"""By the name that a region has after them."""


def meant(name: str) -> str:
    """The city whose name is nearly this one; "" when there is none, or it is one itself."""
    if name in CITIES:
        return ""
    return next(iter(difflib.get_close_matches(name.lower(), CITIES, n=1, cutoff=0.8)), "")
