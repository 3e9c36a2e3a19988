"""The pages of an app: what all regions are to have, what is done where they have it not, and `regions.json`.

Pure. All files of a site are switched over by one write, so a person sees the old pages or the new ones. What
has a hash in its name stays for one deploy more: a page that was opened before still finds its scripts.

New pages come before all else, so that no region counts as whole without them; changed ones come last, when
the APIs that they ask for are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy.steps import Change, Kind, Plan, Step
from couchgrass.deploy.wanted import App
from couchgrass.gateway.site import REGIONS, Site, SiteFile, content_id, digest_of, to_document

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'{}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Located(msgspec.Struct, frozen=True):
    """A region, for clients that choose one. `coordinates`: degrees north and east."""

    name: str
    location: str = ""
    coordinates: tuple[float, float] | None = None
    gateway_url: str = ""


class Around(msgspec.Struct, frozen=True):
    """Where the app is. `prefix` is in front of its APIs' paths; `issuer` is where the sign-in service of all
    regions is, "" without one; `client_id` is who the pages are there, "" when nobody knows."""

    regions: tuple[Located, ...] = ()
    balancer: str = ""
    prefix: str = ""
    issuer: str = ""
    client_id: str = ""


class Pages(msgspec.Struct, frozen=True):
    """The files of the folder and where they go. `contents` by digest; `csp` "": the strict one."""

    path: str
    files: tuple[SiteFile, ...]
    contents: Mapping[str, bytes]
    csp: str = ""
    around: Around = Around()

    def __repr__(self) -> str:
        return f"Pages({self.path!r}, {len(self.files)} files)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("path", self.path), ("files", len(self.files))]


class Published(msgspec.Struct, frozen=True):
    """What a region has: sites by path, their documents' revisions, and the ids of all contents."""

    sites: Mapping[str, Site] = {}
    revs: Mapping[str, str] = {}
    contents: frozenset[str] = frozenset()


class Owner(msgspec.Struct, frozen=True):
    """Whose pages they are. `prune`: what is the app's and is not wanted goes."""

    app: str
    namespace: str
    prune: bool = False


def built(pages: Pages, app: App, owner: Owner, tenant: str) -> tuple[Site, dict[str, bytes]]:
    """The site that a region is to have, and all contents by digest. `tenant` "": nobody signs in."""
    about = regions_json(pages.around, app, owner, tenant)
    file = SiteFile(REGIONS, digest_of(about), len(about), "application/json")
    files = sorted([one for one in pages.files if one.name != REGIONS] + [file], key=lambda one: one.name)
    csp = pages.csp or strict_csp(pages.around)
    site = Site(pages.path, owner.app, owner.namespace, csp, tuple(files))
    return site, {**pages.contents, file.digest: about}


def strict_csp(around: Around) -> str:
    """Nothing but what comes with the pages, and requests to where the app is."""
    urls = [around.balancer, *(one.gateway_url for one in around.regions), around.issuer]
    origins = dict.fromkeys("/".join(url.split("/", 3)[:3]) for url in urls if url)
    return _CSP.format("".join(f" {one}" for one in origins))


def regions_json(around: Around, app: App, owner: Owner, tenant: str) -> bytes:
    """What `regions.json` says. No secret is in it."""
    issuer = f"{around.issuer}/oauth/v4/{tenant}"
    sign_in = {
        "tenant": tenant,
        "issuer": issuer,
        "client_id": around.client_id or None,
        "authorization_endpoint": f"{issuer}/authorization",
        "token_endpoint": f"{issuer}/token",
    }
    first = first_api(app)
    about = {
        "app": owner.app,
        "namespace": owner.namespace,
        "api": around.prefix + first if first else "",
        "sign_in": sign_in if tenant and around.issuer else None,
        "balancer": around.balancer,
        "regions": around.regions,
    }
    return msgspec.json.format(msgspec.json.encode(about)) + b"\n"


