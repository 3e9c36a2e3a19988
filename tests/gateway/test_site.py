"""A path leads to a file of the site or nowhere; documents are what they were made of."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from couchgrass.gateway.site import (
    INDEX,
    Found,
    Moved,
    Site,
    SiteFile,
    Sites,
    content_document,
    content_from,
    contents_of,
    decoded,
    digest_of,
    from_document,
    site_id,
    to_document,
)

NAMES = ("index.html", "assets/main-a1B2c3D4.js", "sub/index.html", "grüße.txt", "a b.txt", "100%.txt")


def file_of(name: str) -> SiteFile:
    return SiteFile(name, digest_of(name.encode()), len(name), "text/plain")


def site(path: str = "/", *names: str, kept: tuple[str, ...] = ()) -> Site:
    return Site(
        path,
        "todo",
        "guest",
        "default-src 'none'",
        tuple(map(file_of, names or NAMES)),
        tuple(map(file_of, kept)),
    )


def sites(*found: Site) -> Sites:
    table = Sites()
    for one in found:
        table.put(site_id(one.path), one)
    return table


def name_at(table: Sites, path: str) -> str | None:
    found = table.find(path.encode())
    if isinstance(found, Moved):
        return f"-> {found.location}"
    return None if found is None else found.file.name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/assets/main-a1B2c3D4.js", "assets/main-a1B2c3D4.js"),
        ("/sub/", "sub/index.html"),
        ("/sub", "-> /sub/"),
        ("/gr%C3%BC%C3%9Fe.txt", "grüße.txt"),
        ("/gru%CC%88%C3%9Fe.txt", "grüße.txt"),
        ("/a%20b.txt", "a b.txt"),
        ("/100%25.txt", "100%.txt"),
        ("/%69ndex.html", "index.html"),
        ("//", None),
        ("//index.html", None),
        ("/./index.html", None),
        ("/sub/../index.html", None),
        ("/sub%2Findex.html", None),
        ("/assets", None),
        ("/assets/", None),
        ("/%FF", None),
        ("/index.html%00", None),
        ("/nothing", None),
        ("", None),
        ("*", None),
    ],
)  # fmt: skip
def test_a_path_leads_to_a_file_or_nowhere(path: str, name: str | None) -> None:
    assert name_at(sites(site()), path) == name


def test_the_longer_path_counts_and_a_folder_is_told_its_slash() -> None:
    table = sites(site("/"), site("/todo/", INDEX, "x.js"))
    assert name_at(table, "/todo/x.js") == "x.js"
    assert name_at(table, "/todo") == "-> /todo/"
    assert name_at(table, "/todo/grüße.txt") is None
    assert name_at(table, "/todos") is None
    table.put(site_id("/todo/"), None)
    assert name_at(table, "/todo/x.js") is None
    assert name_at(sites(), "/") is None


def test_what_the_deploy_before_had_is_found_and_the_new_one_goes_before_it() -> None:
    old, new = SiteFile("a", "1", 1, "t"), SiteFile("a", "2", 1, "t")
    table = sites(Site("/", "todo", "guest", "", (new,), (old, file_of("gone.js"))))
    found = table.find(b"/a")
    assert isinstance(found, Found) and found.file == new
    assert name_at(table, "/gone.js") == "gone.js"


SEGMENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=8)
NAME = (
    st.lists(SEGMENT, min_size=1, max_size=4)
    .map("/".join)
    .map(lambda name: unicodedata.normalize("NFC", name))
)


@settings(max_examples=200, deadline=None)
@given(NAME)
def test_every_name_is_found_by_its_encoded_path(name: str) -> None:
    found = sites(site("/p/", name)).find(b"/p/" + quote(name).encode())
    assert isinstance(found, Found) and found.file.name == name


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([b"..", b".", b"%2e%2e", b"%2F", b"/", b"\\", b"", b"p", b"x", b"%00", b"%5c"]))
)
@example([b"p", b"..", b"..", b"etc", b"passwd"])
@example([b"..%2f..%2fetc"])
def test_no_path_leads_out_of_the_site(parts: list[bytes]) -> None:
    found = sites(site("/p/", "x", "index.html")).find(b"/" + b"/".join(parts))
    if isinstance(found, Found):
        assert found.file.name in ("x", "index.html")
    elif isinstance(found, Moved):
        assert found.location == "/p/"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_a_place_to_go_on_to_is_never_another_host(path: bytes) -> None:
    table = sites(site("/p/", "index.html", "sub/index.html"), site("/", "deep/index.html"))
    for tried in (path, b"/" + path, b"//" + path, b"/deep" + path):
        found = table.find(tried)
        if isinstance(found, Moved):
            assert found.location in ("/p/", "/p/sub/", "/deep/")


def test_an_encoded_slash_is_no_slash() -> None:
    assert decoded(b"/a%2Fb") is None
    assert decoded(b"/a%5Cb") == "/a\\b"


def test_a_site_is_read_as_it_was_written() -> None:
    whole = site("/todo/", kept=("old-12345678.js",))
    document = to_document(whole)
    assert from_document({**document, "_rev": "1-a"}) == whole
    assert from_document({**document, "_id": "site:/"}) is None
    assert from_document({"_id": "site:/todo/", "path": "/todo/"}) is None
    assert len(contents_of(whole)) == len(NAMES) + 1


def test_a_content_is_taken_only_when_it_is_the_one() -> None:
    digest = digest_of(b"grass")
    document = content_document("/", digest, b"grass")
    assert content_from(document, digest) == b"grass"
    assert content_from(document, digest_of(b"weed")) is None
    broken: list[object] = [None, {}, {"_attachments": {}}, {"_attachments": {"content": {"stub": True}}}]
    for other in broken:
        assert content_from(other, digest) is None
    document["_attachments"]["content"]["data"] = "grä"
    assert content_from(document, digest) is None
