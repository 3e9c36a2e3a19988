"""``couchgrass up``, ``down`` and ``wires`` with what can't work: a clear word, nothing half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from couchgrass.cli.fleet import up_kept
from couchgrass.cli.up import example_app
from couchgrass.cli.up_run import rules_of, specs_of
from couchgrass.drill.wires import Wires
from couchgrass.region.run.state_file import Hold
from couchgrass.serving.listen import bind
from couchgrass.testing.command import called
from couchgrass.topology.config import parse_topology

ONE = "[regions.a]\n" + "".join(
    f"{name}.port = 0\n" for name in ("database", "functions", "gateway", "agent")
)


def refused(*arguments: str) -> str:
    """Why it was."""
    status, out, error = called(*arguments)
    assert status == 1, (status, out, error)
    return error


def test_names_that_can_not_be_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    assert "'lon don' is no name of a region" in refused("up", "--dir", str(folder), "--regions", "lon don")
    assert "is not there: an app is a folder" in refused("up", "--dir", str(folder), "--app", "/nowhere")
    assert "has no manifest.yaml" in refused("up", "--dir", str(folder), "--app", str(tmp_path))
    assert not folder.exists()


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    hold = Hold(tmp_path, up_kept())
    assert "is in use: couchgrass down ends what runs there" in refused("up", "--dir", str(tmp_path))
    hold.close()


def test_a_folder_that_can_not_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"{tmp_path / 'file'} can't be used" in refused("up", "--dir", str(tmp_path / "file"))


def test_a_named_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert f"port {port} is taken" in refused("up", "--dir", str(tmp_path), "--port", str(port))
    assert not (tmp_path / "couchgrass.toml").exists()


def test_the_file_is_the_truth(tmp_path: Path) -> None:
    file = tmp_path / "couchgrass.toml"
    file.write_text(ONE)
    why = refused("up", "--dir", str(tmp_path), "--regions", "london")
    assert f"{file} is there already and says otherwise: --regions names london, but it has a" in why
    file.write_text(ONE + "[[apps]]\nfolder = 'gone'\n")
    assert f"{tmp_path / 'gone'} is not there" in refused("up", "--dir", str(tmp_path))
    file.write_text("[regions.a]\nnome = 1\n")
    assert f"{file}:2: regions.a.nome: there is no such key" in refused("up", "--dir", str(tmp_path))


def test_a_taken_port_of_the_file_is_named_by_its_key(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "couchgrass.toml").write_text(ONE.replace("database.port = 0", f"database.port = {port}"))
        assert f"port {port} (regions.a.database.port) is taken" in refused("up", "--dir", str(tmp_path))


def test_half_written_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(ONE)
    (tmp_path / "wires.json").write_text('{"ports": {')
    assert "wires.json: " in refused("up", "--dir", str(tmp_path))


def test_what_can_not_start_in_the_background_is_told_before_it_returns(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(ONE)
    (tmp_path / "a").write_text("where the region's data should be")
    done = subprocess.run(
        [sys.executable, "-m", "couchgrass", "up", "--dir", str(tmp_path), "--detach"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 1
    assert f"{tmp_path / 'a'} can't be used" in done.stdout
    assert "a could not start, its own words are above; couchgrass up stops" in done.stdout
    assert f"all of its log is in {tmp_path / 'up.log'}" in done.stdout
    assert not (tmp_path / "up.json").exists()


def test_down_says_when_nothing_runs(tmp_path: Path) -> None:
    assert f"nothing runs in {tmp_path}\n" in refused("down", "--dir", str(tmp_path))
    assert "which is not there" in refused("down", "--dir", str(tmp_path / "none"))


def test_down_ends_what_left_a_state_that_can_not_be_read(tmp_path: Path) -> None:
    script = (
        "import signal, sys\nfrom pathlib import Path\n"
        "from couchgrass.cli.fleet import up_kept\nfrom couchgrass.region.run.state_file import Hold\n"
        "hold = Hold(Path(sys.argv[1]), up_kept())\nprint('held', flush=True)\nsignal.pause()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
    (tmp_path / "up.json").write_text('{"pid": ')
    status, out, _ = called("down", "--dir", str(tmp_path))
    assert (status, holder.wait(60)) == (0, -15)
    assert "is stopped" in out


def test_wires_that_can_not_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "couchgrass.toml").write_text(ONE)
    assert "wires.json can't be read" in refused("wires", "--dir", str(tmp_path))
    (tmp_path / "wires.json").write_text(json.dumps({"ports": {"x->a": 21001}}))
    assert "has the wire x->a, but there is no such region" in refused("wires", "--dir", str(tmp_path))


def test_each_region_reaches_the_others_by_its_own_wires(tmp_path: Path) -> None:
    topology = parse_topology(
        "[regions.a]\n[regions.b]\n"
        + "".join(f"{name}.port = {7000 + n}\n" for n, name in enumerate(("database", "functions")))
        + "gateway.port = 7002\nagent.port = 7003\n[balancer]\n",
        str(tmp_path),
        "couchgrass.toml",
    )
    wires = Wires({"a->b": 21001, "b->a": 21002})
    commands = {spec.name: spec.command for spec in specs_of(tmp_path, topology, wires)}
    assert list(commands) == ["wires", "a", "b", "balancer"]
    assert commands["b"][3:] == [
        *("region", "b", "-c", str(tmp_path / "couchgrass.toml")),
        "--peer=a=http://127.0.0.1:21001",
    ]
    assert rules_of(topology, wires).groups == (("wires",), ("a", "b"), ("balancer",))
    alone = parse_topology("[regions.a]", str(tmp_path), "couchgrass.toml")
    assert [spec.name for spec in specs_of(tmp_path, alone, Wires())] == ["a"]
    assert rules_of(alone, Wires()).groups == (("a",),)


def test_the_example_is_there() -> None:
    assert (example_app() / "manifest.yaml").is_file()


@pytest.mark.parametrize("command", ["up", "down"])
def test_the_help_teaches_with_examples(command: str) -> None:
    status, out, _ = called(command, "--help")
    assert status == 0
    assert "Try it" in out
