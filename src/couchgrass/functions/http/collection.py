"""What the collections of entities have in common: pages of lists, names in paths, what a PUT replaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from couchgrass.errors import Conflict, NotFound
from couchgrass.functions import form
from couchgrass.functions.entity import Entity
from couchgrass.functions.http.call import Call, answered
from couchgrass.functions.names import check_name
from couchgrass.serving.asgi import Answer

E = TypeVar("E", bound=Entity)


def page(call: Call, found: Sequence[Entity], collection: str) -> Answer:
    """A list as `skip`, `limit` and `count` ask for it. `found` is the whole, newest first."""
    limit, skip = call.query.limit(collection), call.query.skip(collection)
    if call.query.boolean("count"):
        return answered({collection: max(0, len(found) - skip)})
    return answered([form.row(entity) for entity in found[skip : skip + limit]])


def own_name(call: Call) -> str:
    """The name in the path, which has one, in a namespace that has to be the caller's own."""
    name = check_name(call.names[0])
    call.for_owner()
    return name


def replaced(call: Call, lookup: Callable[[], E]) -> E | None:
    """What a PUT takes the place of, None when there is nothing. Raises Conflict without `overwrite`."""
    overwrite = call.query.boolean("overwrite")
    try:
        found = lookup()
    except NotFound:
        return None
    if not overwrite:
        raise Conflict("resource already exists")
    return found


def now_ms(now_s: float) -> int:
    """The time of a change as entities keep it."""
    return int(now_s * 1000)
