"""What requests say of revisions: in the body, ``?rev=``, If-Match, If-None-Match; and Location."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from couchgrass.testing.call import Reply
from couchgrass.testing.server import ServerProcess

Ask = Callable[..., Reply]

PLACES = ("body", "query", "if_match", "if_match_quoted")


def put(ask: Ask, said: dict[str, str]) -> Reply:
    """PUT /doc with revisions at some of PLACES."""
    body = {"_rev": said["body"]} if "body" in said else {}
    query = f"?rev={said['query']}" if "query" in said else ""
    headers = {"if_match": said["if_match"]} if "if_match" in said else {}
    if "if_match_quoted" in said:
        headers["if_match"] = f'"{said["if_match_quoted"]}"'
    return ask("PUT", f"/doc{query}", body, **headers)


@pytest.mark.parametrize("place", PLACES)
def test_the_revision_to_change_may_be_named_at_any_place(ask: Ask, place: str) -> None:
    rev = ask("PUT", "/doc", {}).json()["rev"]
    assert put(ask, {place: rev}).json()["rev"].startswith("2-")
    assert put(ask, {place: rev}).status == 409
    assert put(ask, {place: "nonsense"}).json()["reason"] == "Invalid rev format"


@pytest.mark.parametrize("one", ["body", "query"])
@pytest.mark.parametrize("other", ["query", "if_match"])
def test_places_that_agree_are_fine_and_others_are_refused(ask: Ask, one: str, other: str) -> None:
    rev = ask("PUT", "/doc", {}).json()["rev"]
    if one != other:
        assert put(ask, {one: rev, other: "1-other"}).status == 400
        assert put(ask, {one: "1-other", other: rev}).status == 400
    assert put(ask, {one: rev, other: rev}).status == 201


def test_only_true_and_false_are_taken_for_new_edits(ask: Ask) -> None:
    assert ask("PUT", "/a?new_edits=true", {}).status == 201
    assert ask("PUT", "/b?new_edits=false", {"_rev": "3-x"}).json()["rev"] == "3-x"
    assert ask("PUT", "/c?new_edits=no", {}).status == 400


@pytest.mark.parametrize("asked", ["{}", '"other", {}', '"other",{} ', "*"])
def test_who_has_the_revision_gets_304(ask: Ask, asked: str) -> None:
    etag = ask("PUT", "/doc", {}).headers["etag"]
    reply = ask("GET", "/doc", if_none_match=asked.format(etag))
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("asked", ["", '"other"', "other"])
def test_who_has_another_one_gets_the_document(ask: Ask, asked: str) -> None:
    ask("PUT", "/doc", {})
    assert ask("GET", "/doc", if_none_match=asked).status == 200


def test_location_is_the_absolute_url_that_the_client_sees(
    ask: Ask, couch_server: ServerProcess, db_name: str
) -> None:
    place = ask("PUT", "/a%20b%2Fc", {}).headers["location"]
    assert place == f"{couch_server.url}/{db_name}/a%20b%2Fc"
    place = ask("PUT", "/_design/a%2Fb", {}).headers["location"]
    assert place == f"{couch_server.url}/{db_name}/_design/a%2Fb"
    forwarded = {"x_forwarded_host": "couch.example", "x_forwarded_proto": "https"}
    place = ask("PUT", "/other", {}, **forwarded).headers["location"]
    assert place == f"https://couch.example/{db_name}/other"
    assert ask("PUT", "/third", {}, x_forwarded_proto="gopher").headers["location"].startswith("http://")
