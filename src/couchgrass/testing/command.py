"""The command line in the test's own process: as a user calls it, without the half second of a start."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from couchgrass.cli import paper
from couchgrass.cli.main import application

COLUMNS = 250


def called(
    *arguments: str,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: Mapping[str, str | None] = {},
    columns: int = COLUMNS,
) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of ``couchgrass ARGUMENTS``. Not for commands that serve. A
    variable that is None in `env` is not set."""
    for console in (paper.out, paper.errors):
        console.width = columns
    # A command that would serve, but is refused, has set these for the whole process by then.
    umask, switch_s = os.umask(0o077), sys.getswitchinterval()
    os.umask(umask)
    try:
        with contextlib.chdir(cwd or Path.cwd()):
            done = CliRunner(env={"COLUMNS": str(columns), **env}).invoke(
                application(arguments[0] if arguments else ""), list(arguments), input=stdin
            )
    finally:
        os.umask(umask)
        sys.setswitchinterval(switch_s)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr
