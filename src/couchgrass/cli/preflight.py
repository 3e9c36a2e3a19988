"""What is wrong with a file's apps whatever the regions will say: looked at before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from couchgrass.cli.deploy_places import databases_of, outer_environment, regions_of
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.topology.config import App, Topology

PLACEHOLDER = "made-by-the-deploy"
"""For what only a deploy knows."""


def check_apps(folder: Path, topology: Topology) -> None:
    """Reads what a deploy will read. Raises CouchgrassError."""
    from couchgrass.deploy.apply.credentials import read_credentials
    from couchgrass.topology.places import CREDENTIALS

    read_credentials(folder / CREDENTIALS)
    for app in topology.apps:
        _check(app, topology)


def wants_sign_in(env_file: Path) -> bool:
    """Whether an env file says so. Raises CouchgrassError."""
    from couchgrass.deploy.envfile import switches
    from couchgrass.deploy.files.load import read_env

    return switches(read_env(env_file, outer_environment())).sign_in


def _check(app: App, topology: Topology) -> None:
    from couchgrass.deploy import envfile
    from couchgrass.deploy.apply.provision import NO_SIGN_IN
    from couchgrass.deploy.envfile import EnvFile
    from couchgrass.deploy.files.load import load_app, read_env
    from couchgrass.deploy.files.site import read_pages
    from couchgrass.deploy.needs import environment, needs_of
    from couchgrass.functions.kinds import Kinds

    outer = outer_environment()
    env = read_env(Path(app.env_file), outer) if app.env_file else EnvFile()
    said = envfile.switches(env)
    needs = needs_of(Path(app.folder).name, app.namespace, app.account, databases_of(topology), said)
    regions = regions_of(topology, app, ())
    signed_out = [
        one.name for one in regions if needs.tenant and needs.provision and not one.identity.enabled
    ]
    if signed_out:
        raise CouchgrassError(
            NO_SIGN_IN.format(", ".join(f"[regions.{name}.identity]" for name in signed_out))
        )
    account = PLACEHOLDER if needs.account else ""
    values = environment({**outer, **env.values}, username=account, password=account, url=PLACEHOLDER)
    if needs.tenant:
        values[envfile.TENANT] = PLACEHOLDER
    if app.pages is not None:
        read_pages(Path(app.pages.folder))
    # An OpenWhisk elsewhere has kinds of its own, which only it can tell.
    if ours := [one.functions for one in regions if not one.functions.url]:
        load_app(Path(app.folder), values, kinds=Kinds(ours[0].runtimes, ours[0].images).info())
