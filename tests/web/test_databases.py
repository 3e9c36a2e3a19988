"""The databases page: databases, documents, the editor, attachments, JSON up and down, views, changes."""

from __future__ import annotations

import json
import re
import secrets
import struct
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, FilePayload, Page, expect

from couchgrass.testing.browser import PHONE, WIDE, check_accessible, check_fits, opened
from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess
from tests.web.conftest import SignedIn, open_utils, sign_in
from tests.web.owner import write

EXACT = '{"_id":"exact","big":12345678901234567890,"one":1.0,"text":"é \\u2028 ]} \\"q\\""}'
"""A document whose numbers JavaScript does not have."""


@pytest.fixture
def db(couch_server: ServerProcess, db_name: str) -> Iterator[str]:
    """An empty database."""
    assert call(couch_server.auth_url, "PUT", f"/{db_name}").status == 201
    yield db_name
    call(couch_server.auth_url, "DELETE", f"/{db_name}")


def put(server: ServerProcess, db: str, doc: dict[str, Any]) -> str:
    """Writes a document; its rev."""
    reply = call(server.auth_url, "PUT", f"/{db}/{urllib.parse.quote(doc['_id'], safe='')}", doc)
    assert reply.status == 201, reply.body
    return str(reply.json()["rev"])


def get(server: ServerProcess, db: str, doc_id: str) -> Any:
    return call(server.auth_url, "GET", f"/{db}/{urllib.parse.quote(doc_id, safe='')}").json()


def row_ids(page: Page) -> list[str]:
    return page.get_by_role("table", name="Documents").locator("tbody td:nth-child(2) a").all_inner_texts()


def upload(page: Page, name: str, body: bytes) -> None:
    """Up to the step that shows what is in it."""
    page.get_by_role("button", name="Upload", exact=True).click()
    file: FilePayload = {"name": name, "mimeType": "application/json", "buffer": body}
    page.get_by_label("Choose a JSON file").set_input_files(file)


def test_a_database_is_made_filled_paged_and_deleted(
    utils: SignedIn, couch_server: ServerProcess, db_name: str
) -> None:
    page = utils("#/databases")
    page.get_by_role("button", name="New database").press("Enter")
    # Who opened it by a key types on: into the field, not at the button that closes it.
    page.keyboard.type("Todos")
    field = page.get_by_role("textbox", name="Name")
    expect(field).to_have_value("Todos")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Only small letters")).to_be_visible()
    expect(page.get_by_role("button", name="Create")).to_be_disabled()
    field.fill(db_name)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(db_name)

    docs = [{"_id": f"doc-{number:03d}", "title": f"Title {number}", "n": number} for number in range(500)]
    upload(page, "docs.json", json.dumps({"docs": docs}).encode())
    page.get_by_role("button", name="Upload 500 documents").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"Written\s*500"))
    page.get_by_role("button", name="Close").last.click()

    expect(page.get_by_text("1–20 of 500")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("21–40 of 500")).to_be_visible()
    assert row_ids(page)[0] == "doc-020"
    page.get_by_role("link", name="doc-021").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("doc-021")
    page.go_back()
    expect(page.get_by_text("21–40 of 500")).to_be_visible()
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_role("link", name="doc-000")).to_be_visible()
    page.get_by_label("From the end").check()
    expect(page.get_by_role("link", name="doc-499")).to_be_visible()
    page.get_by_placeholder("begins with").fill("doc-12")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="doc-129")).to_be_visible()
    assert row_ids(page) == [f"doc-{number}" for number in range(129, 119, -1)]

    page.get_by_label("Select doc-120").check()
    page.get_by_label("Select doc-121").check()
    page.get_by_role("button", name="Delete 2 selected").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="doc-121")).to_have_count(0)
    expect(page.get_by_text("498 documents · 2 deleted")).to_be_visible()

    page.get_by_role("button", name=f"Delete {db_name}").click()
    sure = page.get_by_role("dialog").get_by_role("button", name="Delete")
    expect(sure).to_be_disabled()
    page.get_by_label("to confirm").fill(db_name)
    sure.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Databases")
    assert call(couch_server.auth_url, "GET", f"/{db_name}").status == 404


def test_databases_are_searched_by_any_part_of_their_name(
    utils: SignedIn, couch_server: ServerProcess, db_name: str
) -> None:
    names = [f"{db_name}-{number:02d}" for number in range(52)]
    try:
        for name in names:
            assert call(couch_server.auth_url, "PUT", f"/{name}").status == 201
        page = utils("#/databases")
        page.get_by_placeholder("Search names").fill(db_name[-10:])
        expect(page.get_by_text("1–50 of 52")).to_be_visible()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("link", name=names[-1])).to_be_visible()
        page.get_by_placeholder("Search names").fill("")
        expect(page.get_by_role("link", name="_users")).to_be_visible()
    finally:
        for name in names:
            call(couch_server.auth_url, "DELETE", f"/{name}")


