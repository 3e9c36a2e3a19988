"""The folder at the first start and after: nothing half made, and each refusal says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from couchgrass.drill.wires import Fault, Wires, read_wires, wires_text, with_faults
from couchgrass.serving.listen import bind
from couchgrass.topology.config import Pages, Topology, parse_topology
from couchgrass.topology.generate import FIRST_PORTS, Asked
from couchgrass.topology.holds import HoldNote, hold_text
from couchgrass.topology.places import CONFIG, HOLDS, WIRES
from couchgrass.topology.run.folder import (
    Example,
    FolderRefused,
    check_app,
    check_options,
    check_ports,
    env_file_of,
    first_file,
    held,
    lives,
    pages_of,
    port_taken,
    ready_wires,
)

NAMES = ("london", "dallas")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    (folder / "get").mkdir(parents=True)
    (folder / "manifest.yaml").write_text("packages: {}\n")
    (folder / "get" / "__main__.py").write_text("def main(args): return args\n")
    (folder / "get" / "__pycache__").mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "dir"
    found.mkdir()
    return found


def read(folder: Path) -> Topology:
    return parse_topology((folder / CONFIG).read_text(), str(folder), CONFIG)


def test_the_first_file_comes_with_a_copy_of_the_example(folder: Path, example: Path) -> None:
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    topology = read(folder)
    assert topology.names == NAMES
    app = Path(topology.apps[0].folder)
    assert app == folder / "apps" / "todo"
    assert (app / "get" / "__main__.py").is_file()
    assert not (app / "get" / "__pycache__").exists()
    assert [one.match for one in topology.databases] == ["todos", "*"]


def test_the_examples_pages_come_with_it_when_they_are_built(
    folder: Path, example: Path, tmp_path: Path
) -> None:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    first_file(folder, Asked(), example=Example(example, built), regions=NAMES)
    pages = read(folder).apps[0].pages
    assert pages == Pages(str(folder / "apps" / "todo" / "web"))
    assert (folder / "apps" / "todo" / "web" / "assets").is_dir()
    (folder / CONFIG).unlink()
    shutil.rmtree(folder / "apps")
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    assert read(folder).apps[0].pages is None


def test_the_pages_of_an_app_of_one_s_own_are_what_is_built_of_them(folder: Path, example: Path) -> None:
    web = example / "web"
    assert pages_of(example) == ""
    web.mkdir()
    (web / "index.html").write_text("source")
    assert pages_of(example) == str(web)
    (web / "package.json").write_text("{}")
    assert pages_of(example) == "", "that is what pages are built of"
    (web / "dist").mkdir()
    (web / "dist" / "index.html").write_text("built")
    first_file(folder, Asked(app=str(example)), example=Example(example), regions=NAMES)
    assert read(folder).apps[0].pages == Pages(str(web / "dist"))


def test_a_copy_that_its_owner_changed_stays(folder: Path, example: Path) -> None:
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    (folder / "apps" / "todo" / "manifest.yaml").write_text("mine")
    (folder / CONFIG).unlink()
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    assert (folder / "apps" / "todo" / "manifest.yaml").read_text() == "mine"


def test_a_copy_that_was_not_finished_is_made_anew(folder: Path, example: Path) -> None:
    (folder / "apps" / "todo.new" / "half").mkdir(parents=True)
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    assert sorted(path.name for path in (folder / "apps").iterdir()) == ["todo"]
    assert not (folder / "apps" / "todo" / "half").exists()


def test_an_app_of_one_s_own_is_used_where_it_is(folder: Path, example: Path) -> None:
    (example / "local.env").write_text("A=1\n")
    first_file(folder, Asked(app=str(example)), example=Example(example), regions=NAMES)
    app = read(folder).apps[0]
    assert (app.folder, app.account) == (str(example), "example")
    assert app.env_file == str(example / "local.env")
    assert read(folder).databases[0].match == "*"
    assert not (folder / "apps").exists()


def test_an_env_file_that_is_named_goes_before_the_one_beside_the_manifest(
    folder: Path, example: Path
) -> None:
    (example / "local.env").write_text("A=1\n")
    other = folder / "other.env"
    asked = Asked(app=str(example), env_file=str(other))
    assert env_file_of(asked) == str(other)
    assert env_file_of(Asked()) == ""
    first_file(folder, asked, example=Example(example), regions=NAMES)
    assert read(folder).apps[0].env_file == str(other)
    assert 'env_file = "other.env"' in (folder / CONFIG).read_text()


def test_taken_ports_are_replaced_and_a_named_one_is_refused(folder: Path, example: Path) -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port_taken("127.0.0.1", port)
        with pytest.raises(FolderRefused, match=f"port {port} is taken: .* --port"):
            first_file(folder, Asked(port=port), example=Example(example), regions=NAMES)
    assert list(folder.iterdir()) == []
    assert not port_taken("127.0.0.1", port)
    first_file(folder, Asked(port=port), example=Example(example), regions=NAMES)
    balancer = read(folder).balancer
    assert balancer is not None
    assert balancer.port == port


def test_a_folder_that_can_not_be_written_is_named(folder: Path, example: Path) -> None:
    (folder / "apps").write_text("a file")
    with pytest.raises(FolderRefused, match="can't be written"):
        first_file(folder, Asked(), example=Example(example), regions=NAMES)
    assert not (folder / CONFIG).exists()


def test_options_against_the_file_are_refused(folder: Path, example: Path) -> None:
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    check_options(folder, read(folder), Asked(regions=NAMES))
    with pytest.raises(FolderRefused, match="says otherwise: --regions names tokyo, but it has london"):
        check_options(folder, read(folder), Asked(regions=("tokyo",)))


@pytest.mark.parametrize("name", ["wires", "balancer", "apps", "holds", "drills"])
def test_a_region_is_not_called_as_something_else_in_the_folder(
    folder: Path, example: Path, name: str
) -> None:
    first_file(folder, Asked(), example=Example(example), regions=NAMES)
    file = folder / CONFIG
    file.write_text(file.read_text().replace("[regions.dallas]", f"[regions.{name}]\ndata = 'elsewhere'"))
    with pytest.raises(FolderRefused, match=f"no region can be called {name} here"):
        check_options(folder, read(folder), Asked())


def test_an_app_is_a_folder_with_a_manifest(tmp_path: Path, example: Path) -> None:
    check_app(example)
    with pytest.raises(FolderRefused, match="is not there"):
        check_app(tmp_path / "nowhere")
    with pytest.raises(FolderRefused, match=r"has no manifest\.yaml"):
        check_app(tmp_path)


def test_a_port_of_the_file_that_is_taken_is_named_with_its_key(folder: Path) -> None:
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", 0) as two:
        first, second = one.getsockname()[1], two.getsockname()[1]
        text = "[regions.a]\n" + PORTS.replace("database.port = 0", f"database.port = {first}")
        topology = parse_topology(text, str(folder), CONFIG)
        with pytest.raises(FolderRefused, match=rf"port {first} \(regions\.a\.database\.port\) is taken"):
            check_ports(folder, topology)
        whole = parse_topology(f"{text}[balancer]\nport = {second}\nmetrics_port = 0\n", str(folder), CONFIG)
        with pytest.raises(FolderRefused, match=rf"ports {first} .*, {second} \(balancer\.port\) are taken"):
            check_ports(folder, whole)


def topology(folder: Path) -> Topology:
    return parse_topology("[regions.a]\n[regions.b]\ndata = 'b'\n" + PORTS, str(folder), CONFIG)


PORTS = "".join(f"{name}.port = 0\n" for name in FIRST_PORTS)
"""None that anything else on the machine could have."""


def test_wires_keep_their_ports_and_lose_the_faults_of_a_drill_that_died(folder: Path) -> None:
    first = ready_wires(folder, topology(folder), "ab")
    assert set(first.ports) == {"a->b", "b->a"}
    cut = with_faults(first, {"a->b": Fault(cut=True)})
    (folder / WIRES).write_bytes(wires_text(cut))
    assert ready_wires(folder, topology(folder), "ab") == first
    assert read_wires((folder / WIRES).read_bytes(), WIRES) == first


def test_half_a_file_of_wires_is_refused_by_name(folder: Path) -> None:
    (folder / WIRES).write_bytes(wires_text(Wires({"a->b": 21001}))[:20])
    with pytest.raises(FolderRefused, match=r"wires\.json: .* Remove the file"):
        ready_wires(folder, topology(folder), "ab")


def test_a_hold_counts_while_its_process_lives(folder: Path) -> None:
    assert held(folder, NAMES, 50.0) == frozenset()
    (folder / HOLDS).mkdir()
    place = folder / HOLDS / "london"
    place.write_bytes(hold_text(HoldNote(os.getpid(), 100.0)))
    assert held(folder, NAMES, 50.0) == {"london"}
    assert held(folder, NAMES, 100.0) == frozenset()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not lives(gone.pid)
    assert not lives(0)
    place.write_bytes(hold_text(HoldNote(gone.pid, 100.0)))
    assert held(folder, NAMES, 50.0) == frozenset()
    place.write_bytes(b'{"pid": 1')
    assert held(folder, NAMES, 50.0) == frozenset()
