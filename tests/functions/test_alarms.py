"""When alarms fire, and which parameters they take."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import BadRequest
from couchgrass.functions import alarms
from couchgrass.functions.alarms import Alarm, created, next_ms, updated

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z
MINUTE = 60_000


def zone(name: str) -> tzinfo:
    if name not in ("Europe/Berlin", "UTC"):
        raise KeyError(name)
    return ZoneInfo(name)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "expected"),
    [
        ("* * * * *", "", "2024-01-01T00:00:00", "2024-01-01T00:01:00"),
        ("*/30 * * * * *", "", "2024-01-01T00:00:10", "2024-01-01T00:00:30"),
        ("0 9 8 * *", "", "2024-01-01T00:00:00", "2024-01-08T09:00:00"),
        ("0 9 * * MON", "", "2024-01-02T00:00:00", "2024-01-08T09:00:00"),
        ("0 9 * * *", "Europe/Berlin", "2024-01-01T00:00:00", "2024-01-01T08:00:00"),
        ("0 9 * * *", "Europe/Berlin", "2024-07-01T00:00:00", "2024-07-01T07:00:00"),
        ("0 0 29 2 *", "", "2024-03-01T00:00:00", "2028-02-29T00:00:00"),
    ],
)
def test_a_pattern_fires_in_its_time_zone(cron: str, timezone: str, after: str, expected: str) -> None:
    alarm = Alarm(cron=cron, timezone=timezone)
    assert next_ms(alarm, ms(after), zone) == ms(expected)


def test_a_start_that_is_a_time_of_the_pattern_counts() -> None:
    start = ms("2024-01-01T09:00:00")
    assert next_ms(Alarm(cron="0 9 * * *", start=start), start - MINUTE * 600, zone) == start
    assert next_ms(Alarm(cron="0 9 * * *", start=start), start, zone) == start + 1440 * MINUTE


def test_nothing_fires_after_the_stop() -> None:
    stop = ms("2024-01-01T00:01:30")
    alarm = Alarm(cron="* * * * *", stop=stop)
    assert next_ms(alarm, stop - 90_000, zone) == stop - 30_000
    assert next_ms(alarm, stop - 30_000, zone) is None


def test_a_pattern_that_never_comes_true_never_fires() -> None:
    assert next_ms(Alarm(cron="0 0 29 2 *"), ms("9998-01-01T00:00:00"), zone) is None


@given(st.integers(1, 10_000), st.integers(-10_000_000, 10_000_000))
def test_an_interval_fires_at_whole_intervals_from_its_start(minutes: int, after: int) -> None:
    alarm = Alarm(minutes=minutes, start=NOW)
    due = next_ms(alarm, NOW + after, zone)
    assert due is not None
    assert due > NOW + after
    assert (due - NOW) % (minutes * MINUTE) == 0
    assert due == NOW or due - minutes * MINUTE <= NOW + after


def test_once_is_once() -> None:
    assert next_ms(Alarm(date=NOW), NOW - 1, zone) == NOW
    assert next_ms(Alarm(date=NOW), NOW, zone) is None


def test_what_is_asked_for_is_made() -> None:
    alarm = created(
        "alarm", {"cron": " */5 * * * * ", "timezone": "Europe/Berlin", "maxTriggers": "3"}, NOW, zone
    )
    assert (alarm.kind, alarm.cron, alarm.timezone, alarm.triggers_max) == (
        "alarm",
        "*/5 * * * *",
        "Europe/Berlin",
        3,
    )
    alarm = created("interval", {"minutes": "2"}, NOW, zone)
    assert (alarm.kind, alarm.minutes, alarm.start) == ("interval", 2, NOW + 30_000)
    told = {"date": "2024-01-01T00:00:00.000Z", "deleteAfterFire": "Rules"}
    alarm = created("once", told, NOW, zone)
    assert (alarm.kind, alarm.date, alarm.delete_after) == ("once", ms("2024-01-01T00:00:00"), "rules")


@pytest.mark.parametrize(
    ("kind", "told", "text"),
    [
        ("alarm", {}, "alarms trigger feed is missing the cron parameter"),
        ("alarm", {"cron": "61 * * * *"}, "cron pattern '61 * * * *' is not valid"),
        ("alarm", {"cron": 5}, "cron pattern '5' is not valid"),
        ("alarm", {"cron": "* * * * *", "timezone": "Mars"}, "timezone 'Mars' is not valid"),
        (
            "alarm",
            {"cron": "* * * * *", "maxTriggers": 1, "stopDate": NOW + 1},
            "maxTriggers is not allowed when the stopDate parameter is specified",
        ),
        ("alarm", {"cron": "* * * * *", "maxTriggers": "x"}, "the maxTriggers parameter must be an integer"),
        ("alarm", {"cron": "* * * * *", "stopDate": "soon"}, "stopDate parameter 'soon' is not a valid Date"),
        (
            "alarm",
            {"cron": "0 0 1 1 *", "stopDate": NOW + MINUTE},
            "the first scheduled trigger fire is not until after the stop date",
        ),
        ("interval", {}, "interval trigger feed is missing the minutes parameter"),
        ("interval", {"minutes": 1.5}, "the minutes parameter must be an integer"),
        ("interval", {"minutes": True}, "the minutes parameter must be an integer"),
        ("interval", {"minutes": -1}, "the minutes parameter must be an integer greater than zero"),
        ("interval", {"minutes": 10**9}, "the minutes parameter must be an integer greater than zero"),
        (
            "interval",
            {"minutes": 1, "maxTriggers": 1, "stopDate": NOW + 1},
            "maxTriggers is not supported for the interval trigger feed",
        ),
        (
            "interval",
            {"minutes": 1, "startDate": NOW + 9, "stopDate": NOW + 9},
            f"stopDate parameter '{NOW + 9}' must be greater than the startDate parameter '{NOW + 9}'",
        ),
        ("once", {}, "alarms once trigger feed is missing the date parameter"),
        ("once", {"date": NOW}, f"date parameter '{NOW}' must be in the future"),
        ("once", {"date": 10**30}, f"date parameter '{10**30}' is not a valid Date"),
        (
            "once",
            {"date": NOW + 1, "deleteAfterFire": "maybe"},
            "deleteAfterFire parameter must be one of [false, true, rules].",
        ),
    ],
)
def test_what_is_wrong_is_told(kind: str, told: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        created(kind, told, NOW, zone)
    assert refused.value.reason == text


def test_an_update_changes_what_is_given_and_nothing_else() -> None:
    alarm = created("alarm", {"cron": "* * * * *"}, NOW, zone)
    after = updated(alarm, {"cron": "0 * * * *", "minutes": 5}, NOW, zone)
    assert after == Alarm(cron="0 * * * *")
    with pytest.raises(BadRequest, match="no updatable parameters"):
        updated(alarm, {"minutes": 5}, NOW, zone)
    assert updated(alarm, {"trigger_payload": {"a": 1}}, NOW, zone) == alarm
    once = updated(Alarm(date=NOW), {"date": NOW + 5, "deleteAfterFire": True}, NOW, zone)
    assert once == Alarm(date=NOW + 5, delete_after="true")
    every = updated(Alarm(minutes=1, start=NOW, stop=NOW + 99), {"minutes": 3}, NOW, zone)
    assert every.minutes == 3
    with pytest.raises(BadRequest, match="must be less than the stopDate"):
        updated(Alarm(minutes=1, start=NOW, stop=NOW + 99), {"startDate": NOW + 99}, NOW, zone)


def test_the_reason_for_the_end_is_told() -> None:
    assert alarms.last_text(Alarm(date=1)) == "Automatically disabled after firing once"
    assert "cron" in alarms.last_text(Alarm(cron="* * * * *", stop=1))
    assert "interval" in alarms.last_text(Alarm(minutes=1, stop=1))
    assert "max triggers" in alarms.last_text(Alarm(cron="* * * * *", triggers_max=1))
