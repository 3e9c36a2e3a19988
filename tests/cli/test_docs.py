"""Each command has a page in docs/commands that names its subcommands, its arguments and all its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from couchgrass.cli.main import application

PAGES = Path(__file__).resolve().parents[2] / "docs" / "commands"
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
HELP = {"--help", "-h", "--version"}


class Leaf:
    """A command that does something: its words, and what may follow them."""

    def __init__(self, words: tuple[str, ...], command: typer.core.TyperCommand) -> None:
        self.words = words
        shown = [one for one in command.params if not getattr(one, "hidden", False)]
        self.options = {name for one in shown for name in (*one.opts, *one.secondary_opts) if name[0] == "-"}


def leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """All commands that are shown."""
    if isinstance(command, typer.core.TyperGroup):
        for name, below in command.commands.items():
            if not below.hidden:
                yield from leaves(below, (*words, name))
    else:
        assert isinstance(command, typer.core.TyperCommand)
        yield Leaf(words, command)


LEAVES = list(leaves(typer.main.get_command(application())))
COMMANDS = sorted({leaf.words[0] for leaf in LEAVES})


def page(command: str) -> str:
    return (PAGES / f"{command}.md").read_text(encoding="utf-8")


def test_each_command_has_a_page_and_each_page_a_command() -> None:
    assert sorted(file.stem for file in PAGES.glob("*.md")) == sorted(["README", *COMMANDS])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_index_leads_to_the_page(command: str) -> None:
    assert f"]({command}.md)" in page("README")
    assert page(command).startswith(f"# couchgrass {command}\n")


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: "-".join(leaf.words))
def test_the_page_names_the_command_and_all_its_options(leaf: Leaf) -> None:
    text = page(leaf.words[0])
    assert f"couchgrass {' '.join(leaf.words)}" in text
    assert leaf.options <= set(OPTION.findall(text)) | HELP


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_lists_no_option_that_is_not_there(command: str) -> None:
    there = set().union(*(leaf.options for leaf in LEAVES if leaf.words[0] == command))
    first_cells = re.findall(r"^\| (`-[^|]*)\|", page(command), re.MULTILINE)
    assert {name for cell in first_cells for name in OPTION.findall(cell)} <= there
