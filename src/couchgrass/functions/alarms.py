"""Alarms: what their feeds' parameters mean, and when they fire next.

Pure: the time is an argument, and so is what a time zone's name stands for. Source: OpenWhisk's package of
alarms; the texts of errors are its own. Times are in milliseconds since the epoch.

- `alarm`: a cron pattern of five fields, or six with seconds in front, in UTC or a `timezone`; from
  `startDate`; until `stopDate` or for `maxTriggers` times.
- `interval`: every so many `minutes` from `startDate` on (left out: 30 s from now), until `stopDate`.
- `once`: at `date`; then it is switched off, or deleted, or deleted with its rules (`deleteAfterFire`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import msgspec
from cronsim import CronSim, CronSimError

from couchgrass.errors import BadRequest

ALARM: Final = "alarm"
INTERVAL: Final = "interval"
ONCE: Final = "once"

FIRST_INTERVAL_MS: Final = 30_000
MINUTE_MS: Final = 60_000
UNBOUNDED: Final = -1
MINUTES_MAX: Final = 10 * 366 * 24 * 60
"""Ten years: what comes after that is a mistake, and no date might tell it."""

DELETES: Final = ("false", "true", "rules")

Zone = Callable[[str], tzinfo]
"""Raises KeyError for a name that is no time zone."""


class Alarm(msgspec.Struct, frozen=True):
    """One alarm. Which of `cron`, `minutes` and `date` is set tells its kind."""

    cron: str = ""
    timezone: str = ""
    minutes: int = 0
    date: int = 0
    start: int = 0
    stop: int = 0
    triggers_max: int = UNBOUNDED
    delete_after: str = "false"

    @property
    def kind(self) -> str:
        """The feed's name."""
        return ALARM if self.cron else INTERVAL if self.minutes else ONCE


def created(kind: str, given: Mapping[str, Any], now: int, zone: Zone) -> Alarm:
    """The alarm that these parameters ask for. Raises BadRequest."""
    if kind == ONCE:
        if not given.get("date"):
            raise BadRequest("alarms once trigger feed is missing the date parameter")
        return Alarm(date=future(given, "date", now), delete_after=_delete_after(given))
    start = future(given, "startDate", now) if given.get("startDate") else 0
    if kind == INTERVAL:
        alarm = Alarm(minutes=_minutes(given), start=start or now + FIRST_INTERVAL_MS)
    else:
        if not given.get("cron"):
            raise BadRequest("alarms trigger feed is missing the cron parameter")
        alarm = Alarm(cron=_cron(given), timezone=_timezone(given, zone), start=start)
    return _ended(alarm, given, now, zone)


def _ended(alarm: Alarm, given: Mapping[str, Any], now: int, zone: Zone) -> Alarm:
    """With the bound that the parameters tell: a date or a number."""
    if given.get("maxTriggers") and given.get("stopDate"):
        if alarm.minutes:
            raise BadRequest("maxTriggers is not supported for the interval trigger feed")
        raise BadRequest("maxTriggers is not allowed when the stopDate parameter is specified")
    if given.get("stopDate"):
        stop = future(given, "stopDate", now)
        _refuse_order(given["stopDate"], stop, alarm.start)
        alarm = msgspec.structs.replace(alarm, stop=stop)
        if next_ms(alarm, now, zone) is None:
            raise BadRequest("the first scheduled trigger fire is not until after the stop date")
    elif alarm.cron and given.get("maxTriggers"):
        alarm = msgspec.structs.replace(alarm, triggers_max=_whole(given["maxTriggers"], "maxTriggers"))
    return alarm


def updated(alarm: Alarm, given: Mapping[str, Any], now: int, zone: Zone) -> Alarm:
    """The alarm with what may be changed of it. Raises BadRequest, also when that is nothing of it."""
    changed: dict[str, Any] = {}
    if alarm.kind == ONCE:
        if given.get("date"):
            changed["date"] = future(given, "date", now)
        if given.get("deleteAfterFire"):
            changed["delete_after"] = _delete_after(given)
    else:
        if alarm.minutes and given.get("minutes"):
            changed["minutes"] = _minutes(given)
        if alarm.cron and given.get("cron"):
            changed["cron"] = _cron(given)
        if alarm.cron and given.get("timezone"):
            changed["timezone"] = _timezone(given, zone)
        changed |= _dates(alarm, given, now)
    if not changed and not given.get("trigger_payload"):
        raise BadRequest("no updatable parameters were specified")
    return msgspec.structs.replace(alarm, **changed)


