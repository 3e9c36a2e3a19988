"""Which file is meant, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from couchgrass.cli.region import read_region, region_file
from couchgrass.cli.which import missing, topology_file, usual_file
from couchgrass.errors import CouchgrassError

TWO = "[regions.london]\n[regions.dallas]\n" + "".join(
    f"{name}.port = {7000 + number}\n"
    for number, name in enumerate(("database", "functions", "gateway", "agent"))
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUCHGRASS_CONFIG", raising=False)
    return tmp_path


def write(file: str) -> Path:
    place = Path(file)
    place.parent.mkdir(exist_ok=True)
    place.write_text(TWO)
    return place


def test_the_one_of_the_environment_goes_before_this_folders_and_that_before_the_one_of_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert usual_file() == Path("couchgrass.toml")
    of_up = write(".couchgrass/couchgrass.toml")
    assert usual_file() == of_up
    here = write("couchgrass.toml")
    assert usual_file() == here
    monkeypatch.setenv("COUCHGRASS_CONFIG", "other.toml")
    assert usual_file() == Path("other.toml")


def test_what_is_named_goes_before_all() -> None:
    write("couchgrass.toml")
    assert topology_file("drain", Path("x.toml")) == Path("x.toml")
    assert topology_file("drain", None, Path("d")) == Path("d/couchgrass.toml")
    assert topology_file("drain", None) == Path("couchgrass.toml")
    with pytest.raises(typer.Exit) as misused:
        topology_file("drain", Path("x.toml"), Path("d"))
    assert misused.value.exit_code == 2


def test_a_region_of_up_is_known_by_its_name_alone() -> None:
    write(".couchgrass/couchgrass.toml")
    assert region_file(Path("dallas")) == Path(".couchgrass/couchgrass.toml#dallas")
    assert read_region(Path("dallas")).name == "dallas"
    with pytest.raises(CouchgrassError, match=r"is: name a region of it: london, dallas"):
        read_region(Path("region.toml"))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("couchgrass.toml", "couchgrass up starts two regions here"),
        (".couchgrass/couchgrass.toml", "couchgrass up makes it"),
        ("d/couchgrass.toml", "couchgrass up --dir d makes it"),
        ("fleet.toml", "couchgrass topology example prints one"),
    ],
)
def test_what_is_not_there_can_be_made(file: str, told: str) -> None:
    assert told in missing(Path(file))
