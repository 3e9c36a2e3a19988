"""The page that a browser sees: nothing from elsewhere, no script, a policy that says so."""

from __future__ import annotations

import re

import pytest

from couchgrass.testing.call import call
from couchgrass.testing.server import ServerProcess


def test_the_short_path_leads_to_the_page(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_utils")
    assert (reply.status, reply.headers["location"]) == (301, "/_utils/")


def test_the_page_is_html_under_a_policy(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_utils/")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "private, must-revalidate"


def test_the_page_has_no_script_no_inline_style_and_asks_nobody_else(couch_server: ServerProcess) -> None:
    page = call(couch_server.url, "GET", "/_utils/").body.decode()
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|https?:", page)


def test_all_that_the_page_loads_is_there(couch_server: ServerProcess) -> None:
    page = call(couch_server.url, "GET", "/_utils/").body.decode()
    loaded = re.findall(r'(?:<link[^>]*href|src)="([^"]+)"', page)
    assert loaded
    for path in loaded:
        where = path.removeprefix("..") if path.startswith("..") else f"/_utils/{path}"
        assert call(couch_server.url, "GET", where).status == 200, where


def test_every_link_of_the_page_is_answered(couch_server: ServerProcess) -> None:
    page = call(couch_server.url, "GET", "/_utils/").body.decode()
    links = re.findall(r'<a href="\.\.([^"]+)"', page)
    assert "/_up" in links
    for path in links:
        assert call(couch_server.auth_url, "GET", path).status == 200, path


def test_the_style_knows_light_and_dark(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/_utils/style.css")
    assert reply.headers["content-type"].startswith("text/css")
    assert b"prefers-color-scheme: dark" in reply.body


@pytest.mark.parametrize("path", ["/_utils/nothing", "/_utils/../etc", "/_utils/%2e%2e/x"])
def test_nothing_else_is_below_the_page(couch_server: ServerProcess, path: str) -> None:
    assert call(couch_server.url, "GET", path).status == 404


def test_the_icon_is_an_image_that_may_be_kept(couch_server: ServerProcess) -> None:
    reply = call(couch_server.url, "GET", "/favicon.ico")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/x-icon")
    assert reply.body[:6] == b"\0\0\1\0\1\0"
    assert reply.headers["cache-control"] == "public, max-age=31536000"