def _dates(alarm: Alarm, given: Mapping[str, Any], now: int) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if given.get("startDate"):
        changed["start"] = future(given, "startDate", now)
    if given.get("stopDate"):
        changed["stop"] = future(given, "stopDate", now)
        _refuse_order(given["stopDate"], changed["stop"], changed.get("start", alarm.start))
    elif "start" in changed and alarm.stop and changed["start"] >= alarm.stop:
        told = given["startDate"]
        raise BadRequest(
            f"startDate parameter '{told}' must be less than the stopDate parameter '{alarm.stop}'"
        )
    return changed


def next_ms(alarm: Alarm, after: int, zone: Zone) -> int | None:
    """The first time after `after` at which it fires; None when there is none any more."""
    if alarm.kind == ONCE:
        found: int | None = alarm.date if alarm.date > after else None
    elif alarm.minutes:
        every = alarm.minutes * MINUTE_MS
        missed = (after - alarm.start) // every + 1
        found = alarm.start + max(0, missed) * every
    else:
        # A start that is itself a time of the pattern counts.
        found = _next_of_cron(alarm, max(after, alarm.start - 1), zone)
    return None if found is None or (alarm.stop and found > alarm.stop) else found


def _next_of_cron(alarm: Alarm, after: int, zone: Zone) -> int | None:
    where = zone(alarm.timezone) if alarm.timezone else UTC
    try:
        found = next(CronSim(alarm.cron, datetime.fromtimestamp(after / 1000, where)), None)
    except (OverflowError, ValueError):
        return None  # past the last year that there is
    return None if found is None else int(found.timestamp() * 1000)


def last_text(alarm: Alarm) -> str:
    """Why it is switched off once it has fired for the last time."""
    if alarm.kind == ONCE:
        return "Automatically disabled after firing once"
    if alarm.stop:
        kind = "interval" if alarm.minutes else "cron"
        return f"Automatically disabled after firing last scheduled {kind} trigger"
    return "Automatically disabled after reaching max triggers"


def future(given: Mapping[str, Any], name: str, now: int) -> int:
    """A date as milliseconds or in ISO 8601 (UTC where it says nothing else), which must be to come."""
    value = given[name]
    try:
        at = _milliseconds(value)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name} parameter '{value}' is not a valid Date") from None
    if now >= at:
        raise BadRequest(f"{name} parameter '{value}' must be in the future")
    return at


def _milliseconds(value: Any) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        at = int(value)
        datetime.fromtimestamp(at / 1000, UTC)  # is it one of the dates that there are?
        return at
    if not isinstance(value, str):
        raise ValueError(value)
    date = datetime.fromisoformat(value.strip())
    return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)


def _refuse_order(told: Any, stop: int, start: int) -> None:
    if start and stop <= start:
        raise BadRequest(
            f"stopDate parameter '{told}' must be greater than the startDate parameter '{start}'"
        )


def _minutes(given: Mapping[str, Any]) -> int:
    if not given.get("minutes"):
        raise BadRequest("interval trigger feed is missing the minutes parameter")
    minutes = _whole(given["minutes"], "minutes")
    if not 0 < minutes <= MINUTES_MAX:
        raise BadRequest("the minutes parameter must be an integer greater than zero")
    return minutes


def _whole(value: Any, name: str) -> int:
    try:
        whole = int(value)
        if isinstance(value, bool) or whole != float(value):
            raise ValueError(value)
    except (TypeError, ValueError, OverflowError):
        raise BadRequest(f"the {name} parameter must be an integer") from None
    return whole


def _cron(given: Mapping[str, Any]) -> str:
    pattern = given["cron"]
    try:
        if not isinstance(pattern, str):
            raise CronSimError("no text")
        CronSim(pattern, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise BadRequest(f"cron pattern '{pattern}' is not valid") from None
    return pattern.strip()


def _timezone(given: Mapping[str, Any], zone: Zone) -> str:
    name = given.get("timezone") or ""
    if not name:
        return ""
    try:
        zone(str(name))
    except KeyError:
        raise BadRequest(f"timezone '{name}' is not valid") from None
    return str(name)


def _delete_after(given: Mapping[str, Any]) -> str:
    told = str(given.get("deleteAfterFire") or "false").strip().lower()
    if told not in DELETES:
        raise BadRequest("deleteAfterFire parameter must be one of [false, true, rules].")
    return told
