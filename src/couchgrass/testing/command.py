"""The command line in the test's own process: as a user calls it, without the half second of a start."""

from __future__ import annotations

from typer.testing import CliRunner

from couchgrass.cli import paper
from couchgrass.cli.main import application

COLUMNS = 250


def called(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of ``couchgrass ARGUMENTS``. Not for commands that serve."""
    for console in (paper.out, paper.errors):
        console.width = COLUMNS
    done = CliRunner(env={"COLUMNS": str(COLUMNS)}).invoke(
        application(arguments[0] if arguments else ""), list(arguments), input=stdin
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr
