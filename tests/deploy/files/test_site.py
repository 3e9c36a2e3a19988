"""A folder of pages is read whole, in bounds, and never beyond itself."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from couchgrass.deploy.files import site
from couchgrass.deploy.files.site import PagesRefused, read_pages
from couchgrass.gateway.site import digest_of


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "main-a1B2c3D4.js").write_text("x")
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(PagesRefused) as found:
        read_pages(folder)
    return found.value.reason


def test_all_files_are_read_with_what_they_are(web: Path) -> None:
    (web / "grüße.txt").write_text("hi")
    (web / ".well-known").mkdir()
    (web / ".well-known" / "security.txt").write_text("hi")
    found = read_pages(web)
    files = {one.name: one for one in found.files}
    assert list(files) == [".well-known/security.txt", "assets/main-a1B2c3D4.js", "grüße.txt", "index.html"]
    assert files["index.html"].media_type == "text/html; charset=utf-8"
    assert (files["assets/main-a1B2c3D4.js"].hashed, files["index.html"].hashed) == (True, False)
    assert found.contents[digest_of(b"hi")] == b"hi" and len(found.contents) == 3
    assert found.warnings == ()


def test_what_begins_with_a_dot_and_what_a_deploy_makes_is_left_out_and_told(web: Path) -> None:
    (web / ".env").write_text("SECRET=1")
    (web / "assets" / ".git").mkdir()
    (web / "regions.json").write_text("{}")
    found = read_pages(web)
    assert [one.name for one in found.files if "regions" not in one.name] == [
        "assets/main-a1B2c3D4.js",
        "index.html",
    ]
    told = "\n".join(found.warnings)
    assert "assets/.git is left out" in told and ".env is left out" in told and "regions.json is" in told


def test_a_link_inside_is_followed_and_one_that_leads_out_is_refused(web: Path, tmp_path: Path) -> None:
    (web / "again.html").symlink_to("index.html")
    (web / "more").symlink_to("assets")
    assert {"again.html", "more/main-a1B2c3D4.js"} <= {one.name for one in read_pages(web).files}
    (tmp_path / "secret").write_text("s")
    (tmp_path / "secrets").mkdir()
    for target in ("../secret", "../secrets", "/etc/hostname", "gone/../../secret"):
        (web / "out").symlink_to(target)
        assert "out links out of the folder" in refused(web), target
        (web / "out").unlink()
    (web / "round").symlink_to(".")
    assert "round links to a folder that it is in" in refused(web)
    (web / "round").unlink()
    (web / "nothing").symlink_to("nowhere")
    assert "nothing can't be read" in refused(web)


def test_the_folder_itself_may_be_a_link(web: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(web)
    assert read_pages(tmp_path / "link") == read_pages(web)


def test_bounds_are_told(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (web / "big.bin").write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(site, "FILE_BYTES_MAX", 1 << 20)
    assert refused(web) == f"{web / 'big.bin'} has more than 1 MB, the most for one file"
    monkeypatch.setattr(site, "FILE_BYTES_MAX", 5 << 20)
    monkeypatch.setattr(site, "ALL_BYTES_MAX", 1 << 20)
    assert "has more than 1 MB, the most for an app's pages" in refused(web)
    (web / "big.bin").unlink()
    monkeypatch.setattr(site, "FILES_MAX", 1)
    assert "has more than 1 files" in refused(web)


def test_what_are_no_pages_is_told(tmp_path: Path) -> None:
    assert "is not there" in refused(tmp_path / "web")
    (tmp_path / "web").mkdir()
    assert "has no index.html: are the pages built?" in refused(tmp_path / "web")
    os.mkfifo(tmp_path / "web" / "pipe")
    assert "pipe is no file" in refused(tmp_path / "web")


@pytest.mark.parametrize(
    "name", [b"\xff.html", b"a\nb.html", b"x" * 200 + b"/" + b"y" * 200 + b"/" + b"z" * 200]
)
def test_names_that_no_path_can_have_are_refused(web: Path, name: bytes) -> None:
    path = web / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert "name" in refused(web)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\0"), min_size=1, max_size=20)
)
def test_any_name_is_one_in_nfc(tmp_path: Path, name: str) -> None:
    web = tmp_path / "any"
    web.mkdir(exist_ok=True)
    (web / "index.html").write_text("x")
    if name in (".", ".."):
        return
    file = web / name
    file.write_text("x")
    try:
        found = {one.name for one in read_pages(web).files}
    finally:
        if name != "index.html":
            file.unlink()
    if not name.startswith("."):
        assert unicodedata.normalize("NFC", name) in found
