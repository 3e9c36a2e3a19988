"""Packages are put in place whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions.runtimes.packages import INSTALLED, asked, check_free, folder, names, put


def install(place: Path, packages: Sequence[str]) -> None:
    (place / "node_modules").mkdir()
    (place / "node_modules" / "list").write_text(" ".join(packages))


def listed(runtimes: Path, kind: str) -> str | None:
    found = folder(runtimes, kind)
    return None if found is None else (found / "node_modules" / "list").read_text()


def test_a_kind_has_its_own_packages_else_its_familys(tmp_path: Path) -> None:
    assert listed(tmp_path, "nodejs:8") is None
    put(tmp_path, "nodejs", ["a"], install)
    put(tmp_path, "nodejs:8", ["b"], install)
    assert [listed(tmp_path, kind) for kind in ("nodejs:8", "nodejs:20", "nodejs", "python:3")] == [
        "b",
        "a",
        "a",
        None,
    ]
    assert names(tmp_path) == ["nodejs", "nodejs:8"]
    assert asked(tmp_path, "nodejs:8") == ("b",)
    assert asked(tmp_path, "nodejs:20") == ()
    put(tmp_path, "nodejs:8", [], install)
    assert listed(tmp_path, "nodejs:8") == "a"
    assert names(tmp_path) == ["nodejs"]


def test_the_installation_in_use_stays_for_one_change(tmp_path: Path) -> None:
    seen = []
    for packages in (["a"], ["b"], ["c"]):
        put(tmp_path, "nodejs", packages, install)
        place = folder(tmp_path, "nodejs")
        assert place is not None
        seen.append(place)
    assert [place.is_dir() for place in seen] == [False, True, True]


def test_a_failure_leaves_what_there_was(tmp_path: Path) -> None:
    put(tmp_path, "nodejs", ["a"], install)

    def fail(place: Path, packages: Sequence[str]) -> None:
        install(place, packages)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        put(tmp_path, "nodejs", ["b"], fail)
    assert listed(tmp_path, "nodejs") == "a"
    assert len(list((tmp_path / INSTALLED).iterdir())) == 1


def test_what_was_cut_off_is_swept_up_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / INSTALLED / "nodejs.cut").mkdir(parents=True)
    (tmp_path / INSTALLED / "nodejs-8.cut").mkdir()
    put(tmp_path, "nodejs", ["a"], install)
    assert not (tmp_path / INSTALLED / "nodejs.cut").exists()
    assert (tmp_path / INSTALLED / "nodejs-8.cut").exists()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    check_free(tmp_path, "nodejs")
    (tmp_path / "nodejs").mkdir()
    with pytest.raises(BadRequest, match="was not made by couchgrass"):
        check_free(tmp_path, "nodejs")
