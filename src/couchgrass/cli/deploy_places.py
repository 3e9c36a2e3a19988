"""Which app goes where: what ``couchgrass deploy`` makes of its options and the file with all regions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.deploy.apply.place import Place
    from couchgrass.deploy.needs import Needs
    from couchgrass.region.config import Region
    from couchgrass.topology.config import App, Balancer, Topology


def apps_of(topology: Topology, folder: Path | None, *, namespace: str, env_file: Path | None) -> list[App]:
    """The apps that are meant: all of the file, or the one in `folder`, with what the file says of it."""
    from couchgrass.topology.config import App

    found = list(topology.apps)
    if folder is not None:
        here = folder.resolve()
        found = [one for one in topology.apps if Path(one.folder).resolve() == here] or [App(str(here))]
    if not found:
        raise CouchgrassError(
            "no app: name its folder with -p, or write [[apps]] into the file of the regions"
        )
    changes = {"namespace": namespace} if namespace else {}
    if env_file is not None:
        changes["env_file"] = str(env_file)
    return [msgspec.structs.replace(one, **changes) for one in found]


def regions_of(topology: Topology, app: App, named: Sequence[str]) -> list[Region]:
    """The regions that are meant, in the file's order."""
    if unknown := [name for name in named if name not in topology.names]:
        raise CouchgrassError(f"there is no region {unknown[0]}: there is {', '.join(topology.names)}")
    return [
        one
        for one in topology.regions
        if (not named or one.name in named) and (not app.regions or one.name in app.regions)
    ]


def databases_of(topology: Topology) -> tuple[str, ...]:
    """Databases that the file names without a pattern: an app's, to be made for it."""
    return tuple(dict.fromkeys(one.match for one in topology.databases if "*" not in one.match))


async def place_of(region: Region, needs: Needs, stack: AsyncExitStack) -> Place:
    """A region, ready to be asked as long as `stack` is open. Raises AccessRefused."""
    from couchgrass.deploy.apply.credentials import key_of_file
    from couchgrass.deploy.apply.place import Place
    from couchgrass.region.places import account_file, key_file
    from couchgrass.region.run.account import AccessRefused, api_host, peer_access

    key = None
    if region.functions.url:
        key = key_of_file(Path(region.functions.key))
        if key is None:
            raise AccessRefused(
                f"{region.functions.key} holds no key of the OpenWhisk at {region.functions.url}"
            )
    return Place(
        name=region.name,
        couch=await stack.enter_async_context(peer_access(region).server()),
        database_url=_inner_url(region),
        functions_url=api_host(region),
        agent_url=_agent_url(region),
        key=key,
        is_embedded=not region.database.url,
        signs_in=region.identity.enabled,
        has_pages=not region.functions.url,
        key_file=Path(key_file(region.data, needs.namespace)),
        account_file=Path(account_file(region.data, needs.account)) if needs.account else None,
    )


def _agent_url(region: Region) -> str:
    """Where the region's agent is reached from here; "" when only its own machine can ask it."""
    from couchgrass.region.config import LOCAL_NETWORKS
    from couchgrass.region.run.account import served_at
    from couchgrass.region.run.state_file import state_of

    runs_here = state_of(region) is not None
    on_network = not any(is_in(region.agent.host, network) for network in LOCAL_NETWORKS)
    return served_at(region, "agent") if runs_here or on_network else ""


def is_in(host: str, network: str) -> bool:
    """Is it an address of that network, or localhost?"""
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network)
    except ValueError:
        return host == "localhost"


def _inner_url(region: Region) -> str:
    """Where actions, which run on the region's own machine, reach its database."""
    from couchgrass.region.run.account import peer_access
    from couchgrass.region.urls import reached_at

    database = region.database
    if database.url:
        return database.url
    if not database.public_url:
        return peer_access(region).url
    return reached_at(database.host, database.port)


def balancer_url(balancer: Balancer | None) -> str:
    """Where the balancer serves; "" without one."""
    from couchgrass.region.urls import reached_at

    if balancer is None or not balancer.port:
        return ""
    scheme, usual = ("https", 443) if balancer.tls is not None else ("http", 80)
    return reached_at(balancer.hostname or balancer.host, balancer.port, scheme).removesuffix(f":{usual}")


def behind(url: str, balancer: str) -> str:
    """The URL of the same thing at the balancer."""
    return balancer + urlsplit(url).path


def ways_of(
    topology: Topology, databases: Iterable[str], regions: Iterable[str]
) -> list[tuple[str, str, str]]:
    """(database, source, target) of the links that there should be between these regions."""
    from couchgrass.topology.links import Wishes

    wishes, chosen = Wishes(topology), frozenset(regions)
    return [
        (database, way.source, way.target)
        for database in databases
        for way in wishes.ways(database)
        if way.source in chosen and way.target in chosen
    ]


def outer_environment() -> Mapping[str, str]:
    """The environment around the env file."""
    return dict(os.environ)
