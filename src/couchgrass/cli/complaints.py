"""What a command says when it can't go on, and how it ends then. For servers too, which shall not wait for
the library that prints in colours: it is loaded with the first complaint."""

from __future__ import annotations

from typing import NoReturn

import typer

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def complain(command: str, reason: str) -> None:
    """One line on stderr."""
    from rich.markup import escape

    from couchgrass.cli.paper import errors

    errors.print(f"[bold red]couchgrass {command}:[/] {escape(reason)}", highlight=False, soft_wrap=True)


def misused(command: str, reason: str) -> NoReturn:
    """The command line makes no sense."""
    complain(command, reason)
    raise typer.Exit(USAGE)


def flowing(text: str) -> str:
    """Help whose paragraphs are as wide as the window; those that begin with a space keep their lines."""
    paragraphs = (part if part.startswith(" ") else part.replace("\n", " ") for part in text.split("\n\n"))
    return "\n\n".join(paragraphs)
