"""`couchgrass deploy` and `undeploy`: what they refuse, and two real regions from nothing to served."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from couchgrass.deploy.apply.credentials import read_credentials
from couchgrass.region.config import Region
from couchgrass.testing.call import call
from couchgrass.testing.command import called
from couchgrass.testing.region import Owner
from couchgrass.testing.up import UpProcess, running_up
from tests.whole.site import TEST_S

APP = Path(__file__).parents[2] / "examples" / "todo" / "python"
LIMIT_S = 240.0
NAMES = ("get_todo", "post_todo", "patch_todo", "delete_todo")

ONE_REGION = """
[regions.london]
database.port = 1
functions.port = 2
gateway.port = 3
agent.port = 4
"""


def said(*arguments: str, status: int = 0) -> str:
    """What the command prints, to both."""
    done = subprocess.run(
        [sys.executable, "-m", "couchgrass", *arguments],
        env={**os.environ, "COLUMNS": "200", "COUCHGRASS_CONFIG": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    text = done.stdout + done.stderr
    assert done.returncode == status, text
    return text


@pytest.mark.parametrize(
    ("arguments", "text", "status", "words"),
    [
        ((), "", 1, "couchgrass.toml is not there"),
        ((), ONE_REGION, 1, "no app: name its folder with -p"),
        (("-p", str(APP), "--region", "paris"), ONE_REGION, 1, "there is no region paris: there is london"),
        (("-p", str(APP)), ONE_REGION, 1, "never ran on this machine"),
        (("-p", "nowhere"), ONE_REGION, 1, "nowhere/manifest.yaml: there is no such file"),
        (("-p", str(APP), "--env-file", "nowhere"), ONE_REGION, 1, "nowhere: can't be read"),
        (("-p", str(APP), "--json"), ONE_REGION, 2, "--json does not ask"),
        (("-p", str(APP), "--param", "x"), ONE_REGION, 2, "--param takes KEY=VALUE"),
        (("-p", str(APP), "--dir", "x", "-c", "y"), ONE_REGION, 2, "name the same thing"),
        (("-p", str(APP)), "[regions", 1, "couchgrass.toml:1"),
    ],
)
@pytest.mark.parametrize("command", ["deploy", "undeploy"])
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    tmp_path: Path, command: str, arguments: Sequence[str], text: str, status: int, words: str
) -> None:
    if text:
        (tmp_path / "couchgrass.toml").write_text(text)
    found, out, error = called(command, *arguments, cwd=tmp_path, env={"COUCHGRASS_CONFIG": None})
    assert (found, words in error) == (status, True), (found, out, error)
    assert {path.name for path in tmp_path.iterdir()} <= {"couchgrass.toml"}


pytestmark = pytest.mark.timeout(TEST_S)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    with running_up(tmp_path_factory.mktemp("deploy") / "d", balancer=False) as found:
        yield found


def deploy(up: UpProcess, *arguments: str, command: str = "deploy", status: int = 0) -> str:
    selected = ["--dir", str(up.folder), "-p", str(APP)]
    return said(command, *selected, *arguments, status=status)


def owner(up: UpProcess, region: Region) -> Owner:
    key = read_credentials(up.folder / "credentials.json").namespaces["guest"].key
    return Owner(f"http://127.0.0.1:{region.functions.port}", "guest", key)


def names(up: UpProcess, region: str) -> set[str]:
    rows = owner(up, up.region(region)).ask("GET", "actions").json()
    return {row["name"] for row in rows}


def todos(up: UpProcess, region: str, method: str = "GET", body: Any = None) -> Any:
    gateway = f"http://127.0.0.1:{up.region(region).gateway.port}"
    answer = call(gateway, method, "/api/guest/v1/todo", body)
    return answer.json() if answer.status < 300 else None


def test_two_regions_from_nothing_to_served_and_away(up: UpProcess) -> None:
    # A plan, and a deploy that can't ask, do nothing.
    shown = deploy(up, "--plan")
    assert re.search("create +database account +python", shown) and "london, dallas: app python" in shown
    assert "--yes does it unasked" in deploy(up, status=1)
    made = read_credentials(up.folder / "credentials.json")
    assert "python" not in made.accounts and "guest" not in made.namespaces

    # The first one makes all of it, with links that run.
    first = deploy(up, "--yes")
    assert first.count("ok: APIs") == 2 and first.endswith("All done.\n"), first
    assert f"http://127.0.0.1:{up.region('dallas').gateway.port}/api/guest/v1/todo" in first
    password = read_credentials(up.folder / "credentials.json").accounts["python"].password
    assert password not in first
    up.until(lambda: todos(up, "london", "POST", {"title": "in London"}) is not None)
    up.until(lambda: [one["title"] for one in todos(up, "dallas") or ()] == ["in London"])

    # The second changes nothing and says so.
    again = json.loads(deploy(up, "--yes", "--json"))
    assert again["ok"]
    assert [one["result"] for one in again["apps"][0]["regions"]] == ["unchanged", "unchanged"]
    assert "Nothing changes: python in london, dallas" in deploy(up)

    # What somebody did by hand in one region is seen there, and put right.
    dallas = owner(up, up.region("dallas"))
    assert dallas.ask("DELETE", "actions/todo_package/get_todo").status == 200
    shown = deploy(up, "--plan")
    assert "dallas: app python in namespace guest\n" in shown and "todo_package/get_todo" in shown
    assert "london: app python in namespace guest\nnothing to do" in shown
    deploy(up, "--yes")
    assert names(up, "dallas") == set(NAMES)

    # A region that can't be reached keeps the others from being changed, until one is chosen.
    former = up.state.processes["dallas"].pid
    assert former is not None
    hold = up.hold("dallas", 4_000_000_000.0)
    up.kill_region("dallas")
    refused = deploy(up, "--yes", command="undeploy", status=1)
    assert "dallas: " in refused and "To go on without: --region london" in refused
    assert names(up, "london") == set(NAMES)
    deploy(up, "--yes", "--region", "london", command="undeploy")
    assert names(up, "london") == set()
    hold.unlink()
    up.until_back("dallas", former)

    # What was taken away there is there again, and then goes everywhere. Data stays.
    deploy(up, "--yes")
    assert names(up, "london") == names(up, "dallas") == set(NAMES)
    assert "All done." in deploy(up, "--yes", command="undeploy")
    assert names(up, "london") == names(up, "dallas") == set()
    deploy(up, "--yes")
    up.until(lambda: [one["title"] for one in todos(up, "london") or ()] == ["in London"])


def page(up: UpProcess, region: str, path: str = "/") -> tuple[int, str]:
    answer = call(f"http://127.0.0.1:{up.region(region).gateway.port}", "GET", path)
    return answer.status, answer.body.decode() if answer.status == 200 else ""


@pytest.fixture
def web(up: UpProcess, tmp_path: Path) -> Iterator[Path]:
    """The folder of the app's pages, which the file names meanwhile. All is in a namespace of its own, so
    that nothing of it is left for other tests."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("first")
    (web / "assets" / "main-11111111.js").write_text("1")
    before = up.file.read_text()
    pages = f"pages = {{ folder = {json.dumps(str(web))}, path = '/todo/' }}"
    own = "namespace = 'paged'\naccount = 'paged'"
    up.file.write_text(f"{before}\n[[apps]]\nfolder = {json.dumps(str(APP))}\n{own}\n{pages}\n")
    yield web
    up.file.write_text(before)