def test_two_edits_of_one_document_are_merged_field_by_field(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    doc = {"_id": "a/b+c", "title": "old", "done": False, "n": 1}
    rev = put(couch_server, db, doc)
    page = utils(f"#/databases/{db}/doc/a%2Fb%2Bc")
    expect(page.get_by_role("textbox", name="Document")).to_contain_text('"old"')
    theirs = put(couch_server, db, {**doc, "_rev": rev, "title": "theirs", "done": True})
    write(page, "Document", json.dumps({**doc, "_rev": rev, "title": "mine", "n": 2}))
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Somebody else has changed it meanwhile")
    expect(dialog).to_contain_text(theirs)
    expect(dialog.get_by_role("button", name="Save merged")).to_be_disabled()
    check_accessible(page)
    dialog.get_by_role("group", name="title").get_by_label("Yours").check()
    dialog.get_by_role("button", name="Save merged").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("As the database has it")).to_be_visible()
    now = get(couch_server, db, "a/b+c")
    assert now.pop("_rev").startswith("3-")
    assert now == {"_id": "a/b+c", "title": "mine", "done": True, "n": 2}


def test_mistakes_are_told_by_line_and_numbers_stay_as_they_are(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    page = utils(f"#/databases/{db}/new")
    write(page, "Document", '{\n  "a": 1,\n}')
    expect(page.get_by_text("Line 3: no comma before “}”")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    write(page, "Document", '{"_mine": 1}')
    expect(page.get_by_text("call it something else")).to_be_visible()
    write(page, "Document", EXACT)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("exact")
    body = call(couch_server.auth_url, "GET", f"/{db}/exact").body
    assert b'"big":12345678901234567890,"one":1.0' in body
    expect(page.get_by_role("textbox", name="Document")).to_contain_text("12345678901234567890")
    page.get_by_role("button", name="Clone").click()
    page.get_by_label("Its id").fill("_design/x/y")
    page.get_by_role("button", name="Make the copy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("_design/x/y")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="exact")).to_be_visible()
    assert call(couch_server.auth_url, "GET", f"/{db}/_design%2Fx%2Fy").status == 404


def test_what_was_typed_is_not_lost_by_leaving_or_by_a_session_that_ends(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    put(couch_server, db, {"_id": "a"})
    page = utils(f"#/databases/{db}/doc/a")
    expect(page.get_by_role("textbox", name="Document")).to_contain_text('"_rev"')
    write(page, "Document", '{"typed": "with care"}')
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_role("link", name="Replication", exact=True).click()
    expect(page.get_by_role("textbox", name="Document")).to_contain_text("with care")
    assert "not saved" in asked[0]
    assert page.url.endswith("/doc/a")

    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    sign_in(page, couch_server.user, couch_server.password)
    expect(page.get_by_text("is here again")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("As the database has it")).to_be_visible()
    assert get(couch_server, db, "a")["typed"] == "with care"


def test_a_refusal_of_the_design_document_is_shown_in_its_words(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    rule = "function (doc) { if (!doc.title) throw {forbidden: 'A todo needs a title.'} }"
    put(couch_server, db, {"_id": "_design/rules", "validate_doc_update": rule})
    page = utils(f"#/databases/{db}/new")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("A todo needs a title. (403)")


def test_attachments_go_up_and_come_down_the_same(
    utils: SignedIn, couch_server: ServerProcess, db: str, tmp_path: Path
) -> None:
    put(couch_server, db, {"_id": "a"})
    blob = secrets.token_bytes(300_000)
    page = utils(f"#/databases/{db}/doc/a/attachments")
    files: list[FilePayload] = [
        {"name": "a b+ü.bin", "mimeType": "application/octet-stream", "buffer": blob},
        {"name": "dot.png", "mimeType": "image/png", "buffer": pixel()},
    ]
    page.get_by_label("Attach files").set_input_files(files)
    expect(page.get_by_role("link", name="Attachments (2)")).to_be_visible()
    with page.expect_download() as found:
        page.get_by_role("button", name="Download a b+ü.bin").click()
    found.value.save_as(tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == blob
    assert found.value.suggested_filename == "a b+ü.bin"
    page.get_by_role("button", name="Show dot.png").click()
    picture = page.get_by_role("dialog").get_by_role("img", name="dot.png", exact=True)
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.naturalWidth") == 1
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Delete dot.png").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Attachments (1)")).to_be_visible()
    assert list(get(couch_server, db, "a")["_attachments"]) == ["a b+ü.bin"]


def pixel() -> bytes:
    """A PNG of one point."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0\x1f\x7a\x34")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_what_an_upload_can_not_use_is_listed_and_can_be_downloaded(
    utils: SignedIn, couch_server: ServerProcess, db: str, tmp_path: Path
) -> None:
    put(couch_server, db, {"_id": "there"})
    page = utils(f"#/databases/{db}")
    upload(page, "cut.json", b'[{"_id": "a"}, {"_id":')
    expect(page.get_by_role("alert")).to_contain_text("line 1: the text ends within the document")
    page.get_by_role("button", name="Close").click()
    lines = [EXACT, "{oops", '{"_id":"there"}', '{"_id":"odd","_odd":1}', '{"_id":"good"}']
    upload(page, "lines.ndjson", "\n".join(lines).encode())
    expect(page.get_by_role("dialog")).to_contain_text("line 2, column 2: a name in quotes is expected")
    page.get_by_role("button", name="Upload 4 documents").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"Written\s*2\s*Refused\s*3"))
    for said in ("Document update conflict", "Bad special document member: _odd"):
        expect(dialog).to_contain_text(said)
    check_accessible(page)
    with page.expect_download() as found:
        dialog.get_by_role("button", name="Download the refused ones").click()
    found.value.save_as(tmp_path / "refused")
    assert sorted((tmp_path / "refused").read_text().splitlines()) == sorted([lines[1], lines[2], lines[3]])
    assert b"12345678901234567890" in call(couch_server.auth_url, "GET", f"/{db}/exact").body


@pytest.mark.parametrize("form", ["ndjson", "docs"])
def test_a_download_is_brought_back_with_its_revisions_and_attachments(
    utils: SignedIn, couch_server: ServerProcess, db: str, tmp_path: Path, form: str
) -> None:
    url = couch_server.auth_url
    assert call(url, "PUT", f"/{db}/exact", EXACT.encode()).status == 201
    data = {"x": {"content_type": "text/plain", "data": "aGVsbG8="}}
    put(couch_server, db, {"_id": "with", "_attachments": data})
    call(url, "POST", f"/{db}/_bulk_docs", {"docs": [{"_id": f"n{number:03d}"} for number in range(120)]})
    page = utils(f"#/databases/{db}")
    page.get_by_role("button", name="Download", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Form").select_option(form)
    dialog.get_by_label("With attachments").check()
    with page.expect_download() as found:
        dialog.get_by_role("button", name="Download", exact=True).click()
    found.value.save_as(tmp_path / "down")
    before = call(url, "GET", f"/{db}/_all_docs").json()["rows"]
    call(url, "DELETE", f"/{db}")
    assert call(url, "PUT", f"/{db}").status == 201
    page.reload()
    expect(page.get_by_text("0 documents")).to_be_visible()
    upload(page, "down", (tmp_path / "down").read_bytes())
    expect(page.get_by_label("As they are, with these revisions")).to_be_checked()
    page.get_by_role("button", name="Upload 122 documents").click()
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"Written\s*122"))
    assert call(url, "GET", f"/{db}/_all_docs").json()["rows"] == before
    assert call(url, "GET", f"/{db}/with/x").body == b"hello"
    assert b'"big":12345678901234567890,"one":1.0' in call(url, "GET", f"/{db}/exact").body


def test_documents_are_found_by_their_fields_and_deleted_ones_are_listed(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    docs: list[dict[str, Any]] = [{"_id": f"d{number:02d}", "odd": number % 2 == 1} for number in range(50)]
    docs.append({"_id": "gone", "_deleted": True, "odd": True})
    call(couch_server.auth_url, "POST", f"/{db}/_bulk_docs", {"docs": docs})
    page = utils(f"#/databases/{db}")
    page.get_by_label("Show").select_option("find")
    page.get_by_label("Selector").fill("{odd: true}")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("alert")).to_contain_text("Column 2: a name in quotes is expected")
    page.get_by_label("Selector").fill('{"odd": true}')
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("This server has no _find")).to_be_visible()
    expect(page.get_by_text("1–20")).to_be_visible()
    assert row_ids(page)[0] == "d01"
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("21–25")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_label("Selector").fill("{}")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="d00")).to_be_visible()
    page.get_by_label("Show").select_option("deleted")
    expect(page.get_by_role("link", name="gone")).to_be_visible()
    page.get_by_role("link", name="gone").click()
    expect(page.get_by_text("This document has been deleted")).to_be_visible()


def test_views_are_queried_and_changes_are_seen_as_they_happen(
    utils: SignedIn, couch_server: ServerProcess, db: str
) -> None:
    views = {"by_n": {"map": "function (doc) { emit([doc.n % 2, doc.n], doc.n) }", "reduce": "_sum"}}
    put(couch_server, db, {"_id": "_design/app", "views": views})
    docs = [{"_id": f"d{number:02d}", "n": number} for number in range(60)]
    call(couch_server.auth_url, "POST", f"/{db}/_bulk_docs", {"docs": docs})
    page = utils(f"#/databases/{db}/design")
    page.get_by_role("link", name="by_n").click()
    page.get_by_label("group").select_option("1")
    page.get_by_role("button", name="Query").click()
    rows = page.get_by_role("table", name="Rows of the view")
    expect(rows.locator("tbody tr")).to_have_count(2)
    expect(rows).to_contain_text("900")
    page.get_by_label("reduce", exact=True).uncheck()
    page.get_by_label("startkey").fill("a")
    page.get_by_role("button", name="Query").click()
    expect(page.get_by_role("alert")).to_contain_text('A text needs quotes: "a"')
    page.get_by_label("startkey").fill("[0, 4]")
    page.get_by_role("button", name="Query").click()
    expect(rows.locator("tbody tr").first).to_contain_text("[0,4]")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("51–58")).to_be_visible()

    page.get_by_role("link", name="Changes").click()
    expect(page.get_by_text("Live, the newest first")).to_be_visible()
    put(couch_server, db, {"_id": "fresh"})
    changes = page.get_by_role("table", name="Changes").locator("tbody tr")
    expect(changes.first).to_contain_text("fresh")
    page.get_by_role("button", name="Pause").click()
    put(couch_server, db, {"_id": "later"})
    expect(page.get_by_text("Paused: 1 came meanwhile")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(changes.first).to_contain_text("later")


def test_an_ordinary_user_opens_what_it_may_and_sees_no_more(
    utils: SignedIn, couch_server: ServerProcess, db: str, db_name: str
) -> None:
    name, password = f"user{db_name}", secrets.token_hex(8)
    url = couch_server.auth_url
    user = {"name": name, "type": "user", "roles": [], "password": password}
    assert call(url, "PUT", f"/_users/org.couchdb.user:{name}", user).status == 201
    members = {"members": {"names": [name]}, "admins": {"roles": ["_admin"]}}
    assert call(url, "PUT", f"/{db}/_security", members).status == 200
    put(couch_server, db, {"_id": "mine"})
    page = utils("#/databases", name, password)
    expect(page.get_by_text("may not list all databases")).to_be_visible()
    expect(page.get_by_role("button", name="New database")).to_have_count(0)
    page.get_by_label("Database").fill(db)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("link", name="mine")).to_be_visible()
    expect(page.get_by_role("button", name=f"Delete {db}")).to_have_count(0)
    page.get_by_role("link", name="Databases").first.click()
    expect(page.get_by_role("link", name=db)).to_be_visible()
    page.goto(f"{couch_server.url}/_utils/#/databases/_users")
    expect(page.get_by_role("alert")).to_contain_text("_users: forbidden")


def test_every_view_is_for_everybody_and_fits_a_phone(
    browser: Browser, couch_server: ServerProcess, db: str
) -> None:
    docs: list[dict[str, Any]] = [
        {
            "_id": f"order-{number:04d}",
            "customer": f"Customer {number}",
            "total": number * 1.5,
            "paid": number % 2 == 0,
        }
        for number in range(30)
    ]
    docs.append(
        {"_id": "_design/app", "views": {"by_customer": {"map": "function (doc) { emit(doc.customer) }"}}}
    )
    call(couch_server.auth_url, "POST", f"/{db}/_bulk_docs", {"docs": docs})
    places = {
        "": db,
        f"/{db}": "order-0001",
        f"/{db}/doc/order-0001": "Tidy up",
        f"/{db}/doc/order-0001/attachments": "No attachments",
        f"/{db}/design": "by_customer",
        f"/{db}/design/app/by_customer": "Customer 1",
        f"/{db}/changes": "order-0001",
    }
    with opened(browser, color_scheme="dark") as window:
        page = open_utils(window.page, couch_server, "#/databases")
        for hash, seen in places.items():
            page.set_viewport_size(WIDE)
            page.goto(f"{couch_server.url}/_utils/#/databases{hash}")
            if not hash:  # a page of the list need not have it, whatever else there is
                page.get_by_placeholder("Search names").fill(db)
            page.get_by_text(seen).first.wait_for()
            check_accessible(page)
            page.set_viewport_size(PHONE)
            check_fits(page)