def first_api(app: App) -> str:
    """Base path and path of the first operation of the app's APIs; "" without any."""
    for route in app.routes:
        return route.base + route.path
    for document in app.swaggers:
        for path in document.get("paths", {}):
            return "/" + str(document.get("basePath", "")).strip("/") + str(path)
    return ""


def site_steps(wanted: Site | None, present: Published, owner: Owner) -> list[Step]:
    """What is done about the app's pages; `wanted` None: it has none."""
    steps = [] if wanted is None else [_step(wanted, present)]
    for path, site in present.sites.items():
        ours = (site.app, site.namespace) == (owner.app, owner.namespace)
        if ours and (wanted is None or wanted.path != path):
            change = Change.DELETE if owner.prune else Change.LEFT
            steps.append(Step(Kind.PAGES, change, path, ("left the file",), before=_before(path, present)))
    return steps


def with_pages(plan: Plan, pages: Iterable[Step]) -> Plan:
    """A plan with the steps about pages in their places."""
    pages = list(pages)
    first = [one for one in pages if one.change in (Change.CREATE, Change.DELETE)]
    return Plan((*first, *plan.steps, *(one for one in pages if one not in first)))


def _step(wanted: Site, present: Published) -> Step:
    there = present.sites.get(wanted.path)
    lacks = _lacking(wanted, present)
    if there is None:
        count = len(wanted.files)
        told = f"{_files(count)} new, {_size(sum(one.bytes for one in wanted.files))}"
        return Step(Kind.PAGES, Change.CREATE, wanted.path, (told,), to_document(wanted))
    # What was kept and is lost can't be written again.
    kept = [one for one in _kept(wanted, there) if content_id(wanted.path, one.digest) in present.contents]
    target = msgspec.structs.replace(wanted, kept=tuple(kept))
    before = _before(wanted.path, present)
    if target == there and not lacks:
        return Step(Kind.PAGES, Change.UNCHANGED, wanted.path, before=before)
    why = tuple(_words(target, there, lacks)) or ("what was kept of the deploy before is lost",)
    return Step(Kind.PAGES, Change.UPDATE, wanted.path, why, to_document(target), before)


def _lacking(wanted: Site, present: Published) -> dict[str, int]:
    """The sizes of contents that are not there, by digest."""
    return {
        one.digest: one.bytes
        for one in wanted.files
        if content_id(wanted.path, one.digest) not in present.contents
    }


def _kept(wanted: Site, there: Site) -> tuple[SiteFile, ...]:
    """The hashed files of the deploy before. Where those are the same, it is no other deploy of them."""
    names = {one.name for one in wanted.files}
    before, after = ({one.name for one in site.files if one.hashed} for site in (there, wanted))
    old = there.kept if before == after else there.files
    return tuple(one for one in old if one.hashed and one.name not in names)


def _words(target: Site, there: Site, lacks: Mapping[str, int]) -> Iterator[str]:
    if (there.app, there.namespace) != (target.app, target.namespace):
        yield f"was of the app {there.app} in namespace {there.namespace}"
    had = {one.name: one.digest for one in there.files}
    has = {one.name: one.digest for one in target.files}
    counts = {
        "new": len(has.keys() - had.keys()),
        "changed": sum(had[name] != has[name] for name in has.keys() & had.keys()),
        "removed": len(had.keys() - has.keys()),
    }
    told = [f"{count} {word}" for word, count in counts.items() if count]
    if told:
        yield f"{', '.join(told)}, {_size(sum(lacks.values()))}"
    elif lacks:
        yield f"{_files(len(lacks))} missing in the database, {_size(sum(lacks.values()))}"
    if there.csp != target.csp:
        yield "their policy changes"


def _before(path: str, present: Published) -> dict[str, Any]:
    return {**to_document(present.sites[path]), "_rev": present.revs[path]}


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _size(count: int) -> str:
    """Bytes as people read them."""
    if count < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