def test_the_pages_of_an_app_come_with_it_change_and_go_with_it(up: UpProcess, web: Path) -> None:
    shown = deploy(up, "--plan")
    assert "create  pages" in shown and "3 files new" in shown
    assert page(up, "london", "/todo/")[0] == 404
    deploy(up, "--yes")
    # Gateways learn of it by their databases' feeds.
    up.until(lambda: page(up, "london", "/todo/") == page(up, "dallas", "/todo/") == (200, "first"))
    about = json.loads(page(up, "dallas", "/todo/regions.json")[1])
    assert (about["app"], about["api"]) == ("python", "/api/paged/v1/todo")
    assert "Nothing changes: python in london, dallas" in deploy(up)

    (web / "index.html").write_text("second")
    (web / "assets" / "main-11111111.js").rename(web / "assets" / "main-22222222.js")
    told = json.loads(deploy(up, "--yes", "--json"))
    assert [one["changes"] for one in told["apps"][0]["regions"]] == [
        [
            {
                "change": "update",
                "kind": "pages",
                "name": "/todo/",
                "why": "1 new, 1 changed, 1 removed, 6 bytes",
            }
        ]
    ] * 2
    up.until(lambda: page(up, "london", "/todo/") == page(up, "dallas", "/todo/") == (200, "second"))
    assert page(up, "london", "/todo/assets/main-11111111.js") == (200, "1"), "an open page still asks for it"

    (web / "secret").symlink_to("/etc/hostname")
    assert "secret links out of the folder of the pages" in deploy(up, "--yes", status=1)
    assert page(up, "london", "/todo/") == (200, "second")
    deploy(up, "--yes", command="undeploy")
    up.until(lambda: page(up, "london", "/todo/")[0] == page(up, "dallas", "/todo/")[0] == 404)
