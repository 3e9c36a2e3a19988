"""Packages are put in place whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions.runtimes.packages import INSTALLED, asked, check_free, folder, let_pass, names, put
from tests.functions.runtimes.driver import Driver


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


def test_others_may_read_what_is_installed_and_are_let_through_only_when_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    runtimes = data / "runtimes"
    runtimes.mkdir(mode=0o700, parents=True)
    data.chmod(0o700)
    secret = data / "secret"
    secret.touch(mode=0o600)

    def closed(place: Path, packages: Sequence[str]) -> None:
        install(place, packages)
        (place / "node_modules" / "list").chmod(0o600)
        (place / "node_modules" / "run").touch(mode=0o700)
        (place / "node_modules").chmod(0o700)

    put(runtimes, "nodejs", ["a"], closed)
    found = folder(runtimes, "nodejs")
    assert found is not None
    assert [mode_of(found / "node_modules" / name) for name in (".", "list", "run")] == [0o705, 0o604, 0o705]
    assert [mode_of(place) & 0o001 for place in (found, found.parent, runtimes, data)] == [1, 1, 1, 0]
    tmp_path.chmod(0o711)
    assert let_pass(runtimes) not in (data, tmp_path)
    assert (mode_of(data), mode_of(secret)) == (0o701, 0o600)
    tmp_path.chmod(0o700)
    assert let_pass(runtimes) == tmp_path.resolve()
    assert mode_of(tmp_path) == 0o700


def mode_of(place: Path) -> int:
    return place.stat().st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="cells are users of their own only when started as root")
def test_cells_without_a_file_system_of_their_own_find_what_is_installed_and_nothing_else(
    each_driver: Driver,
) -> None:
    with tempfile.TemporaryDirectory() as name:  # above pytest's own nobody is let through
        data = Path(name)
        (data / "secret").write_text("secret")
        (data / "secret").chmod(0o600)
        runtimes = data / "runtimes"

        def installed(place: Path, packages: Sequence[str]) -> None:
            for file in ("node_modules/given/index.js", "site-packages/given.py"):
                (place / file).parent.mkdir(parents=True)
            (place / "node_modules/given/index.js").write_text("exports.it = 'installed'")
            (place / "site-packages/given.py").write_text("it = 'installed'")

        for family in ("nodejs", "python"):
            put(runtimes, family, ["given"], installed)
        driver = Driver(
            each_driver.runtimes.confinement, stems={}, packages=lambda kind: folder(runtimes, kind)
        )
        try:
            if driver.runtimes.has_guests:
                assert let_pass(runtimes) is None
            node = (
                "const fs = require('fs');"
                "const no = (call) => { try { return call() } catch { return 'no' } };"
                f"exports.main = () => ({{ it: require('given').it, list: no(() => fs.readdirSync('{data}')),"
                f"secret: no(() => fs.readFileSync('{data}/secret', 'utf8')) }})"
            )
            python = (
                "import os, given\ndef no(call, *given):\n    try: return call(*given)\n"
                "    except OSError: return 'no'\n"
                f"def main(args): return {{'it': given.it, 'list': no(os.listdir, '{data}'), "
                f"'secret': no(lambda: open('{data}/secret').read())}}"
            )
            for kind, code in (("nodejs:20", node), ("python:3", python)):
                assert driver.do(kind, code).body == {"it": "installed", "list": "no", "secret": "no"}
        finally:
            driver.close()
