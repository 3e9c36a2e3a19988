"""The page that a browser sees: nothing from elsewhere, no script, a policy that says so."""

from __future__ import annotations

import re

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess


def test_the_short_path_leads_to_the_page(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_utils")
    assert (reply.status, reply.headers["location"]) == (301, "/_utils/")


def test_the_page_is_html_under_a_strict_policy(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_utils/")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-cache"


def test_the_page_has_nothing_inline_and_asks_nobody_else(couch_server: ServerProcess) -> None:
    page = call(couch_server.url, "GET", "/_utils/").body.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|https?:", page)


def test_all_that_the_page_loads_is_there_and_may_be_kept(couch_server: ServerProcess) -> None:
    page = call(couch_server.url, "GET", "/_utils/").body.decode()
    loaded = re.findall(r'(?:href|src)="\./([^"]+)"', page)
    assert len(loaded) > 2
    for path in loaded:
        reply = call(couch_server.url, "GET", f"/_utils/{path}")
        assert reply.status == 200, path
        assert "immutable" in reply.headers["cache-control"], path


def test_a_page_that_is_known_is_not_sent_again(couch_server: ServerProcess) -> None:
    tag = call(couch_server.url, "GET", "/_utils/").headers["etag"]
    again = call(couch_server.url, "GET", "/_utils/", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")


def test_the_pages_learn_which_server_this_is(couch_server: ServerProcess) -> None:
    told = call(couch_server.url, "GET", "/_utils/config.json").json()
    assert (told["mode"], told["couch"]) == ("database", "../")


@pytest.mark.parametrize("path", ["/_utils/nothing", "/_utils/../etc", "/_utils/%2e%2e/x"])
def test_nothing_else_is_below_the_page(couch_server: ServerProcess, path: str) -> None:
    assert call(couch_server.url, "GET", path).status == 404


def test_the_icon_is_an_image_that_may_be_kept(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/favicon.ico")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/x-icon")
    assert reply.body[:6] == b"\0\0\1\0\1\0"
    assert reply.headers["cache-control"] == "public, max-age=31536000"
