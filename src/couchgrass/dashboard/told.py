"""`config.json`: what the pages ask for first. `web/src/config.ts` has the same names. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec


class Other(msgspec.Struct, frozen=True):
    """A region's dashboard, where a browser reaches it."""

    name: str
    url: str


class Has(msgspec.Struct, frozen=True):
    """Which of the pages there is something for."""

    functions: bool = False
    gateway: bool = False
    balancer: bool = False
    drills: bool = False


class Told(msgspec.Struct, frozen=True):
    """`mode` "database": there is a database alone, and no region around it. `couch`: where CouchDB's API is,
    relative to the page. `others`: the dashboards of all regions."""

    version: str
    region: str = ""
    mode: Literal["dashboard", "database"] = "dashboard"
    couch: str = "couch/"
    dashboard_url: str = ""
    others: tuple[Other, ...] = ()
    has: Has = Has()
