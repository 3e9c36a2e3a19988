"""``couchgrass deploy`` and ``couchgrass undeploy``: an app into all regions at once, or out of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer

from couchgrass.cli import deploy_pages
from couchgrass.cli import deploy_places as places
from couchgrass.cli import deploy_show as show
from couchgrass.cli.paper import FAILED, complain, errors, misused, out, run
from couchgrass.cli.region import read_topology
from couchgrass.cli.which import Config, Folder, topology_file
from couchgrass.errors import CouchgrassError

if TYPE_CHECKING:
    from couchgrass.deploy.apply.credentials import Credentials
    from couchgrass.deploy.apply.place import Place
    from couchgrass.deploy.apply.region import Order, Outcome, Prepared
    from couchgrass.deploy.envfile import EnvFile
    from couchgrass.deploy.needs import Needs
    from couchgrass.topology.config import App, Topology

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass deploy[/]                    [dim]# the apps of ./couchgrass.toml[/]
  [cyan]couchgrass deploy -p my/app --plan[/]   [dim]# what would change[/]
  [cyan]couchgrass deploy -p my/app --env-file local.env --yes[/]
  [cyan]couchgrass deploy --region dallas --prune[/]

Key, database account and databases are made first, the same in all regions; credentials.json beside the file
of the regions keeps them. A region in which something fails is put back to what it was."""

UNDEPLOY_EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass undeploy[/]   [dim]# the apps of ./couchgrass.toml[/]
  [cyan]couchgrass undeploy -p my/app --region dallas --yes[/]

