"""One region's share of a deploy: what it lacks and what differs, then all of it made true.

`prepare` only reads. `carry_out` provisions, and when that made anything looks again, since what is in a
namespace can only be read with its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from couchgrass.clock import Clock
from couchgrass.deploy import envfile
from couchgrass.deploy.apply.apply import Failed, Target, Tell, apply
from couchgrass.deploy.apply.place import Place
from couchgrass.deploy.apply.provision import Missing, Provisioned, look, make
from couchgrass.deploy.apply.read import read_present
from couchgrass.deploy.apply.site import Publisher
from couchgrass.deploy.diff import How, plan
from couchgrass.deploy.needs import environment
from couchgrass.deploy.site import Owner, Pages, built, site_steps, with_pages
from couchgrass.deploy.steps import Kind, Plan, Present, Step
from couchgrass.deploy.wanted import App
from couchgrass.errors import CouchgrassError
from couchgrass.whisk.host import WhiskHost
from couchgrass.whisk.namespace import Namespace

T = TypeVar("T")

Load = Callable[[Mapping[str, str], Any], App]
"""(environment, the host's runtimes) to the app. Reads files, so it is called on a thread."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of all regions alike. `env` is the environment without what is the region's own.
    `takes_away`: all of the app goes. `pages` None: the app has none."""

    load: Load
    env: Mapping[str, str] = field(repr=False)
    clock: Clock
    prune: bool = False
    takes_away: bool = False
    pages: Pages | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A region as it was found, and what there is to do. `app` is what is wanted there, `name` marks it;
    `urls` are those of the APIs there are, by base path. `publisher` puts its pages."""

    place: Place
    wanted: Provisioned
    name: str
    app: App
    plan: Plan
    missing: tuple[Missing, ...] = ()
    urls: Mapping[str, str] = field(default_factory=dict)
    publisher: Publisher | None = None

    @property
    def changes(self) -> bool:
        """Is there anything to do?"""
        return bool(self.missing or self.plan.writes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a region: `error` says what went wrong. `is_back`: then it is as it was before."""

    prepared: Prepared
    urls: Mapping[str, str] = field(default_factory=dict)
    error: CouchgrassError | None = None

    @property
    def is_back(self) -> bool:
        return isinstance(self.error, Failed) and not self.error.stuck


async def prepare(place: Place, wanted: Provisioned, order: Order) -> Prepared:
    """Raises what the region or the manifest refuses, and PeerLost."""
    needs = wanted.needs
    missing = tuple(await look(place, wanted))
    async with WhiskHost(place.functions_url, wanted.key.key) as host:
        about = await host.ask("GET", "/")
        app = await asyncio.to_thread(order.load, _environment(wanted, place, order), about.get("runtimes"))
        name = app.project or needs.app
        asked = App(project=app.project) if order.takes_away else app
        if any(one.kind == "namespace" for one in missing):
            present = Present(needs.namespace)
        else:
            present = await read_present(await Namespace.open(host), asked, name)
    how = How(
        app=name,
        now_ms=int(order.clock.now() * 1000),
        functions_url=place.functions_url,
        prune=order.prune or order.takes_away,
        tenant=wanted.sign_in.tenant_id if wanted.sign_in is not None else "",
    )
    publisher, steps = await _pages(place, wanted, app, Owner(name, needs.namespace, how.prune), order)
    return Prepared(
        place=place,
        wanted=wanted,
        name=name,
        app=asked,
        plan=with_pages(plan(asked, present, how), steps),
        missing=() if order.takes_away else missing,
        urls=present.urls,
        publisher=publisher,
    )


async def _pages(
    place: Place, wanted: Provisioned, app: App, owner: Owner, order: Order
) -> tuple[Publisher | None, list[Step]]:
    """Who puts the pages, and what there is to put. A region without a gateway of ours serves none."""
    if not place.has_pages:
        return None, []
    if order.pages is None or order.takes_away:
        publisher = Publisher(place.couch)
        return publisher, site_steps(None, await publisher.look(), owner)
    tenant = "" if wanted.sign_in is None else wanted.sign_in.tenant_id
    site, contents = built(order.pages, app, owner, tenant)
    publisher = Publisher(place.couch, contents)
    return publisher, site_steps(site, await publisher.look(site.path), owner)


async def carry_out(prepared: Prepared, order: Order, tell: Tell) -> Outcome:
    """Does it. What the region refuses is in the outcome."""
    place, wanted = prepared.place, prepared.wanted
    try:
        if prepared.missing:
            await make(place, wanted, prepared.missing)
            prepared = await prepare(place, wanted, order)
        async with WhiskHost(place.functions_url, wanted.key.key) as host:
            target = Target(await Namespace.open(host), prepared.publisher)
            made = await apply(prepared.plan, target, tell)
    except CouchgrassError as refused:
        return Outcome(prepared, prepared.urls, refused)
    for step in prepared.plan.writes:
        if step.kind is Kind.PAGES and prepared.publisher is not None:
            await prepared.publisher.tidy(step.name)
    return Outcome(prepared, {**prepared.urls, **made})


async def all_ended(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they give. Also when it is cancelled it returns not before the last one has ended: each region
    needs its time to go back."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    found: list[T] = []
    for one in ended:
        if isinstance(one, BaseException):
            raise one
        found.append(one)
    return found


def _environment(wanted: Provisioned, place: Place, order: Order) -> dict[str, str]:
    account = wanted.account
    env = environment(
        order.env,
        username="" if account is None else account.username,
        password="" if account is None else account.password,
        url=place.database_url,
    )
    return env if wanted.sign_in is None else {**env, envfile.TENANT: wanted.sign_in.tenant_id}


class Row(msgspec.Struct, frozen=True):
    """A line of the table of APIs."""

    action: str
    verb: str
    api: str
    url: str


def api_rows(outcome: Outcome) -> list[Row]:
    """The operations of the app's APIs, with their URLs in this region."""
    rows = [
        Row(route.action.rpartition("/")[2], route.verb.lower(), route.api, url + route.path)
        for route in outcome.prepared.app.routes
        if (url := outcome.urls.get(route.base))
    ]
    for document in outcome.prepared.app.swaggers:
        url = outcome.urls.get(str(document.get("basePath")), "")
        title = str(document.get("info", {}).get("title", ""))
        rows += [
            Row(_action(operation), verb, title, url + path)
            for path, item in document.get("paths", {}).items()
            for verb, operation in item.items()
            if url and isinstance(operation, dict)
        ]
    return rows


def _action(operation: Mapping[str, Any]) -> str:
    leads_to = operation.get("x-openwhisk")
    return str(leads_to.get("action", "")) if isinstance(leads_to, dict) else ""
