"""The pages of an app for a deploy: its folder read, and where the app is, for `regions.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from couchgrass.cli.deploy_places import balancer_url, regions_of
from couchgrass.errors import BadRequest

if TYPE_CHECKING:
    from couchgrass.deploy.site import Around, Pages
    from couchgrass.region.config import Region
    from couchgrass.topology.config import App, Topology
    from couchgrass.topology.config import Pages as Declared


def around_of(topology: Topology, app: App) -> Around:
    """Where all regions of the app are, whichever are deployed to now."""
    from couchgrass.deploy.needs import PAGES_CLIENT
    from couchgrass.deploy.site import Around, Located
    from couchgrass.gateway.api import tenant_of
    from couchgrass.topology.geo import place

    regions = regions_of(topology, app, ())
    located = [
        Located(one.name, one.location, one.coordinates or place(one.location), _gateway_url(one))
        for one in regions
    ]
    is_default = all(one.gateway.default_namespace == app.namespace for one in regions)
    return Around(
        tuple(located),
        balancer_url(topology.balancer),
        "" if is_default else f"/api/{tenant_of(app.namespace)}",
        _issuer(regions),
        PAGES_CLIENT,
    )


def _gateway_url(region: Region) -> str:
    """ "" where it is not known."""
    from couchgrass.region.run.account import AccessRefused, gateway_url

    try:
        return gateway_url(region)
    except AccessRefused:
        return ""


def _issuer(regions: Sequence[Region]) -> str:
    """Of the first region that has the sign-in service: all should have the same."""
    for one in regions:
        if one.identity.enabled:
            return (one.identity.issuer or _gateway_url(one)).rstrip("/")
    return ""


def redirects_of(around: Around, path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where the pages take their codes when somebody has signed in, and warnings about places where nobody
    can: those that are neither https nor of this machine. One of this machine stands for all its ports."""
    from couchgrass.identity.tenant import LOOPBACK, redirect_uri

    found: dict[str, None] = {}
    warnings: list[str] = []
    for url in filter(None, (around.balancer, *(one.gateway_url for one in around.regions))):
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in LOOPBACK:
            found |= dict.fromkeys(f"http://{host}{path}" for host in ("127.0.0.1", "localhost"))
            continue
        try:
            found[redirect_uri(f"{parts.scheme}://{parts.netloc}{path}")] = None
        except BadRequest:
            warnings.append(f"nobody can sign in at {url}{path}: that takes https, or this machine")
    return tuple(found), tuple(warnings)


def pages_of(wanted: Declared, around: Around) -> tuple[Pages, tuple[str, ...]]:
    """The files of the folder, and warnings about what is left out. Raises PagesRefused."""
    from couchgrass.deploy.files.site import read_pages
    from couchgrass.deploy.site import Pages

    read = read_pages(Path(wanted.folder))
    return Pages(wanted.path, read.files, read.contents, wanted.csp, around), read.warnings
