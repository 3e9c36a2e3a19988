"""Makes links, from the first look to the proof."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from couchgrass.couch.server import CouchServer
from couchgrass.errors import BadRequest, Conflict, RequestTimeout
from couchgrass.gateway.idempotency import PREFIX as KEYS_PREFIX
from couchgrass.gateway.site import DATABASE as PAGES
from couchgrass.linking.address import Address
from couchgrass.linking.apply.abreast import abreast
from couchgrass.linking.apply.look import (
    REGION_PREFIX,
    SYSTEM_PREFIX,
    databases,
    look_at_link,
    look_at_server,
)
from couchgrass.linking.apply.pair import Show, applied, opened
from couchgrass.linking.apply.prove import Proof, Waited, prove, until_running
from couchgrass.linking.apply.run import Applier
from couchgrass.linking.job import Job, Server, Side, effective_selector
from couchgrass.linking.naming import proof_id
from couchgrass.linking.plan import Wish, jobs_of, plan
from couchgrass.linking.proof import proof_doc
from couchgrass.linking.steps import Step
from couchgrass.topology.links import NEVER

NO_SUCH_PROOF: Final = "no document is found that the selector surely lets pass: write one yourself and look"

FEEDS: Final = "whisk_feeds"

_RUN_BYTES: Final = 8


class Asked(msgspec.Struct, frozen=True):
    """`dbs` are the databases' names, None for all. `proof`: None where something was changed."""

    dbs: tuple[str, ...] | None
    wish: Wish = Wish()
    timeout_s: float = 60.0
    proof: bool | None = None


class Linked(msgspec.Struct, frozen=True):
    """How it ended: the jobs, those among them that do not run, and the proofs by database."""

    jobs: tuple[Job, ...]
    waited: tuple[Waited, ...]
    proofs: Mapping[str, Proof]


async def link(pair: tuple[Address, Address], asked: Asked, show: Show) -> Linked:
    """Links databases of two servers.

    Raises what a server refuses with, PeerLost when one does not answer, NotFound when there is nothing to
    link.
    """
    check_names(asked.dbs or ())
    async with opened(pair) as servers:
        show.now("looking at both servers")
        a, b = await abreast(servers.items(), lambda pair: look_at_server(pair[1], pair[0]))
        if a.uuid is not None and a.uuid == b.uuid:
            raise Conflict(
                f"{a.base} and {b.base} are one server, or copies of one with the same [couchdb] uuid"
            )
        dbs = asked.dbs if asked.dbs is not None else await _all(servers, asked.wish)
        changed = await _make(servers, a, b, dbs, asked.wish, show)
        jobs = tuple(job for db in dbs for job in jobs_of(asked.wish, a, b, db))
        waited = await _wait(servers, jobs, asked.timeout_s, show)
        proofs = {}
        if not waited and asked.proof is not False:

            async def proved(db: str) -> Proof:
                show.now(f"proving {db}")
                return await _prove(servers, db, asked, [job for job in jobs if job.db == db])

            proving = dbs if asked.proof else changed
            proofs = dict(zip(proving, await abreast(proving, proved), strict=True))
        return Linked(jobs, waited, proofs)


def check_names(dbs: Iterable[str]) -> None:
    """Raises BadRequest for a database that can't be linked."""
    for db in dbs:
        if db.startswith(SYSTEM_PREFIX):
            raise BadRequest(
                f"'{db}' is one of the server's own databases, which are not linked: its accounts, jobs and "
                "settings are each server's own, and a key that could change them could do all"
            )
        if db == FEEDS:
            raise BadRequest(
                f"'{db}' is a region's own and is not linked: with its lease in common only one of the "
                "regions would fire triggers, and how far its feeds have come is about its own databases"
            )
        if db == PAGES:
            raise BadRequest(
                f"'{db}' is a region's own and is not linked: a deploy writes the apps' pages to each region"
            )


async def _all(servers: Mapping[Side, CouchServer], wish: Wish) -> tuple[str, ...]:
    """Those of a region's functions and gateway are left out: whether what is deployed in one region is in
    the other too is not for a copy of all data to decide. So are those of idempotency keys, which come and go
    by day, and what is each region's own."""
    names = set(await databases(servers[Side.A]))
    if not wish.one_way:
        names |= set(await databases(servers[Side.B]))
    left = (REGION_PREFIX, KEYS_PREFIX)
    return tuple(sorted(name for name in names if not (name in NEVER or name.startswith(left))))


async def _make(
    servers: Mapping[Side, CouchServer], a: Server, b: Server, dbs: Sequence[str], wish: Wish, show: Show
) -> list[str]:
    """Plans all, so that a misspelt name stops it before anything is written; then does it. The changed
    ones."""
    both = msgspec.structs.replace(wish, one_way=False)

    async def planned(db: str) -> tuple[Step, ...]:
        show.now(f"looking at {db}")
        there, back = jobs_of(both, a, b, db)
        return plan(wish, a, b, db, await look_at_link(servers, (there, back)))

    plans = dict(zip(dbs, await abreast(dbs, planned), strict=True))
    ours = frozenset(server.side for server in (a, b) if server.is_ours)
    applier = Applier(servers, ours, {server.side: server.base for server in (a, b)})
    await applied(applier, plans, show, "linking")
    return [db for db, steps in plans.items() if steps]


async def _wait(
    servers: Mapping[Side, CouchServer], jobs: Sequence[Job], timeout_s: float, show: Show
) -> tuple[Waited, ...]:
    def now(running: int, state: str) -> None:
        show.now(
            f"{running} of {len(jobs)} jobs run"
            + ("" if running == len(jobs) else f", the next one: {state}")
        )

    return tuple(await until_running(_hosted(servers, jobs), timeout_s, now))


async def _prove(servers: Mapping[Side, CouchServer], db: str, asked: Asked, jobs: Sequence[Job]) -> Proof:
    a, b = servers[Side.A], servers[Side.B]
    selector = effective_selector(asked.wish.selector, design=asked.wish.design)
    doc = proof_doc(proof_id(a.base, b.base, db), secrets.token_hex(_RUN_BYTES), selector)
    if doc is None:
        return Proof(refused=NO_SUCH_PROOF)
    hosted = _hosted(servers, jobs)
    both_ways = not asked.wish.one_way
    try:
        return await prove(a, b, db, doc, both_ways=both_ways, timeout_s=asked.timeout_s, jobs=hosted)
    except RequestTimeout as late:
        # A job that ran may have crashed on a document meanwhile: it knows why.
        for waited in await until_running(hosted, 0.0, lambda count, state: None):
            late.add_note(f"job {waited.job}: {waited.state} {waited.reason}".rstrip())
        raise


def _hosted(servers: Mapping[Side, CouchServer], jobs: Sequence[Job]) -> list[tuple[CouchServer, str]]:
    return [(servers[job.host.side], job.id) for job in jobs]


def parse_selector(text: str) -> dict[str, object]:
    """A selector as it is given on the command line. Raises BadRequest."""
    from couchgrass import json
    from couchgrass.docdb.selector import compile_selector

    try:
        selector = json.decode(text)
    except BadRequest as bad:
        raise BadRequest(f"the selector is no JSON: {text}") from bad
    if not isinstance(selector, dict):
        raise BadRequest("a selector is a JSON object")
    compile_selector(selector)
    return selector
