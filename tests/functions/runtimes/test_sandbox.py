"""The command lines: what is in them, and that the machine's best confinement is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from couchgrass.functions.runtimes import confine
from couchgrass.functions.runtimes.interpreters import python
from couchgrass.functions.runtimes.sandbox import (
    Confinement,
    Place,
    Sandbox,
    command,
    confinement,
    data_bytes_max,
    environment,
    memory_flags,
    niceness,
)


def place(uid: int | None = 61_001, home: str = "/action") -> Place:
    return Place(uid=uid, home=home, requests_fd=7, answers_fd=8, passwd_fd=9, group_fd=10)


def test_as_root_a_cell_has_a_user_of_its_own_else_a_namespace_of_users() -> None:
    sandbox = Sandbox(Confinement.BUBBLEWRAP, python())
    as_root, as_user = command(sandbox, place()), command(sandbox, place(uid=None))
    assert "--unshare-user" not in as_root
    assert as_root[-2:] == ["61001", ""]
    assert "--unshare-user" in as_user
    assert as_user[-2:] == ["-", ""]


def test_nothing_is_writable_but_what_lies_in_memory() -> None:
    line = command(Sandbox(Confinement.BUBBLEWRAP, python()), place())
    assert "--bind" not in line
    assert line[line.index("--remount-ro") + 1] != "/"
    assert line[line.index("--chdir") - 2 : line.index("--chdir")] == ["--remount-ro", "/"]
    sizes = [
        at for at, word in enumerate(line) if word == "--tmpfs" and not line[at + 1].endswith("-packages")
    ]
    assert [line[at - 2] for at in sizes] == ["--size"] * 3


def test_the_home_of_no_user_and_no_folder_of_ours_is_seen() -> None:
    line = command(Sandbox(Confinement.BUBBLEWRAP, python()), place())
    bound = [line[at + 1] for at, word in enumerate(line) if word == "--ro-bind"]
    ours = str(Path(confine.__file__).parent)
    assert [path for path in bound if path.startswith(ours)] == [f"{ours}/python_cell.py"]
    assert not {"/", "/etc", "/home", "/root", "/var", "/tmp", "/proc", "/sys", "/run"} & set(bound)


def test_the_environment_is_made_anew() -> None:
    sandbox = Sandbox(Confinement.LANDLOCK, python(), env={"EXTRA": "1"})
    own = environment(sandbox, place(home="/somewhere"))
    assert own["HOME"] == "/somewhere"
    assert own["TMPDIR"] == "/somewhere/tmp"
    assert own["EXTRA"] == "1"
    assert not set(own) & (set(os.environ) - {"PATH", "HOME", "TMPDIR", "LANG", "USER"})


def test_memory_is_told_to_who_must_know_it() -> None:
    sandbox = Sandbox(Confinement.RLIMITS, python(), memory_mb=256)
    assert memory_flags(sandbox) == ("--max-old-space-size=192",)
    assert memory_flags(Sandbox(Confinement.RLIMITS, python())) == ()
    assert data_bytes_max(256) > 2 * 256 * 1024 * 1024


def test_the_best_confinement_that_works_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    assert confinement() in Confinement
    confinement.cache_clear()
    monkeypatch.setattr("couchgrass.functions.runtimes.sandbox.find_bubblewrap", lambda: None)
    assert confinement() is (Confinement.LANDLOCK if confine.abi() else Confinement.RLIMITS)
    monkeypatch.setattr("couchgrass.functions.runtimes.sandbox.find_bubblewrap", lambda: Path("/bin/false"))
    confinement.cache_clear()
    assert confinement() is not Confinement.BUBBLEWRAP
    confinement.cache_clear()


def test_more_memory_gives_way_less() -> None:
    assert [niceness(memory) for memory in (2048, 1024, 512, 256, 128)] == [2, 3, 4, 5, 6]
    assert niceness(100_000) == 2 and niceness(0) == niceness(1) == 7