Only what was deployed as this app goes. Databases, the account and the key stay."""

AppFolder = Annotated[
    Path | None,
    typer.Option(
        "--project", "-p", help="The app's folder. [dim]\\[default: the apps of the file][/]", metavar="APP"
    ),
]
Manifest = Annotated[
    Path | None, typer.Option("--manifest", "-m", help="Another manifest than the folder's.", metavar="FILE")
]
Deployment = Annotated[
    Path | None,
    typer.Option("--deployment", "-d", help="Another deployment file than the folder's.", metavar="FILE"),
]
EnvFileOption = Annotated[
    Path | None,
    typer.Option("--env-file", help="NAME=VALUE lines, for the manifest's $NAME.", metavar="FILE"),
]
Param = Annotated[
    list[str] | None,
    typer.Option("--param", help="An input; goes before all files. May be repeated.", metavar="KEY=VALUE"),
]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", "-r", help="Only this region. May be repeated.", metavar="NAME"),
]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Another than the file says, or guest.", metavar="NAME")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Plan = Annotated[bool, typer.Option("--plan", help="Show what would be done, and do nothing.")]


class Asked(NamedTuple):
    """The options."""

    command: str
    app: Path | None
    manifest: Path | None
    deployment: Path | None
    env_file: Path | None
    params: Mapping[str, str]
    regions: Sequence[str]
    namespace: str
    config: Path | None
    folder: Path | None
    plan: bool
    yes: bool
    as_json: bool
    prune: bool = False
    strict: bool = False

    @property
    def takes_away(self) -> bool:
        return self.command == "undeploy"


def deploy(
    app: AppFolder = None,
    manifest: Manifest = None,
    deployment: Deployment = None,
    env_file: EnvFileOption = None,
    param: Param = None,
    region: Regions = None,
    namespace: NamespaceOption = "",
    plan: Plan = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the app had and its manifest has no longer.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what else is warned of.")] = False,
    yes: Yes = False,
    as_json: Json = False,
    config: Config = None,
    folder: Folder = None,
) -> None:
    """Deploy an app to all regions: what its manifest asks for, where it is not so already."""
    asked = Asked(
        "deploy", app, manifest, deployment, env_file, _params(param or ()), region or (), namespace,
        config, folder, plan, yes, as_json, prune, strict,
    )  # fmt: skip
    _command(asked)


def undeploy(
    app: AppFolder = None,
    manifest: Manifest = None,
    deployment: Deployment = None,
    env_file: EnvFileOption = None,
    param: Param = None,
    region: Regions = None,
    namespace: NamespaceOption = "",
    plan: Plan = False,
    yes: Yes = False,
    as_json: Json = False,
    config: Config = None,
    folder: Folder = None,
) -> None:
    """Take an app out of all regions. Its data stays."""
    asked = Asked(
        "undeploy", app, manifest, deployment, env_file, _params(param or ()), region or (), namespace,
        config, folder, plan, yes, as_json,
    )  # fmt: skip
    _command(asked)


def _params(given: Sequence[str]) -> dict[str, str]:
    if bad := [one for one in given if not one.partition("=")[1] or one.startswith("=")]:
        misused("deploy", f"--param takes KEY=VALUE, not {bad[0].partition('=')[0] or bad[0]!r}")
    return {key: value for key, _, value in (one.partition("=") for one in given)}


def _command(asked: Asked) -> None:
    if asked.as_json and not (asked.yes or asked.plan):
        misused(asked.command, "--json does not ask: give --yes or --plan too")
    if asked.manifest is not None and asked.app is None:
        asked = asked._replace(app=asked.manifest.absolute().parent)
    raise typer.Exit(run(asked.command, _whole(asked)))


async def deploy_all(folder: Path) -> int:
    """Deploys the apps of a folder of `couchgrass up`, unasked; the exit status. Raises CouchgrassError."""
    return await _whole(
        Asked("deploy", None, None, None, None, {}, (), "", None, folder, plan=False, yes=True, as_json=False)
    )


async def _whole(asked: Asked) -> int:
    file = topology_file(asked.command, asked.config, asked.folder)
    topology = read_topology(file)
    apps = places.apps_of(topology, asked.app, namespace=asked.namespace, env_file=asked.env_file)
    if len(apps) > 1 and (asked.manifest or asked.deployment):
        raise CouchgrassError("there are several apps: name the one that is meant with -p")
    told, failed = [], False
    for app in apps:
        one = _Deploy(asked, file, topology, app)
        failed |= not await one.run()
        told.append(one.told())
    if asked.as_json:
        show.print_json({"ok": not failed, "apps": told})
    elif not failed and not asked.plan:
        out.print("\nAll done.", highlight=False)
    return FAILED if failed else 0


class _Deploy:
    """One app on its way."""

    def __init__(self, asked: Asked, file: Path, topology: Topology, app: App) -> None:
        from couchgrass.topology.places import CREDENTIALS

        self._asked = asked
        self._topology = topology
        self._app = app
        self._file = file.absolute().parent / CREDENTIALS
        self._regions = places.regions_of(topology, app, asked.regions)
        self._balancer = places.balancer_url(topology.balancer)
        self._pages = None if asked.takes_away else app.pages
        self._around = deploy_pages.around_of(topology, app)
        self._env = _env_file(app)
        self._prepared: list[Prepared] = []
        self._outcomes: list[Outcome] = []
        self._warnings: list[str] = []
        self._unlinked: list[str] = []
        self._late: list[str] = []

    async def run(self) -> bool:
        """False when something went wrong that was said."""
        async with AsyncExitStack() as stack:
            needs = self._needs()
            order = await asyncio.to_thread(self._order, needs)
            with errors.status("looking at the regions"):
                found, credentials = await self._places(needs, stack)
                await self._prepare(found, needs, credentials, order)
            changes = any(one.changes for one in self._prepared)
            if not self._asked.as_json:
                show.show_warnings(self._warnings)
                show.show_plan(self._prepared, takes_away=self._asked.takes_away)
                if not changes:
                    names = ", ".join(one.place.name for one in self._prepared)
                    out.print(f"Nothing changes: {self._prepared[0].name} in {names}", highlight=False)
            if self._asked.plan:
                return True
            if changes:
                self._agree()
                self._keep(credentials)
            await self._carry_out(order)
            return await self._end(needs)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        done = {one.prepared.place.name: one for one in self._outcomes}
        return {
            "app": self._prepared[0].name,
            "namespace": self._app.namespace,
            "warnings": self._warnings + self._late,
            "unlinked": self._unlinked,
            "regions": [show.told(one, done.get(one.place.name), self._balancer) for one in self._prepared],
        }

    def _needs(self) -> Needs:
        from couchgrass.deploy import envfile
        from couchgrass.deploy.needs import needs_of, warnings_of

        said = envfile.switches(self._env)
        databases = () if self._asked.takes_away else places.databases_of(self._topology)
        name = Path(self._app.folder).name
        needs = needs_of(name, self._app.namespace, self._app.account, databases, said)
        if self._pages is not None and needs.tenant and needs.provision:
            redirects, warnings = deploy_pages.redirects_of(self._around, self._pages.path)
            needs = msgspec.structs.replace(needs, redirects=redirects)
            self._warnings += warnings
        self._warnings += warnings_of(needs, self._env.values)
        return needs

    def _order(self, needs: Needs) -> Order:
        from couchgrass.clock import SystemClock
        from couchgrass.deploy import envfile
        from couchgrass.deploy.apply.region import Order
        from couchgrass.deploy.files.load import load_app, variables

        folder, asked = Path(self._app.folder), self._asked
        files = {"manifest": asked.manifest, "deployment": asked.deployment}
        self._warnings += envfile.unknown(self._env, variables(folder, **files))

        def load(env: Mapping[str, str], kinds: Any) -> Any:
            return load_app(folder, env, kinds=kinds, params=asked.params, strict=asked.strict, **files)

        pages = None
        if self._pages is not None:
            pages, warnings = deploy_pages.pages_of(self._pages, self._around)
            elsewhere = [one.name for one in self._regions if one.functions.url]
            text = "its gateway runs elsewhere, so there are no pages at it"
            self._warnings += [*warnings, *(f"{name}: {text}" for name in elsewhere)]
        env = {**places.outer_environment(), **self._env.values}
        return Order(load, env, SystemClock(), prune=asked.prune, takes_away=asked.takes_away, pages=pages)

    async def _places(self, needs: Needs, stack: AsyncExitStack) -> tuple[list[Place], Credentials]:
        from couchgrass.clock import SystemClock
        from couchgrass.deploy.apply.credentials import read_credentials
        from couchgrass.deploy.apply.provision import settled

        found = [await places.place_of(one, needs, stack) for one in self._regions]
        return found, settled(read_credentials(self._file), needs, found, SystemClock())

    async def _prepare(
        self, found: Sequence[Place], needs: Needs, credentials: Credentials, order: Order
    ) -> None:
        """Looks at all regions. One that can't be looked at ends it, before anything is written."""
        from couchgrass.deploy.apply.provision import provisioned
        from couchgrass.deploy.apply.region import prepare

        looks = (prepare(one, provisioned(one, needs, credentials), order) for one in found)
        answers = await asyncio.gather(*looks, return_exceptions=True)
        refusals = []
        for place, answer in zip(found, answers, strict=True):
            if isinstance(answer, CouchgrassError):
                notes = "".join(f" ({note})" for note in getattr(answer, "__notes__", ()))
                refusals.append(f"{place.name}: {answer.reason or answer.error}{notes}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._prepared.append(answer)
                self._warnings += answer.app.warnings
        if refusals:
            able = "".join(f" --region {one.place.name}" for one in self._prepared)
            hint = f"\nNothing was changed anywhere. To go on without:{able}" if able else ""
            raise CouchgrassError("\n".join(dict.fromkeys(refusals)) + hint)

    def _agree(self) -> None:
        if self._asked.yes:
            return
        if not sys.stdin.isatty():
            raise CouchgrassError(
                "there is no terminal to ask at, so nothing was done: --yes does it unasked"
            )
        if not typer.confirm("Take it away?" if self._asked.takes_away else "Do it?", err=True):
            raise CouchgrassError("nothing was done")

    def _keep(self, credentials: Credentials) -> None:
        """Writes down what the regions are about to get. Another deploy may have been faster: then its."""
        from couchgrass.deploy.apply.credentials import keep

        if self._asked.takes_away:
            return
        if keep(self._file, credentials) != credentials:
            raise CouchgrassError(f"another deploy wrote {self._file} meanwhile: run it again")

    async def _carry_out(self, order: Order) -> None:
        from couchgrass.deploy.apply.region import all_ended, carry_out

        with show.progress(self._prepared) as tell:
            works = (carry_out(one, order, tell(one.place.name)) for one in self._prepared)
            self._outcomes = await all_ended(works)

    async def _end(self, needs: Needs) -> bool:
        failed = [one for one in self._outcomes if one.error is not None]
        if not self._asked.takes_away and not failed:
            await self._links(needs)
        if not self._asked.as_json:
            show.show_apis([one for one in self._outcomes if one.error is None], self._balancer)
            show.show_warnings(self._late)
            for one in failed:
                complain(self._asked.command, show.error_text(one))
            for text in self._unlinked:
                complain(self._asked.command, f"this link does not run: {text}")
        return not failed and not self._unlinked

    async def _links(self, needs: Needs) -> None:
        """Sees the links run of what was made here: the app's databases, and the tenants."""
        from couchgrass.deploy.apply.links import wait_linked
        from couchgrass.topology.links import IDENTITY

        agents = {one.prepared.place.name: one.prepared.place.agent_url for one in self._outcomes}
        shared = (IDENTITY,) if needs.tenant and needs.provision else ()
        ways = places.ways_of(self._topology, (*needs.databases, *shared), agents)
        unseen = sorted({target for _, _, target in ways if not agents[target]})
        if unseen:
            text = "its links are not seen from here, since its agent listens on its own machine only"
            self._late = [f"{name}: {text}" for name in unseen]
        if seen := [way for way in ways if agents[way[2]]]:
            self._unlinked = await wait_linked(agents, seen)


def _env_file(app: App) -> EnvFile:
    from couchgrass.deploy.envfile import EnvFile
    from couchgrass.deploy.files.load import read_env

    return read_env(Path(app.env_file), places.outer_environment()) if app.env_file else EnvFile()
