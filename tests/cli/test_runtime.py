"""``couchgrass runtime`` as a user calls it; the installing itself has its own tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from couchgrass.functions.runtimes.packages import put
from couchgrass.testing import command


def called(*arguments: str, **environment: str) -> tuple[int, str, str]:
    return command.called("runtime", *arguments, env=environment)


def install(place: Path, packages: Sequence[str]) -> None:
    (place / "site-packages").mkdir()


def test_what_is_installed_is_listed_and_removed(tmp_path: Path) -> None:
    assert called("list", "--data", str(tmp_path)) == (0, "No packages are installed.\n", "")
    put(tmp_path / "runtimes", "python:3", ["grass==1"], install)
    status, out, _ = called("list", "--data", str(tmp_path))
    assert (status, out.splitlines()[1].split()) == (0, ["python:3", "grass==1"])
    status, out, _ = called("remove", "python:3", "Grass", "--data", str(tmp_path))
    assert (status, out) == (0, "python:3 has these packages: none\n")
    assert called("list", "--data", str(tmp_path))[1] == "No packages are installed.\n"


def test_a_failed_installation_changes_nothing(tmp_path: Path) -> None:
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    status, out, error = called("add", "python", "grass", "--data", str(tmp_path), **offline)
    assert (status, out) == (1, "")
    assert "couchgrass runtime add: pip could not install them" in error
    assert called("list", "--data", str(tmp_path))[1] == "No packages are installed.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["add", "java:8", "x"], 2, "java:8 can't have packages"),
        (["add", "nodejs:9", "x"], 2, "there is no kind nodejs:9: there are nodejs:6, nodejs:8"),
        (["add", "nodejs"], 2, "name packages, or say --classic"),
        (["add", "nodejs", "http://x"], 2, "http://x is no package's name"),
        (["remove", "nodejs", "x"], 1, "x is not installed for it; installed are none"),
    ],
)
def test_bad_input_is_told(tmp_path: Path, arguments: list[str], status: int, said: str) -> None:
    found, out, error = called(*arguments, "--data", str(tmp_path))
    assert (found, out) == (status, "")
    assert said in error
    assert not (tmp_path / "runtimes").exists()
