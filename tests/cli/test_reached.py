"""Commands that need the region's database say what to do when it is not to be had."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from couchgrass.cli.main import application


def said(*arguments: str) -> tuple[int, str]:
    """The exit status, and what was printed on one line."""
    outcome = CliRunner().invoke(application(), list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1"})
    return outcome.exit_code, " ".join(outcome.output.split())


@pytest.fixture
def region(tmp_path: Path) -> str:
    """The file of a region whose database does not run. No server of anybody's has this port."""
    (tmp_path / "region.toml").write_text('data = "d"\n[database]\nurl = "http://127.0.0.1:1"\n')
    return str(tmp_path / "region.toml")


@pytest.mark.parametrize(
    "command", ["key list", "key delete guest", "account list", "tenant list", "user list nobody"]
)
def test_a_region_that_does_not_run_is_said_at_once(
    region: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def waits(delay: float, result: object = None) -> None:
        raise AssertionError(f"it waits for {delay} s before it says so")

    monkeypatch.setattr(asyncio, "sleep", waits)
    words = command.split()
    status, text = said(*words, "--region", region)
    assert status == 1
    assert text.startswith(
        f"couchgrass {words[0]} {words[1]}: the region's database does not answer: http://"
    )
    assert text.endswith("connection refused; couchgrass region starts it")


def test_a_region_that_never_ran_is_said(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text("")
    status, text = said("tenant", "list", "--region", str(tmp_path / "region.toml"))
    assert status == 1
    assert text.startswith("couchgrass tenant list: the region's database never ran: start it with")
