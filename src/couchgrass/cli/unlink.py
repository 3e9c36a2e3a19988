"""``couchgrass unlink``: takes links between two servers away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from couchgrass.cli.paper import FAILED, VERBOSE, complain, errors, misused, out, run, tell_done
from couchgrass.errors import BadRequest

if TYPE_CHECKING:
    from couchgrass.linking.steps import Done

EXAMPLES = """[bold]Try it[/]

  [cyan]couchgrass unlink URL_A URL_B --db todos[/]
  [cyan]couchgrass unlink URL_A URL_B --all[/]      [dim]# every link between the two[/]

Give the URLs as for [cyan]couchgrass link[/]; passwords are found the same way (COUCHGRASS_A_PASSWORD, …).
Jobs, keys and checkpoints go. Databases and documents stay, on both sides. When one server is gone, the
other one is cleaned all the same, which ends the link: no job that is left can sign in there. The exit status
is 1 then. Each server knows the names of its own keys (from a _local document in _replicator), so run it
again when the server is back, and the rest goes too. Run twice it changes nothing."""


def unlink(
    url_a: Annotated[str, typer.Argument(metavar="URL_A", help="A server, with an admin's name in it.")],
    url_b: Annotated[str, typer.Argument(metavar="URL_B", help="The other server.")],
    db: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A database; can be given again.")
    ] = None,
    all_dbs: Annotated[bool, typer.Option("--all", help="Every database that the two have linked.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help=VERBOSE)] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Take away what link has made. Databases and documents stay."""
    if bool(db) == all_dbs:
        misused("unlink", "say which databases: --db NAME, as often as needed, or --all")
    from couchgrass.cli.credentials import addresses
    from couchgrass.linking.apply.pair import Show
    from couchgrass.linking.apply.unlink import unlink as undo

    try:
        a, b = addresses([url_a, url_b])
    except BadRequest as bad:
        misused("unlink", bad.reason)
    names = None if all_dbs else tuple(dict.fromkeys(db or ()))
    done: list[Done] = []
    try:
        with errors.status("") as status:
            unlinked = run("unlink", undo((a, b), names, Show(done.append, status.update)))
    except typer.Exit:
        if not json:
            tell_done(done, verbose=verbose)
        raise
    if json:
        out.print_json(
            data={
                "changed": bool(done),
                "done": [{"db": one.db, "server": one.where, "text": one.text} for one in done],
                "unreached": unlinked.unreached,
            }
        )
    else:
        tell_done(done, verbose=verbose)
        out.print("All documents are where they were." if done else "Nothing was to be done.")
    for reason in unlinked.unreached.values():
        complain("unlink", f"{reason}: jobs and keys that are there are left; run it again when it answers")
    if unlinked.unreached:
        raise typer.Exit(FAILED)
