"""Kinds: which interpreter serves which, what the defaults are, what is refused."""

from __future__ import annotations

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions.entity import Exec
from couchgrass.functions.kinds import Kinds, cell_kind

KINDS = Kinds()


@pytest.mark.parametrize(
    ("asked", "kind", "engine"),
    [
        ("nodejs:8", "nodejs:8", "nodejs"),
        ("nodejs:default", "nodejs:20", "nodejs"),
        (" NodeJS:10 ", "nodejs:10", "nodejs"),
        ("python:default", "python:3", "python"),
        ("python:3.14", "python:3.14", "python"),
        ("python:2", "python:2", "python"),
    ],
)
def test_a_kind_leads_to_the_interpreter_that_is_here(asked: str, kind: str, engine: str) -> None:
    found = KINDS.resolve(asked)
    assert (found.kind, found.engine) == (kind, engine)


@pytest.mark.parametrize(
    "kind", ["ruby:2.5", "nodejs", "default", ":default", "", "ruby:default", "nodejs:7"]
)
def test_an_unknown_kind_is_refused_with_the_ones_there_are(kind: str) -> None:
    with pytest.raises(BadRequest) as refused:
        KINDS.resolve(kind)
    assert f"The specified runtime '{kind}' is not supported by this platform." in refused.value.reason
    assert "'nodejs:8', " in refused.value.reason and "'sequence', 'blackbox'." in refused.value.reason


def test_every_family_has_one_default_and_nothing_is_deprecated() -> None:
    info = Kinds({"ruby:2.5": "http://r", "go:1.19": "http://g", "go:1.20": "http://h"}).info()
    assert set(info) == {"nodejs", "python", "ruby", "go"}
    for versions in info.values():
        assert [one["default"] for one in versions].count(True) == 1
        assert not any(one["deprecated"] for one in versions)
    assert {"python:2", "python:3", "python:3.6", "python:3.12"} <= {one["kind"] for one in info["python"]}


def test_an_external_runtime_can_take_the_place_of_a_kind() -> None:
    kinds = Kinds({"Python:2": "http://old/", "nodejs:20": "http://n"})
    assert (kinds.resolve("python:2").engine, kinds.resolve("python:2").url) == ("external", "http://old/")
    assert kinds.resolve("python:3").engine == "python"
    assert kinds.resolve("nodejs:default").url == "http://n"


def test_the_last_external_version_of_a_family_is_its_default() -> None:
    assert Kinds({"go:1.19": "http://g", "go:1.20": "http://h"}).resolve("go:default").kind == "go:1.20"


def test_an_image_is_run_by_a_url_or_refused_when_it_is_put() -> None:
    kinds = Kinds(images={"me/ruby": "http://r"})
    assert kinds.check_image("me/ruby:latest") == "me/ruby:latest"
    assert kinds.urls[cell_kind(Exec("blackbox", image="me/ruby"))] == "http://r"
    for image in ("me/ruby:1", "host:80/ruby", "ruby"):
        with pytest.raises(BadRequest, match=f"The image '{image}' is not supported"):
            kinds.check_image(image)


def test_what_runs_elsewhere_is_found_by_an_action_s_kind_of_cell() -> None:
    kinds = Kinds({"swift:5.3": "http://s"}, {"me/ruby": "http://r", "swift:5.3": "http://i"})
    ran = [Exec("swift:5.3"), Exec("blackbox", image="me/ruby:latest"), Exec("blackbox", image="swift:5.3")]
    assert [kinds.urls.get(cell_kind(exec)) for exec in ran] == ["http://s", "http://r", "http://i"]
    assert cell_kind(Exec("python:3")) not in kinds.urls
