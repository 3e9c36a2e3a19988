"""The replication pages, with two servers: jobs made, watched, paused, changed, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from couchgrass.testing.browser import PHONE, WIDE, Held, check_accessible, check_fits, opened
from couchgrass.testing.call import call
from couchgrass.testing.region import until
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, end_job, open_utils

RULE = {"validate_doc_update": "function (doc) { if (doc.bad) throw({forbidden: 'no bad ones'}); }"}
ARRIVES_MS = 45_000
ARRIVES_S = ARRIVES_MS / 1000
RULE_FOR_TWO = {"validate_doc_update": RULE["validate_doc_update"].replace("doc.bad", "doc._id === 'two'")}


@pytest.fixture
def both(couch_server: ServerProcess, other_server: ServerProcess, db_name: str) -> Iterator[str]:
    """A database that both servers have. Its jobs end with the test."""
    yield from in_both(couch_server, other_server, db_name)


def in_both(couch_server: ServerProcess, other_server: ServerProcess, name: str) -> Iterator[str]:
    for server in (couch_server, other_server):
        write(server, name, {})
        call(server.auth_url, "PUT", "/_replicator")
    yield name
    # The documents and not the scheduler, which learns of them a moment later.
    for row in read(couch_server, "_replicator/_all_docs?include_docs=true")["rows"]:
        if name in f"{row['doc'].get('source')} {row['doc'].get('target')}":
            end_job(couch_server.auth_url, row["id"])
    for server in (couch_server, other_server):
        call(server.auth_url, "DELETE", f"/{name}")


def write(server: ServerProcess, path: str, body: Any) -> None:
    assert call(server.auth_url, "PUT", f"/{path}", body).status in (201, 202)


def read(server: ServerProcess, path: str) -> Any:
    return call(server.auth_url, "GET", f"/{path}").json()


def to_other(other_server: ServerProcess, database: str, **options: Any) -> dict[str, Any]:
    """A job's document that copies to the other server."""
    login = {"basic": {"username": other_server.user, "password": other_server.password}}
    target = {"url": f"{other_server.url}/{database}", "auth": login}
    return {"source": database, "target": target, "continuous": True, **options}


def arrives(server: ServerProcess, database: str, doc_id: str) -> bool:
    """Whether the server gets the document in time."""
    path = f"/{database}/_changes?feed=longpoll&filter=_doc_ids&timeout={ARRIVES_MS}"
    return bool(call(server.auth_url, "POST", path, {"doc_ids": [doc_id]}).json()["results"])


def job_ids(server: ServerProcess) -> dict[str, str]:
    """The replication ids of the jobs that there are, by their documents."""
    jobs = read(server, "_scheduler/jobs?limit=1000")["jobs"]
    return {job["doc_id"]: job["id"] for job in jobs}


def fill_target(page: Page, url: str, user: str, password: str) -> None:
    page.get_by_label("Target URL").fill(url)
    page.get_by_label("Target user").fill(user)
    page.get_by_label("Target password").fill(password)


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_both_directions_are_made_in_one_step_and_run(
    utils: SignedIn, couch_server: ServerProcess, other_server: ServerProcess, both: str
) -> None:
    page = utils("#/replication")
    page.get_by_role("link", name="New replication").click()
    page.get_by_label("Source database").fill(both)
    fill_target(page, f"{other_server.url}/{both}", other_server.user, other_server.password)
    page.get_by_label("Both directions").check()
    page.get_by_label("Id", exact=True).fill(both)
    page.get_by_role("button", name="Check only").click()
    check = page.get_by_role("region", name="Check")
    expect(check).to_contain_text(f"{both} is on this server, with 0 documents.")
    expect(check).to_contain_text("with the rights of admin. It needs reading and writing.")
    page.get_by_text("What is written").click()
    expect(check.locator("pre")).to_have_count(2)
    expect(check).not_to_contain_text(other_server.password)
    page.get_by_role("button", name="Start replication").click()
    for name in (both, f"{both}-back"):
        expect(page.get_by_role("region", name=name, exact=True)).to_contain_text("Running")
    write(couch_server, f"{both}/here", {"from": "here"})
    assert arrives(other_server, both, "here")
    write(other_server, f"{both}/there", {"from": "there"})
    assert arrives(couch_server, both, "there")
    page.get_by_role("link", name="All replications").click()
    page.get_by_label("Filter replications").fill(both)
    expect(row_of(page, both)).to_contain_text("push, continuous")
    expect(row_of(page, f"{both}-back")).to_contain_text("pull, continuous")
    expect(row_of(page, both)).to_contain_text("1 written")
    assert other_server.password not in page.content()


