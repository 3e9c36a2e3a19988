"""The todo app in both of its versions: the Todo-Backend contract in a real region, open and with sign-in.

The Node.js version is in the style of 2018: it brings no packages along, and reaches its database at the
address of its Cloudant account.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer
from couchgrass.functions.runtimes.packages import put as put_packages
from couchgrass.identity.store.directory import Directory
from couchgrass.region.places import RUNTIMES, TENANTS
from couchgrass.testing.call import Reply, call
from couchgrass.testing.region import Owner, RegionProcess, running_region
from couchgrass.testing.todo_backend import RULES, Api

pytestmark = pytest.mark.timeout(300)
"""A start of the whole region, and what is deployed to it, counts for the first test."""

ROOT = Path(__file__).parents[2]
APPS = ("python", "nodejs")
TENANT = "todo-app"
PEOPLE = ("ada@example.org", "bob@example.org")
PASSWORD = "analytical engine"


class App(NamedTuple):
    """A deployed app: `url` is that of its API."""

    owner: Owner
    url: str


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionProcess]:
    folder = tmp_path_factory.mktemp("todo")
    gateway, identity = {"default_namespace": "nodejs"}, {"enabled": True}
    with running_region(folder, gateway=gateway, identity=identity) as found:
        packages = ROOT / "tests" / "clients" / "node_modules"
        put_packages(
            found.data / RUNTIMES,
            "nodejs",
            ["@cloudant/cloudant@2"],
            lambda place, _: (place / "node_modules").symlink_to(packages),
        )
        yield found


def deployed(region: RegionProcess, app: str, namespace: str, **env: str) -> App:
    """The app in a namespace. All use one account, as the apps of one Cloudant account did."""
    owner = region.owner(namespace)
    region.account("acme")
    urls = region.deploy(ROOT / "examples" / "todo" / app, namespace, "acme", **env)
    url = urls["get get_todo"].removesuffix("/todo")
    # The gateway learns of the API by the database's feed of changes.
    expected = 401 if env else 200
    region.until(lambda: call(url, "GET", urllib.parse.urlsplit(url).path + "/todo").status == expected)
    return App(owner, url)


@pytest.fixture(scope="module")
def apps(region: RegionProcess) -> dict[str, App]:
    return {app: deployed(region, app, app) for app in APPS}


@pytest.mark.parametrize("where", [*APPS, "default"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_app_keeps_the_contract(
    region: RegionProcess, apps: dict[str, App], where: str, rule: Any
) -> None:
    """By the URL that its deployment told, and without the tenant where its namespace is the default."""
    root = f"{region.gateway}/v1/todo" if where == "default" else f"{apps[where].url}/todo"

    async def follow() -> None:
        async with aiohttp.ClientSession() as session:
            await rule(Api(root, session))

    asyncio.run(follow())


@pytest.mark.parametrize("app", APPS)
def test_it_is_warm_and_its_records_are_there(apps: dict[str, App], app: str) -> None:
    owner, url = apps[app]
    path = urllib.parse.urlsplit(url).path
    for _ in range(2):
        answer = call(url, "GET", f"{path}/todo")
        assert answer.status == 200, answer
    record = owner.ask("GET", f"activations/{answer.headers['x-openwhisk-activation-id']}").json()
    assert (record["name"], record["response"]["status"]) == ("get_todo", "success")
    assert "initTime" not in {each["key"] for each in record["annotations"]}


@pytest.mark.parametrize("app", APPS)
def test_its_refusals_are_its_own(apps: dict[str, App], app: str) -> None:
    url = apps[app].url
    path = urllib.parse.urlsplit(url).path
    nowhere = call(url, "GET", f"{path}/todo/nowhere")
    assert (nowhere.status, "error" in nowhere.json()) == (404, True)
    untitled = call(url, "POST", f"{path}/todo", {})
    assert (untitled.status, untitled.json()) == (400, {"error": "A todo needs a title"})


# --- what two regions changed at the same time -----------------------------------------------------------

MARKS = ("a" * 32, "b" * 32)


@pytest.fixture
def contested(region: RegionProcess, apps: dict[str, App]) -> Iterator[str]:
    """The path of a todo that has two versions, as replication leaves it.

    All apps share the database, and that of 2018 knows of no versions: to it a todo that lost one is still
    there. So all of them are gone in the end.
    """
    path = urllib.parse.urlsplit(apps["python"].url).path + "/todo"
    made = call(apps["python"].url, "POST", path, {"title": "Water the grass"}).json()
    docs = [
        {
            "_id": made["id"],
            "_revisions": {"start": 2, "ids": [mark, "0" * 32]},
            "title": title,
            "completed": done,
        }
        for mark, title, done in zip(
            MARKS, ("Water the lawn", "Water the couch grass"), (True, False), strict=True
        )
    ]
    rev = call(region.database, "GET", f"/todos/{made['id']}").json()["_rev"]
    gone = {"_id": made["id"], "_rev": rev, "_deleted": True}
    call(region.database, "POST", "/todos/_bulk_docs", {"docs": [gone]})
    answer = call(region.database, "POST", "/todos/_bulk_docs", {"docs": docs, "new_edits": False})
    assert answer.status == 201, answer
    yield f"{path}/{made['id']}"
    left = [{"_id": made["id"], "_rev": doc["_rev"], "_deleted": True} for doc in leaves(region, made["id"])]
    assert call(region.database, "POST", "/todos/_bulk_docs", {"docs": left}).status == 201
    assert leaves(region, made["id"]) == []


def leaves(region: RegionProcess, path: str) -> list[dict[str, Any]]:
    """The versions that are not deleted, in the database."""
    doc_id = path.rpartition("/")[2]
    asked = {"Accept": "application/json"}
    found = call(region.database, "GET", f"/todos/{doc_id}?open_revs=all", headers=asked).json()
    return [one["ok"] for one in found if not one["ok"].get("_deleted")]


def test_a_todo_with_two_versions_says_so_and_shows_the_winner(apps: dict[str, App], contested: str) -> None:
    url = apps["python"].url
    shown = call(url, "GET", contested).json()
    assert (shown["versions"], shown["title"]) == (2, "Water the couch grass")
    assert [
        todo for todo in call(url, "GET", contested.rpartition("/")[0]).json() if todo["id"] == shown["id"]
    ] == [shown]
    found = call(url, "GET", f"{contested}/versions").json()
    assert [(one["title"], one["version"][0]) for one in found] == [
        ("Water the couch grass", "2"),
        ("Water the lawn", "2"),
    ]


def test_who_chooses_settles_it_for_all(region: RegionProcess, apps: dict[str, App], contested: str) -> None:
    url = apps["python"].url
    seen = [one["version"] for one in call(url, "GET", f"{contested}/versions").json()]
    unseen = call(url, "PATCH", contested, {"title": "Water the lawn", "resolves": seen[:1]})
    assert (unseen.status, len(leaves(region, contested))) == (409, 2)
    settled = call(url, "PATCH", contested, {"title": "Water all", "completed": True, "resolves": seen})
    assert settled.status == 200 and "versions" not in settled.json()
    assert [(doc["title"], doc["completed"]) for doc in leaves(region, contested)] == [("Water all", True)]
    assert call(url, "PATCH", contested, {"resolves": "all"}).status == 400


def test_a_todo_is_deleted_with_all_its_versions(
    region: RegionProcess, apps: dict[str, App], contested: str
) -> None:
    assert call(apps["python"].url, "DELETE", contested).status == 204
    assert leaves(region, contested) == []
    assert call(apps["python"].url, "GET", contested).status == 404


# --- with sign-in --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def users(region: RegionProcess) -> dict[str, dict[str, Any]]:
    """Who can sign in, by address: what the sign-in service answers."""
    region.command("tenant", "create", "Todo", "--id", TENANT, "--region", str(region.file))
    client = json.loads((region.data / TENANTS / f"{TENANT}.json").read_text())
    for email in PEOPLE:
        region.command("user", "add", TENANT, email, "--region", str(region.file), stdin=f"{PASSWORD}\n")
    return {email: signed_in(region, client, email) for email in PEOPLE}


def signed_in(region: RegionProcess, client: dict[str, str], email: str) -> dict[str, Any]:
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    host = region.gateway.removeprefix("http://")
    login = f"http://{client['clientId']}:{client['secret']}@{host}"
    sent = urllib.parse.urlencode(form).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answers: list[Reply] = []

    def is_granted() -> bool:
        answers.append(call(login, "POST", f"/oauth/v4/{TENANT}/token", sent, headers=headers))
        return answers[-1].status == 200

    # The gateway learns of the tenant by the database's feed of changes.
    region.until(is_granted)
    told: dict[str, Any] = answers[-1].json()
    return told


@pytest.fixture(scope="module")
def other_regions_token(region: RegionProcess, users: dict[str, Any]) -> str:
    """Signed by another region, which shares the database with the public keys."""

    async def sign() -> str:
        admin = region.admin
        async with CouchServer(region.url("database"), admin.name, admin.password) as server:
            folder = region.folder / "dallas"
            folder.mkdir()
            dallas = await Directory.open(server, folder, region="dallas", clock=SystemClock())
            claims = {"sub": "from-dallas", "tenant": TENANT, "exp": int(time.time()) + 3600}
            token = dallas.signer().sign(claims)
            await dallas.close()
        return token

    return asyncio.run(sign())


@pytest.fixture(scope="module")
def members(region: RegionProcess, users: dict[str, Any], other_regions_token: str) -> dict[str, App]:
    """The apps again, each with its API for people who are signed in."""
    signed_in = {"API_USE_APPID": "true", "API_APPID_TENANTID": TENANT}
    return {app: deployed(region, app, f"members-{app}", **signed_in) for app in APPS}


def todos(app: App, token: str = "", method: str = "GET", body: Any = None) -> Reply:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return call(app.url, method, urllib.parse.urlsplit(app.url).path + "/todo", body, headers=headers)


@pytest.mark.parametrize("app", APPS)
def test_without_a_good_token_nobody_is_let_in(
    members: dict[str, App], users: dict[str, Any], app: str
) -> None:
    token = users[PEOPLE[0]]["access_token"]
    head, claims, signature = token.split(".")
    forged = f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
    for bad in ("", "nonsense", forged, f"{head}.{claims}."):
        answer = todos(members[app], bad)
        assert answer.status == 401, bad
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("app", APPS)
def test_each_who_signs_in_has_a_database_of_their_own(
    region: RegionProcess, members: dict[str, App], users: dict[str, Any], app: str
) -> None:
    ada, bob = (users[email]["access_token"] for email in PEOPLE)
    for token in (ada, bob):
        assert todos(members[app], token, "DELETE").status == 204
    made = todos(members[app], ada, "POST", {"title": "the notes"})
    assert made.status == 201, made
    assert [todo["title"] for todo in todos(members[app], ada).json()] == ["the notes"]
    assert todos(members[app], bob).json() == []
    names = call(region.database, "GET", "/_all_dbs").json()
    assert {f"todos_{sub_of(token)}" for token in (ada, bob)} <= set(names)


def sub_of(token: str) -> str:
    from joserfc.jws import extract_compact

    return str(json.loads(extract_compact(token.encode()).payload)["sub"])


@pytest.mark.parametrize("app", APPS)
def test_a_token_of_another_region_is_believed(
    region: RegionProcess, members: dict[str, App], other_regions_token: str, app: str
) -> None:
    # The gateway learns of the other region's key by the database's feed of changes.
    region.until(lambda: todos(members[app], other_regions_token).status == 200)
    assert "todos_from-dallas" in call(region.database, "GET", "/_all_dbs").json()


def test_an_account_does_not_reach_what_is_anothers(region: RegionProcess, apps: dict[str, App]) -> None:
    acme, other = region.account("acme"), region.account("zeta")
    assert call(apps["python"].url, "GET", "/v1/todo").status == 200
    host = region.url("database").removeprefix("http://")
    for path in ("/todos", "/todos/_all_docs", "/todos/_changes", "/todos/_security"):
        assert call(f"http://{acme.name}:{acme.password}@{host}", "GET", path).status == 200, path
        assert call(f"http://{other.name}:{other.password}@{host}", "GET", path).status == 403, path
    assert call(f"http://{other.name}:{other.password}@{host}", "DELETE", "/todos").status in (401, 403)
    assert "todos" not in call(f"http://{other.name}:{other.password}@{host}", "GET", "/_all_dbs").json()
