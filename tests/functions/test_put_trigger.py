"""PUT of triggers."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.errors import BadRequest
from couchgrass.functions import put_trigger
from couchgrass.functions.entity import Parameter, Trigger


def created(body: Any) -> Trigger:
    return put_trigger.created(put_trigger.read(body), "ns", "t", now_ms=7)


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def test_an_empty_body_makes_a_trigger() -> None:
    assert created({"limits": {}}) == Trigger("ns", "t", updated=7)


def test_an_update_replaces_what_it_gives() -> None:
    was = created({"parameters": rows(a=1), "annotations": rows(feed="/whisk.system/alarms/alarm")})
    now = put_trigger.updated(put_trigger.read({"parameters": rows(b=2)}), was, now_ms=8)
    assert (now.parameters, now.annotations) == ((Parameter("b", 2),), was.annotations)
    assert (now.version, now.updated) == ("0.0.2", 8)


@pytest.mark.parametrize("feed", ["", "a/?", 7, None])
def test_a_feed_has_to_have_a_name(feed: Any) -> None:
    with pytest.raises(BadRequest, match="Feed name is not valid"):
        created({"annotations": rows(feed=feed)})


@pytest.mark.parametrize("body", [[], {"limits": 1}, {"parameters": {}}])
def test_a_body_of_the_wrong_form_is_refused(body: Any) -> None:
    with pytest.raises(BadRequest, match="The request content was malformed"):
        created(body)