def test_a_wrong_password_shows_its_error_and_when_it_is_tried_again(
    utils: SignedIn, other_server: ServerProcess, both: str
) -> None:
    page = utils("#/replication/new")
    page.get_by_label("Source database").fill(both)
    fill_target(page, f"{other_server.url}/{both}", f"nobody-{both}", "wrong")
    page.get_by_label("Id", exact=True).fill(both)
    page.get_by_role("button", name="Start replication").click()
    job = page.get_by_role("region", name=both, exact=True)
    expect(job).to_contain_text("Crashing")
    # After some tries the other server locks the account for a while, and says so.
    expect(job.get_by_role("alert")).to_contain_text(re.compile("password is incorrect|temporarily locked"))
    expect(job).to_contain_text("next try")
    job.get_by_role("link", name=both, exact=True).click()
    history = page.get_by_role("list").filter(has_text="The job was made")
    expect(history).to_contain_text("Name or password is incorrect.")
    # It is put right by an edit, which restarts it.
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Target user").fill(other_server.user)
    page.get_by_label("Target password").fill(other_server.password)
    page.get_by_role("button", name="Save").click()
    expect(job).to_contain_text("Running")


def test_a_refused_document_is_seen_and_tried_again(
    utils: SignedIn, couch_server: ServerProcess, other_server: ServerProcess, both: str
) -> None:
    write(other_server, f"{both}/_design/rule", RULE)
    for name in ("one", "two"):
        write(couch_server, f"{both}/{name}", {"bad": True})
    write(couch_server, f"_replicator/{both}", to_other(other_server, both))
    page = utils(f"#/replication/_replicator/{both}")
    letters = page.get_by_role("region", name="Dead letters").first
    expect(letters).to_contain_text("no bad ones")
    expect(letters.get_by_role("link", name="one", exact=True)).to_have_attribute(
        "href", f"#/databases/{both}/doc/one"
    )
    # The job looks by itself whether the rules have changed: until a button was pressed they may not.
    held = Held(page, "**/_retry")
    letters.get_by_role("button", name="Retry one").click()
    assert held.until_there().post_data_json == {"doc_ids": ["one"]}
    rev = read(other_server, f"{both}/_design/rule")["_rev"]
    write(other_server, f"{both}/_design/rule?rev={rev}", RULE_FOR_TWO)
    held.let_through()
    expect(page.get_by_role("status").filter(has_text="one is tried again.")).to_be_visible()
    assert arrives(other_server, both, "one")
    letters.get_by_role("button", name="Retry all").click()
    held.until_there()
    rev = read(other_server, f"{both}/_design/rule")["_rev"]
    call(other_server.auth_url, "DELETE", f"/{both}/_design/rule?rev={rev}")
    held.let_through()
    assert arrives(other_server, both, "two")
    expect(letters).to_be_hidden()


