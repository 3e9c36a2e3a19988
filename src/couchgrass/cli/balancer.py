"""``couchgrass balancer``: runs the global load balancer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from couchgrass.cli.complaints import FAILED, complain
from couchgrass.cli.region import read_topology
from couchgrass.cli.which import Config, topology_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    import socket

    from couchgrass.balancer.envoy.site import Site, Sites
    from couchgrass.region.config import Region
    from couchgrass.topology.config import Balancer

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass balancer[/]       [dim]# of ./couchgrass.toml[/]
  [cyan]couchgrass balancer -c fleet.toml[/]
  [cyan]couchgrass drain london[/]   [dim]# in another terminal: nothing new goes there[/]

Ctrl-C or SIGTERM ends it; requests under way get 4 seconds to finish."""


def balancer(config: Config = None) -> None:
    """Run the global load balancer: Envoy, in front of all regions of a file.

    It probes the regions' gateways all the time and gives requests to those that can serve.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("_granian").setLevel(logging.ERROR)
    from couchgrass.serving import process

    try:
        process.run(_serve(topology_file("balancer", config)))
    except CouchgrassError as refused:
        complain("balancer", refused.reason)
        raise typer.Exit(FAILED) from refused


async def _serve(file: Path) -> None:
    from contextlib import ExitStack, closing

    from couchgrass.balancer.envoy.binary import envoy_binary
    from couchgrass.balancer.envoy.folder import Hold
    from couchgrass.balancer.envoy.site import site_of
    from couchgrass.serving.process import allow_files

    allow_files()
    site = site_of(read_topology(file))
    program = envoy_binary()
    with ExitStack() as stack:
        stack.enter_context(closing(Hold(Path(site.balancer.data))))
        await _run(file, site, program, stack.enter_context(_metrics_socket(file, site.balancer)))


def _metrics_socket(file: Path, wanted: Balancer) -> socket.socket:
    from couchgrass.serving.listen import Named, bind

    named = Named(*(f"{key} of [balancer] in {file}" for key in ("metrics_host", "metrics_port")))
    return bind(wanted.metrics_host, wanted.metrics_port, named)


async def _run(file: Path, site: Site, program: Path, listener: socket.socket) -> None:
    from couchgrass.balancer.envoy.app import BalancerApp
    from couchgrass.balancer.envoy.controller import Controller, Place
    from couchgrass.balancer.envoy.site import Sites, Source
    from couchgrass.balancer.envoy.tls import Certificate
    from couchgrass.clock import SystemClock
    from couchgrass.region.urls import reached_at, reached_host
    from couchgrass.serving.process import serve_until_told, url_of

    wanted = site.balancer
    port = _free_port(file, wanted)
    url = reached_at(wanted.host, port, "https" if wanted.tls is not None else "http")
    place = Place(Path(wanted.data), url, url_of(listener, reached_host(wanted.metrics_host)), port)
    sites: Sites = Sites(Source(file, lambda: read_topology(file), gateway_of), site)
    certificate = None if wanted.tls is None else Certificate(wanted.tls)
    controller = Controller(place, sites, program, SystemClock(), certificate)
    try:
        await controller.start()
        app = BalancerApp(controller.state, controller.totals, controller.admin)
        await serve_until_told(app, listener, lambda: typer.echo(f"couchgrass balancer serves at {url}"))
    except OSError as refused:
        raise CouchgrassError(f"{wanted.data} can't be used: {refused}") from refused
    finally:
        await controller.stop()


def _free_port(file: Path, wanted: Balancer) -> int:
    """The port for Envoy, which is free. Raises StartRefused.

    Envoy itself would share it with any other Envoy of this user."""
    from couchgrass.serving.listen import Named, bind

    with bind(wanted.host, wanted.port, Named("host of [balancer]", f"port of [balancer] in {file}")) as free:
        port: int = free.getsockname()[1]
        return port


def gateway_of(region: Region, wanted: Balancer) -> str:
    """Where the balancer reaches a region's gateway; "" when that is not known yet. Raises CouchgrassError.

    A gateway may name as its public URL the hostname that the balancer itself serves: then that is not it."""
    from couchgrass.region.run.account import served_at

    if region.gateway.url:
        return region.gateway.url
    public = region.gateway.public_url
    if public and urlsplit(public).hostname != wanted.hostname.lower():
        return public
    return served_at(region, "gateway")
