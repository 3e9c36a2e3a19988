"""The command line's entry: it teaches, says its version, and refuses what it does not know."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from rich.text import Text
from typer.testing import CliRunner

from couchgrass import __version__
from couchgrass.cli.main import COMMANDS, application

WIDE = {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}


def said(*arguments: str) -> tuple[int, str]:
    """The exit status, and what it printed without frames and line breaks."""
    outcome = CliRunner().invoke(application(), list(arguments), env=WIDE)
    return outcome.exit_code, " ".join(outcome.output.replace("│", " ").split())


def test_the_version_is_the_packages() -> None:
    assert said("--version") == (0, f"couchgrass {__version__}")


def test_without_a_command_the_help_is_shown() -> None:
    status, text = said()
    assert status == 2
    assert "db Run the document database, which any CouchDB client can use." in text
    assert "couchgrass up # two regions with the todo app" in text


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_of_db_teaches_what_a_first_user_needs(option: str) -> None:
    status, text = said("db", option)
    assert status == 0
    for taught in (
        "COUCHDB_USER and COUCHDB_PASSWORD",
        "a line says which file has its password",
        "[default: couchgrass-data]",
        "[default: 127.0.0.1]",
        "[default: 5984]",
        "0 takes a free one",
        "[couchdb] max_document_size = 8000000",
        "curl -u admin:… -X PUT 127.0.0.1:5984/todos",
        "Ctrl-C or SIGTERM ends it",
    ):
        assert taught in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("db", "--port", "http"), "'--port'"),
        (("db", "--port", "65536"), "'--port'"),
        (("db", "--port", "-1"), "'--port'"),
        (("db", "--config", "/nowhere/couch.ini"), "file '/nowhere/couch.ini' does not exist"),
        (("db", "--config", "/"), "'--config'"),
        (("db", "--datta", "x"), "--datta"),
        (("nonsense",), "No such command 'nonsense'"),
    ],
)
def test_what_is_not_understood_is_named(arguments: tuple[str, ...], complaint: str) -> None:
    status, text = said(*arguments)
    assert status == 2
    assert complaint in text


def test_the_text_below_the_options_is_as_wide_as_the_window_and_examples_keep_their_lines() -> None:
    text = CliRunner().invoke(application(), ["unlink", "--help"], env={**WIDE, "COLUMNS": "200"}).output
    assert any(
        "passwords are found the same way" in line and "Databases and documents" in line
        for line in text.splitlines()
    )
    assert any(line.strip() == "couchgrass unlink URL_A URL_B --db todos" for line in text.splitlines())


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.heading])
def test_examples_fit_into_a_window_of_80_columns(name: str) -> None:
    module = import_module(COMMANDS[name].where.partition(":")[0])
    for texts in (value for key, value in vars(module).items() if key.endswith("EXAMPLES")):
        for line in filter(lambda line: line.startswith("  "), texts.splitlines()):
            assert len(Text.from_markup(line).plain) <= 78, line


def test_the_first_examples_fit_too() -> None:
    text = CliRunner().invoke(application(), [], env={**WIDE, "COLUMNS": "80"}).output
    assert any(line.strip().startswith("couchgrass up ") for line in text.splitlines())
    assert all("#" not in line or line.strip().startswith("couchgrass ") for line in text.splitlines())


LOADED = """
import sys
from couchgrass.cli.main import COMMANDS, application
application("db")
print(*(name.rpartition(".")[2] for name in sys.modules if name.startswith("couchgrass.cli.")))
"""


def test_a_command_is_loaded_without_the_others() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert "db" in loaded.stdout.split()
    assert not {"up", "deploy", "functions", "gateway"} & set(loaded.stdout.split())