def test_pause_keeps_all_and_start_goes_on(
    utils: SignedIn, couch_server: ServerProcess, other_server: ServerProcess, both: str
) -> None:
    write(couch_server, f"_replicator/{both}", to_other(other_server, both))
    before = read(couch_server, f"_replicator/{both}")
    page = utils(f"#/replication/_replicator/{both}")
    status = page.get_by_role("region", name="Status")
    expect(status).to_contain_text("Running")
    page.get_by_role("button", name="Pause").click()
    expect(status).to_contain_text("Paused by admin.")
    until(lambda: both not in job_ids(couch_server), ARRIVES_S)
    write(couch_server, f"{both}/later", {})
    page.get_by_role("button", name="Start").click()
    expect(status).to_contain_text("Running")
    assert arrives(other_server, both, "later")
    after = read(couch_server, f"_replicator/{both}")
    assert {**after, "_rev": ""} == {**before, "_rev": ""}


def test_an_edit_keeps_the_password_and_delete_ends_it(
    utils: SignedIn, couch_server: ServerProcess, other_server: ServerProcess, both: str
) -> None:
    write(couch_server, f"_replicator/{both}", to_other(other_server, both))
    until(lambda: both in job_ids(couch_server), ARRIVES_S)
    former = job_ids(couch_server)[both]
    page = utils(f"#/replication/_replicator/{both}/edit")
    expect(page.get_by_label("Target password")).to_have_value("")
    page.get_by_label("By selector").check()
    page.get_by_label("Selector", exact=True).fill('{"kind": "kept"')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("This is no JSON")).to_be_visible()
    page.get_by_label("Selector", exact=True).fill('{"kind": "kept"}')
    page.get_by_role("button", name="Save").click()
    # The former job may still be seen to run, and would copy all.
    until(lambda: job_ids(couch_server).get(both, former) != former, ARRIVES_S)
    expect(page.get_by_role("region", name=both, exact=True)).to_contain_text("Running")
    write(couch_server, f"{both}/left", {"kind": "left"})
    write(couch_server, f"{both}/kept", {"kind": "kept"})
    assert arrives(other_server, both, "kept")
    assert call(other_server.auth_url, "GET", f"/{both}/left").status == 404
    page.get_by_role("link", name=both, exact=True).click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Replication", level=1)).to_be_visible()
    assert call(couch_server.auth_url, "GET", f"/_replicator/{both}").status == 404


def test_what_cannot_work_is_said_before_it_is_written(
    utils: SignedIn, couch_server: ServerProcess, other_server: ServerProcess, both: str
) -> None:
    page = utils("#/replication/new")
    page.get_by_role("button", name="Start replication").click()
    expect(page.get_by_label("Source database")).to_be_focused()
    expect(page.get_by_text("The URL of the database is missing.")).to_be_visible()
    page.get_by_label("Source database").fill(f"{both}-none")
    # A password in a URL is taken out of it.
    page.get_by_label("Target URL").fill(f"{other_server.auth_url}/{both}")
    expect(page.get_by_label("Target URL")).to_have_value(f"{other_server.url}/{both}")
    expect(page.get_by_label("Target password")).to_have_value(other_server.password)
    page.get_by_label("Id", exact=True).fill(both)
    page.get_by_role("button", name="Start replication").click()
    expect(page.get_by_role("region", name="Check")).to_contain_text(
        f"There is no database {both}-none on this server"
    )
    assert call(couch_server.auth_url, "GET", f"/_replicator/{both}").status == 404


def test_thousands_of_jobs_of_a_couchdb_are_read_in_pages_and_shown_in_pages(utils: SignedIn) -> None:
    asked: list[str] = []

    def docs(route: Route) -> None:
        """As Apache CouchDB answers: without lag, dead letters and the next try."""
        asked.append(route.request.url.partition("?")[2])
        skip = int(asked[-1].rpartition("skip=")[2])
        rows = [couchdb_row(number) for number in range(skip, min(skip + 500, 3210))]
        route.fulfill(json={"total_rows": 3210, "offset": skip, "docs": rows})

    page = utils("#/tasks")
    page.route("**/_scheduler/docs?**", docs)
    page.route("**/_scheduler/jobs?**", lambda route: route.fulfill(json=NO_JOBS))
    page.goto(page.url.partition("#")[0] + "#/replication")
    expect(page.get_by_text("1–50 of 3,210")).to_be_visible()
    assert asked[:7] == [f"limit=500&skip={skip}" for skip in range(0, 3500, 500)]
    expect(row_of(page, "job1007")).to_contain_text("unauthorized: who?")
    page.get_by_label("State").select_option("running")
    page.get_by_label("Filter replications").fill("job3001")
    row = row_of(page, "job3001")
    expect(row.get_by_role("cell")).to_have_text(
        [
            "job3001",
            "Running",
            re.compile("one.example/a.*→.*two.example/a"),
            "–",
            "7",
            re.compile("3 written"),
            "–",
            "Pause job3001",
        ]
    )


