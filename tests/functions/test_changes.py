"""What a feed of changes takes."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.errors import BadRequest, Forbidden
from couchgrass.functions.changes import created, event, updated

LOGIN = {"username": "u", "password": "p", "dbname": "todos"}


@pytest.mark.parametrize(
    ("told", "base", "host"),
    [
        ({"host": "acme.cloudant.com"}, "https://acme.cloudant.com", "acme.cloudant.com"),
        ({"host": "h", "protocol": "http", "port": 5984}, "http://h:5984", "h"),
        ({"url": "https://x:y@h:1"}, "https://h:1", "h"),
        ({"host": "::1", "protocol": "http"}, None, None),
        ({"host": "[::1]", "protocol": "http"}, "http://[::1]", "::1"),
    ],
)
def test_a_server_is_told_by_host_or_url(told: dict[str, Any], base: str | None, host: str) -> None:
    if base is None:
        with pytest.raises(BadRequest, match="host parameter is not valid"):
            created(LOGIN | told)
        return
    feed = created(LOGIN | told)
    assert (feed.base, feed.host, feed.username, feed.password) == (base, host, "u", "p")


def test_a_url_s_own_credentials_are_taken() -> None:
    feed = created({"url": "https://x:y%40@h", "dbname": "d"})
    assert (feed.username, feed.password) == ("x", "y@")


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"host": "h"}, "cloudant trigger feed: missing dbname parameter"),
        ({"dbname": "d"}, "cloudant trigger feed: missing host parameter"),
        (
            {"dbname": "d", "host": "h", "username": "u"},
            "cloudant trigger feed: Must specify parameter/s of iamApiKey or username/password",
        ),
        (
            LOGIN | {"host": "h", "query_params": {"a": 1}},
            "The query_params parameter is only allowed if the filter parameter is defined",
        ),
        (
            LOGIN | {"host": "h", "filter": "f/f", "query_params": "{"},
            "The query_params parameter cannot be parsed. Ensure it is valid JSON.",
        ),
        (
            LOGIN | {"host": "h", "filter": "f/f", "query_params": [1]},
            "The query_params parameter is not a valid JSON Object",
        ),
        (LOGIN | {"host": "h", "maxTriggers": "x"}, "the maxTriggers parameter must be an integer"),
        (LOGIN | {"url": "file:///etc"}, "cloudant trigger feed: the host parameter is not valid"),
    ],
)
def test_what_is_wrong_is_told(told: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        created(told)
    assert refused.value.reason == text


@pytest.mark.parametrize("name", ["_users", "_replicator", "whisk_subjects", "couchgrass_identity"])
def test_nobody_follows_the_region_s_own_databases(name: str) -> None:
    with pytest.raises(Forbidden):
        created(LOGIN | {"host": "acme.cloudant.com", "dbname": name})


def test_a_filter_and_its_parameters_may_be_changed() -> None:
    feed = created(LOGIN | {"host": "h"})
    with pytest.raises(BadRequest, match="At least one of filter"):
        updated(feed, {})
    with pytest.raises(BadRequest, match="only allowed if the filter"):
        updated(feed, {"query_params": {"a": 1}})
    after = updated(feed, {"filter": "d/f", "query_params": '{"a": 1}'})
    assert after.asked.name == "d/f"
    assert after.asked.query_params == {"a": 1}
    assert not after.asked.all_leaves
    assert updated(after, {"query_params": {"b": 2}}).filter == "d/f"


def test_the_event_is_the_row_and_its_database() -> None:
    row = {"id": "a", "seq": "1-x", "changes": [{"rev": "1-y"}]}
    assert event(created(LOGIN | {"host": "h"}), row) == row | {"dbname": "todos"}
