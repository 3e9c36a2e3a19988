"""What a deploy could not do whatever the regions say is told before any of them is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from couchgrass.cli.preflight import check_apps, wants_sign_in
from couchgrass.errors import CouchgrassError
from couchgrass.topology.config import parse_topology

MANIFEST = """packages:
  p:
    inputs:
      username: {type: string, value: $CLOUDANT_USERNAME, required: true}
      tenant: {type: string, value: $API_APPID_TENANTID}
    actions:
      hello: {function: hello.py, runtime: "python:3"}
"""

COBOL = "packages: {p: {actions: {hello: {function: code, runtime: 'cobol:1'}}}}"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST)
    (folder / "hello.py").write_text("def main(args): return args\n")
    return folder


def check(folder: Path, app: str = "", region: str = "") -> None:
    text = f"[regions.london]\n{region}\n[[apps]]\nfolder = 'app'\n{app}\n"
    check_apps(folder, parse_topology(text, str(folder), "couchgrass.toml"))


def test_what_only_a_deploy_knows_is_not_missed(tmp_path: Path, app: Path) -> None:
    check(tmp_path)
    (app / "local.env").write_text("API_USE_APPID=true\n")
    check(tmp_path, "env_file = 'app/local.env'", "identity.enabled = true")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("app/manifest.yaml", "packges: {}\n", "manifest.yaml:1: there is no key packges"),
        ("app/manifest.yaml", MANIFEST.replace("hello.py", "gone.py"), "there is no gone.py"),
        ("app/local.env", "A B\n", "local.env:1: must be NAME=VALUE"),
        ("app/local.env", "API_USE_APPID=true\n", r"enabled = true below \[regions.london.identity\]"),
        ("credentials.json", "{", "credentials.json is not a file of credentials"),
    ],
)
def test_it_is_told(tmp_path: Path, app: Path, file: str, text: str, told: str) -> None:
    (tmp_path / file).write_text(text)
    env_file = "env_file = 'app/local.env'" if file == "app/local.env" else ""
    with pytest.raises(CouchgrassError, match=told):
        check(tmp_path, env_file)


def test_kinds_that_the_file_adds_are_known(tmp_path: Path, app: Path) -> None:
    (app / "manifest.yaml").write_text(COBOL)
    (app / "code").mkdir()
    (app / "code" / "main.cob").write_text("x")
    with pytest.raises(CouchgrassError, match="no runtime cobol:1"):
        check(tmp_path)
    check(tmp_path, region="functions.runtimes = {'cobol:1' = 'http://127.0.0.1:9'}")


def test_a_file_that_is_not_there_has_no_line(tmp_path: Path, app: Path) -> None:
    with pytest.raises(CouchgrassError) as refused:
        wants_sign_in(tmp_path / "gone.env")
    assert refused.value.reason == f"{tmp_path / 'gone.env'}: can't be read: No such file or directory"


def test_an_env_file_says_whether_its_app_wants_sign_in(tmp_path: Path) -> None:
    (tmp_path / "local.env").write_text("API_USE_APPID=true\n")
    assert wants_sign_in(tmp_path / "local.env")
    (tmp_path / "local.env").write_text("API_USE_APPID=false\n")
    assert not wants_sign_in(tmp_path / "local.env")


def test_pages_that_can_not_be_served_are_told_before_anything_starts(tmp_path: Path, app: Path) -> None:
    with pytest.raises(CouchgrassError, match="web is not there"):
        check(tmp_path, "pages = { folder = 'web' }")
    (tmp_path / "web").mkdir()
    with pytest.raises(CouchgrassError, match=r"has no index\.html: are the pages built"):
        check(tmp_path, "pages = { folder = 'web' }")
    (tmp_path / "web" / "index.html").write_text("x")
    check(tmp_path, "pages = { folder = 'web' }")
