"""PUT of a trigger: its body, and the trigger that becomes of it.

What is given replaces what was there. Whether the feed exists is not looked at, only its name: clients make
the trigger first and call the feed then.
Source: OpenWhisk's Triggers.scala.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from couchgrass.errors import BadRequest
from couchgrass.functions.bodies import Parts, members, next_version, read_parts, reading
from couchgrass.functions.entity import FIRST_VERSION, Trigger
from couchgrass.functions.names import is_path

FEED: Final = "feed"


def read(body: Any) -> Parts:
    """Raises BadRequest, TooLarge."""
    with reading():
        given = members(body)
        if not isinstance(given.get("limits", {}), dict):
            raise ValueError("Object expected")
        return read_parts(given)


def created(put: Parts, namespace: str, name: str, *, now_ms: int) -> Trigger:
    """A new trigger. Raises BadRequest when its annotation `feed` is no name."""
    annotations = put.annotations or {}
    if FEED in annotations and not (isinstance(annotations[FEED], str) and is_path(annotations[FEED])):
        raise BadRequest("Feed name is not valid")
    return Trigger(
        namespace=namespace,
        name=name,
        version=put.version or FIRST_VERSION,
        publish=bool(put.publish),
        parameters=put.parameters or (),
        annotations=annotations,
        updated=now_ms,
    )


def updated(put: Parts, trigger: Trigger, *, now_ms: int) -> Trigger:
    """The trigger after the update."""
    return msgspec.structs.replace(
        trigger,
        version=put.version or next_version(trigger.version),
        publish=trigger.publish if put.publish is None else put.publish,
        parameters=trigger.parameters if put.parameters is None else put.parameters,
        annotations=trigger.annotations if put.annotations is None else put.annotations,
        updated=now_ms,
    )