NO_JOBS = {"total_rows": 0, "offset": 0, "jobs": []}


def couchdb_row(number: int) -> dict[str, Any]:
    crashing = number % 1000 == 7
    info = (
        {"error": "unauthorized: who?"}
        if crashing
        else {"docs_read": 3, "docs_written": 3, "changes_pending": 7}
    )
    return {
        "database": "_replicator",
        "doc_id": f"job{number}",
        "id": f"{number:032x}+continuous",
        "node": "couchdb@127.0.0.1",
        "source": "https://one.example/a/",
        "target": "https://two.example/a/",
        "state": "crashing" if crashing else "running",
        "info": info,
        "error_count": int(crashing),
        "last_updated": "2026-01-02T03:04:05Z",
        "start_time": "2026-01-02T03:04:05Z",
        "source_proxy": None,
        "target_proxy": None,
    }


def test_who_is_no_admin_is_told_so_plainly(
    utils: SignedIn, couch_server: ServerProcess, db_name: str
) -> None:
    user = {"name": db_name, "password": "pw", "roles": [], "type": "user"}
    write(couch_server, f"_users/org.couchdb.user:{db_name}", user)
    page = utils("#/replication", db_name, "pw")
    expect(page.get_by_role("note")).to_contain_text("its admins only")
    expect(page.get_by_role("alert")).to_contain_text("You may not list the documents of _replicator")
    expect(page.get_by_role("link", name="New replication")).to_be_visible()


@pytest.fixture
def orders(couch_server: ServerProcess, other_server: ServerProcess) -> Iterator[str]:
    """Jobs of several kinds, with names that look well in a picture."""
    for name in in_both(couch_server, other_server, "orders"):
        write(other_server, f"{name}/_design/rule", RULE)
        write(couch_server, f"{name}/refused", {"bad": True})
        away = {"source": name, "target": "http://127.0.0.1:9/orders", "continuous": True}
        once = {"source": name, "target": f"{name}-copy", "create_target": True}
        jobs = {"to-dallas": to_other(other_server, name), "to-tokyo": away, "copy": once}
        for job, doc in jobs.items():
            write(couch_server, f"_replicator/{name}-{job}", doc)
        yield name
        call(couch_server.auth_url, "DELETE", f"/{name}-copy")


def test_the_pages_are_for_everybody(browser: Browser, couch_server: ServerProcess, orders: str) -> None:
    for scheme, viewport in (("light", WIDE), ("dark", PHONE)):
        with opened(browser, color_scheme=scheme, viewport=viewport) as window:
            page = open_utils(window.page, couch_server, f"#/replication?q={orders}")
            expect(row_of(page, f"{orders}-copy")).to_contain_text("Completed")
            expect(row_of(page, f"{orders}-to-tokyo")).to_contain_text("Crashing")
            expect(row_of(page, f"{orders}-to-dallas")).to_contain_text("1 failed")
            looks_right(page)
            page.goto(f"{couch_server.url}/_utils/#/replication/_replicator/{orders}-to-dallas")
            expect(page.get_by_text("no bad ones")).to_be_visible()
            looks_right(page)
            page.goto(f"{couch_server.url}/_utils/#/replication/new")
            page.get_by_label("Source database").fill(orders)
            looks_right(page)


def looks_right(page: Page) -> None:
    check_accessible(page)
    check_fits(page)
