"""Built pages: found by path, kept by browsers as their names allow, zipped where that helps."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from couchgrass.errors import ServiceUnavailable
from couchgrass.serving.pages import ASK, FOR_EVER, Pages, built, media_type_of, page_file

TEXT = b"let grass = 'grows';\n" * 200


def pages() -> Pages:
    names = {"index.html": b"<!doctype html>", "assets/main-a1B2c3D4.js": TEXT, "assets/plain.js": TEXT}
    return Pages({name: page_file(name, body) for name, body in names.items()}, "default-src 'none'")


@pytest.mark.parametrize(
    ("path", "keep"),
    [("", ASK), ("index.html", ASK), ("assets/main-a1B2c3D4.js", FOR_EVER), ("assets/plain.js", ASK)],
)
def test_only_a_name_with_a_hash_may_be_kept_for_ever(path: str, keep: str) -> None:
    found = pages().find(path)
    assert found is not None
    assert dict(found.headers)["cache-control"] == keep
    assert dict(found.headers)["content-security-policy"] == "default-src 'none'"


def test_who_takes_gzip_gets_it_where_it_helps() -> None:
    zipped = pages().find("assets/plain.js", accepts="br, gzip")
    assert zipped is not None
    assert gzip.decompress(zipped.body) == TEXT
    assert dict(zipped.headers)["content-encoding"] == "gzip"
    small = pages().find("", accepts="gzip")
    assert small is not None
    assert "content-encoding" not in dict(small.headers)


def test_what_is_known_is_not_sent_again() -> None:
    first = pages().find("")
    assert first is not None
    again = pages().find("", known=dict(first.headers)["etag"])
    assert again is not None
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["nothing", "../index.html", "assets", "assets/", "/index.html"])
def test_nothing_else_is_there(path: str) -> None:
    assert pages().find(path) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.JS", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_end_of_a_name_tells_the_media_type(name: str, kind: str) -> None:
    assert media_type_of(name) == kind


def test_pages_that_were_not_built_say_how_they_are(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="make setup"):
        built("dashboard", tmp_path)
