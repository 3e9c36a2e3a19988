"""Feeds and their documents."""

from __future__ import annotations

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions.alarms import Alarm
from couchgrass.functions.changes import Changes
from couchgrass.functions.feed import (
    Feed,
    Position,
    described,
    document,
    feed_of,
    paused,
    position_of,
    resumed,
    stopped,
    trigger_name,
    trigger_payload,
)

ALARM = Feed("ns", "t", "me", "u", 5, 1_700_000_000_000, alarm=Alarm(minutes=2, start=7), payload={"a": 1})
CHANGES = Feed("ns", "t", "me", "u", 5, 6, changes=Changes("https://h", "h", "d", "u", "secret"))


@pytest.mark.parametrize("feed", [ALARM, CHANGES, stopped(ALARM, "why", 9, 404), paused(CHANGES, 8)])
def test_a_document_holds_all_of_a_feed(feed: Feed) -> None:
    doc = document(feed, feed.key)
    assert doc["_id"] == "feed/ns/t"
    assert "_rev" not in doc
    assert feed_of(doc) == feed
    assert feed_of({**doc, "_rev": "1-x"}).rev == "1-x"


def test_a_document_holds_all_of_a_position() -> None:
    position = Position(5, last=6, fired=7, since="1-abc", rev="2-y")
    doc = document(position, "ns/t")
    assert doc["_id"] == "position/ns/t"
    assert position_of(doc) == position


def test_another_document_is_told() -> None:
    with pytest.raises(BadRequest, match="is none of a feed"):
        feed_of({"_id": "feed/x", "namespace": 5})


def test_a_feed_is_switched_off_and_on_with_its_reason() -> None:
    off = stopped(ALARM, "why", 9, 404)
    assert not off.active
    assert off.reason == {"kind": "AUTO", "message": "why", "statusCode": 404}
    on = resumed(off, 10)
    assert on.active
    assert on.reason is None
    assert on.changed == 10


def test_reading_tells_what_it_does_and_no_password() -> None:
    told = described(ALARM)
    assert told == {
        "config": {"name": "t", "namespace": "ns", "payload": {"a": 1}, "startDate": 7, "minutes": 2},
        "status": {
            "active": True,
            "dateChanged": 1_700_000_000_000,
            "dateChangedISO": "2023-11-14T22:13:20Z",
        },
    }
    assert "secret" not in str(described(CHANGES))
    once = Feed("ns", "t", "me", "u", 5, 6, alarm=Alarm(date=9, delete_after="rules"))
    assert described(once)["config"]["deleteAfterFire"] == "rules"
    cron = Feed("ns", "t", "me", "u", 5, 6, alarm=Alarm(cron="* * * * *"), active=False)
    assert described(cron)["config"]["cron"] == "* * * * *"


def test_a_trigger_is_named_with_or_without_its_namespace() -> None:
    assert trigger_name("t", "ns") == ("ns", "t")
    assert trigger_name("/_/t", "ns") == ("ns", "t")
    assert trigger_name("/other/t", "ns") == ("other", "t")
    with pytest.raises(BadRequest, match="no trigger name parameter was provided"):
        trigger_name(None, "ns")


def test_a_text_to_fire_with_becomes_an_object() -> None:
    assert trigger_payload("x") == {"payload": "x"}
    assert trigger_payload({"a": 1}) == {"a": 1}
    assert trigger_payload("") == {}
