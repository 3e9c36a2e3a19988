"""``couchgrass link``: two servers keep databases equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from couchgrass.cli.paper import FAILED, FEW, VERBOSE, complain, errors, misused, out, run, tell_done
from couchgrass.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from couchgrass.linking.address import Address
    from couchgrass.linking.apply.link import Asked, Linked
    from couchgrass.linking.apply.prove import Proof
    from couchgrass.linking.steps import Done

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass link https://me@one.example https://me@two.example --db todos[/]
  [cyan]couchgrass link URL_A URL_B --db todos --db notes[/]   [dim]# two databases[/]
  [cyan]couchgrass link URL_A URL_B --all[/]                   [dim]# all there are now[/]
  [cyan]couchgrass link URL_A URL_B --db todos --one-way[/]    [dim]# from A to B only[/]
  [cyan]couchgrass link URL_A URL_B --db todos --selector '{"type":"todo"}'[/]

A password that is not in the URL is taken from COUCHGRASS_A_PASSWORD or COUCHGRASS_B_PASSWORD, or asked
for; names from COUCHGRASS_A_USER and COUCHGRASS_B_USER. [bold]Each server reaches the other at the URL that
you give here[/], so 127.0.0.1 is right only when both run on this machine.

[bold]What it leaves[/]: a job in _replicator for each direction, and for each remote end of a job a key
that has just the rights that are needed there: a source's key reads and keeps checkpoints, a target's also
writes and, for design documents, is the database's admin (not with --no-design-docs). With --pull between
couchgrass servers there are reading keys only. The keys' passwords are in the _replicator documents and
nowhere else; the names of API keys are also in a _local document of _replicator on their own server, so that
unlink finds them when the other server is gone. A proof, a document that goes there and back, is removed
again; its tombstone stays.

Run it twice: nothing changes, and it says whether all runs. Take it away with [cyan]couchgrass unlink[/]."""


def link(
    url_a: Annotated[str, typer.Argument(metavar="URL_A", help="A server, with an admin's name in it.")],
    url_b: Annotated[str, typer.Argument(metavar="URL_B", help="The other server.")],
    db: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A database; can be given again.")
    ] = None,
    all_dbs: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All databases that either side has now (with --one-way: A has), but no whisk_…, no "
            "couchgrass_idempotency-… and no couchgrass_pages.",
        ),
    ] = False,
    one_way: Annotated[bool, typer.Option("--one-way", help="From A to B only; A must have it.")] = False,
    push: Annotated[
        bool,
        typer.Option("--push/--pull", help="A job lives where its source is, or where its target is."),
    ] = False,
    selector: Annotated[
        str | None, typer.Option(metavar="JSON", help="Only documents that match this Mango selector.")
    ] = None,
    design_docs: Annotated[bool, typer.Option(help="Take design documents along.")] = True,
    proof: Annotated[
        bool | None,
        typer.Option(
            help="Send a document there and back. [dim]\\[default: where something was changed][/]",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=1, metavar="SECONDS", help="How long jobs may take to run, and a document to come."),
    ] = 60.0,
    verbose: Annotated[bool, typer.Option("--verbose", help=VERBOSE)] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Keep databases of two servers equal: couchgrass, Apache CouchDB or Cloudant."""
    if bool(db) == all_dbs:
        misused("link", "say which databases: --db NAME, as often as needed, or --all")
    from couchgrass.cli.credentials import addresses
    from couchgrass.linking.apply.link import Asked, check_names, parse_selector
    from couchgrass.linking.plan import Wish

    try:
        check_names(db or ())
        a, b = addresses([url_a, url_b])
        parsed = None if selector is None else parse_selector(selector)
    except BadRequest as bad:
        misused("link", bad.reason)
    names = None if all_dbs else tuple(dict.fromkeys(db or ()))
    _run(
        (a, b),
        Asked(names, Wish(one_way, push, parsed, design_docs), timeout, proof),
        verbose=verbose,
        json=json,
    )


def _run(pair: tuple[Address, Address], asked: Asked, *, verbose: bool, json: bool) -> None:
    from couchgrass.linking.apply.link import link as make
    from couchgrass.linking.apply.pair import Show

    done: list[Done] = []
    try:
        with errors.status("") as status:
            linked = run("link", make(pair, asked, Show(done.append, status.update)))
    except typer.Exit:
        if not json:
            tell_done(done, verbose=verbose)
        raise
    if json:
        out.print_json(data=_as_json(done, linked))
    else:
        tell_done(done, verbose=verbose)
        _tell(linked, asked, changed=bool(done))
        _tell_proofs(linked.proofs, verbose=verbose)
    if linked.waited:
        _complain(linked)
        raise typer.Exit(FAILED)


def _complain(linked: Linked) -> None:
    for waited in linked.waited:
        complain("link", f"job {waited.job} does not run: {waited.state} {waited.reason}".rstrip())
    complain("link", "each server must reach the other at the URL given here; couchgrass links shows more")


def _tell(linked: Linked, asked: Asked, *, changed: bool) -> None:
    if not linked.jobs:
        out.print("There is no database to link.")
    elif not changed:
        out.print("Nothing was to be done.")
    if linked.jobs and not linked.waited:
        out.print(f"[green]{len(linked.jobs)} of {len(linked.jobs)} jobs run.[/]", highlight=False)
        if asked.proof is None and not changed:
            out.print("[dim]--proof sends a document there and back.[/]")


def _tell_proofs(proofs: Mapping[str, Proof], *, verbose: bool) -> None:
    """Each, or where they are many, how long the slowest took and those that failed."""
    proved = [proof for proof in proofs.values() if proof.refused is None]
    is_short = len(proofs) > FEW and not verbose
    for db, proof in proofs.items():
        if not is_short or proof.refused is not None:
            out.print(f"{escape(db)}: {escape(proof_line(proof))}", highlight=False, soft_wrap=True)
    if is_short and proved:
        slowest = max((proof.there_s or 0.0) + (proof.back_s or 0.0) for proof in proved)
        way = "there and back" if any(proof.back_s is not None for proof in proved) else "there"
        text = f"In {len(proved):,} databases a document went {way}, in {slowest * 1000:.0f} ms at the most"
        out.print(f"{text}; they are removed, their tombstones stay", highlight=False, soft_wrap=True)


def proof_line(proof: Proof) -> str:
    """What is said of a proof."""
    if proof.refused is not None or proof.there_s is None:
        return f"not proved by a document: {proof.refused}"
    there = f"a document went there in {proof.there_s * 1000:.0f} ms"
    back = "" if proof.back_s is None else f" and back in {proof.back_s * 1000:.0f} ms"
    return f"{there}{back}; it is removed, its tombstone stays"


def _as_json(done: list[Done], linked: Linked) -> dict[str, Any]:
    waiting = {waited.job: waited for waited in linked.waited}
    return {
        "changed": bool(done),
        "done": [{"db": one.db, "server": one.where, "text": one.text} for one in done],
        "jobs": [
            {
                "id": job.id,
                "db": job.db,
                "server": job.host.base,
                "source": job.source.base,
                "target": job.target.base,
                "state": waiting[job.id].state if job.id in waiting else "running",
                "reason": waiting[job.id].reason if job.id in waiting else "",
            }
            for job in linked.jobs
        ],
        "proofs": {
            db: {"there_s": proof.there_s, "back_s": proof.back_s, "refused": proof.refused}
            for db, proof in linked.proofs.items()
        },
    }
