"""A dashboard's server: the one place where its parts are put together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from couchgrass import __version__
from couchgrass.cli.agent import topology_of
from couchgrass.cli.dashboard_own import folder_of, is_of_up, own_of
from couchgrass.clock import SystemClock
from couchgrass.dashboard.cookies import cookie_name
from couchgrass.dashboard.http.app import App
from couchgrass.dashboard.http.backends import Backends, Servers
from couchgrass.dashboard.http.passing import Passing
from couchgrass.dashboard.told import Has, Other, Told
from couchgrass.region.config import Region
from couchgrass.region.places import SHARED
from couchgrass.region.run.account import dashboard_url, database_url, served_at
from couchgrass.serving.inner import bearer, region_secret
from couchgrass.serving.pages import DASHBOARD, Pages, built
from couchgrass.topology.apart import machine_of
from couchgrass.topology.config import Topology


def _pages() -> Pages:
    return built(DASHBOARD)


def of_database(url: str, own: str) -> App:
    """The dashboard of one database server, served at `own`: there is nothing else behind it."""
    # Cookies know no ports: each such server has a name of its own for its session.
    cookie = cookie_name(str(urlsplit(own).port))
    passing = Passing()
    servers = Servers("", cookie, lambda: url)
    return App(
        Backends(servers, passing, SystemClock()),
        passing,
        pages=_pages,
        told=lambda: Told(__version__, mode="database"),
    )


async def opened(region: Region, file: Path, url: str, stack: AsyncExitStack) -> App:
    """The dashboard of a region, served at `url`. What was begun is ended by `stack`, in good order. It
    serves before the region's database does, and goes on without it."""
    topology, folder = topology_of(file, region), folder_of(file, region)
    passing = Passing()
    stack.push_async_callback(passing.close)
    return App(
        Backends(_servers(region), passing, SystemClock()),
        passing,
        pages=_pages,
        told=lambda: _told(region, topology, url, has_drills=is_of_up(folder)),
        own=await own_of(region, topology, folder, stack),
    )


def _servers(region: Region) -> Servers:
    acting = _key(region) if region.functions.url else bearer(region_secret(Path(region.data) / SHARED))
    return Servers(
        region.name,
        cookie_name(region.name),
        lambda: database_url(region),
        functions=lambda: served_at(region, "functions"),
        gateway=lambda: served_at(region, "gateway"),
        acting=acting,
        in_any=not region.functions.url,
    )


def _key(region: Region) -> str:
    """The `Authorization` for functions elsewhere, "" when the file names no key."""
    from couchgrass.couch.auth import basic
    from couchgrass.deploy.apply.credentials import key_of_file

    key = key_of_file(Path(region.functions.key)) if region.functions.key else None
    return basic(*key.key.split(":", 1)) if key is not None else ""


def _told(region: Region, topology: Topology, url: str, *, has_drills: bool) -> Told:
    own = region.dashboard.public_url or url
    return Told(
        __version__,
        region=region.name,
        dashboard_url=own,
        others=tuple(
            Other(one.name, found)
            for one in topology.regions
            if (found := own if one.name == region.name else _reached(one))
        ),
        has=Has(functions=True, gateway=True, balancer=topology.balancer is not None, drills=has_drills),
    )


def _reached(region: Region) -> str:
    """Where a browser reaches the dashboard of another region of the file, "" when that is not known."""
    if machine_of(region) and not region.dashboard.public_url:
        return ""
    return dashboard_url(region)
