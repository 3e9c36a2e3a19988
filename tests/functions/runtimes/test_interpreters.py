"""The interpreters are found behind wrappers and links."""

from __future__ import annotations

import sys
from pathlib import Path

from couchgrass.functions.runtimes.interpreters import find_bubblewrap, find_node, python


def test_python_is_ours_without_its_virtual_environment() -> None:
    found = python()
    assert found.binary.is_file()
    assert not found.binary.is_symlink()
    assert found.binary.is_relative_to(Path(sys.base_prefix).resolve())
    assert all(root.is_dir() for root in found.roots)
    assert all(file.is_file() for file in found.runner)


def test_node_is_the_first_that_is_new_enough_and_no_wrapper(tmp_path: Path) -> None:
    real = find_node()
    assert real is not None
    places = []
    for name, script in (
        ("broken", "exit 1"),
        ("old", "echo -n 18.0.0 /usr/bin/node"),
        ("wrapper", f'exec {real} "$@"'),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "node").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "node").chmod(0o755)
        places.append(str(folder))
    assert find_node(":".join(places)) == real


def test_bubblewrap_comes_with_our_dependencies() -> None:
    found = find_bubblewrap()
    assert found is not None
    assert found.name == "bwrap"
