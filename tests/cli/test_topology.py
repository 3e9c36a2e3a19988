"""``couchgrass topology`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

from couchgrass.cli.region import read_topology
from couchgrass.testing import command
from couchgrass.testing.command import COLUMNS
from couchgrass.topology.schema import schema


def called(*arguments: str, cwd: Path, columns: int = COLUMNS, **environment: str) -> tuple[int, str, str]:
    env = {"COUCHGRASS_CONFIG": None, **environment}
    return command.called("topology", *arguments, cwd=cwd, env=env, columns=columns)


def test_the_example_is_a_file_that_passes_the_check(tmp_path: Path) -> None:
    status, out, _ = called("example", cwd=tmp_path)
    assert status == 0
    (tmp_path / "couchgrass.toml").write_text(out)
    assert read_topology(tmp_path / "couchgrass.toml").names == ("london", "dallas")
    status, out, error = called("check", cwd=tmp_path)
    assert (status, error) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["dallas", "location", "Dallas,", "US"] in rows
    assert ["gateway", "port", "3244"] in rows
    assert ["balancer", "failover", "on", "127.0.0.1:8080"] in rows


def test_what_it_says_is_whole_in_a_narrow_window(tmp_path: Path) -> None:
    url = "https://couch.a-name-of-a-host-that-is-long.dallas.internal.example.org"
    (tmp_path / "couchgrass.toml").write_text(f"[regions.dallas]\ndatabase.public_url = '{url}'\n")
    assert f"  {url}\n" in called("check", cwd=tmp_path, columns=40)[1]


def test_the_schema_is_printed(tmp_path: Path) -> None:
    status, out, _ = called("schema", cwd=tmp_path)
    assert (status, json.loads(out)) == (0, json.loads(json.dumps(schema())))


def test_a_mistake_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[regions.london]\n\n[balancer]\nprot = 1\n")
    said = "couchgrass topology check: c.toml:4: balancer.prot: there is no such key; did you mean port?\n"
    assert called("check", "-c", "c.toml", cwd=tmp_path) == (1, "", said)
    assert called("check", cwd=tmp_path, COUCHGRASS_CONFIG="c.toml") == (1, "", said)


def test_without_a_file_it_says_how_to_get_one(tmp_path: Path) -> None:
    status, _, error = called("check", cwd=tmp_path)
    assert status == 1
    assert "couchgrass.toml is not there: couchgrass up starts two regions here; couchgrass topology" in error
