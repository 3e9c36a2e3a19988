"""Activations: the list, a record, its logs, its result.

Source: OpenWhisk's Activations API. There a running activation is not to be seen, and clients wait for one
by asking until it is found; so here it is found only by those who ask with ``running=true``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from couchgrass.errors import BadRequest, NotFound
from couchgrass.functions import activation_form
from couchgrass.functions.activation import Activation
from couchgrass.functions.http.call import Call, Endpoint, Routes, Shape, answered, listed
from couchgrass.functions.names import check_activation_id, is_name
from couchgrass.functions.store.activations import Activations as Store
from couchgrass.serving.asgi import Answer

COLLECTION: Final = "activations"
_NAME_SEGMENTS_MAX: Final = 2

Form = Callable[[Activation], dict[str, Any]]
PARTS: Final[dict[str, Form]] = {"logs": activation_form.logs, "result": activation_form.response}


class Activations:
    """The endpoints of the collection `activations`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Routes:
        """What is served, by path and method."""
        record: dict[str, Endpoint] = {"GET": self.get}
        return {
            **listed(COLLECTION.encode(), self.rows),
            Shape(COLLECTION.encode(), 1): record,
            Shape(COLLECTION.encode(), 1, True): record,
            Shape(COLLECTION.encode(), 2): {"GET": self.part},
        }

    async def rows(self, call: Call) -> Answer:
        """GET activations?name=&since=&upto=&skip=&limit=&count=&docs=&running="""
        call.for_owner()
        query = call.query
        name, since, upto = _name(query.text("name")), query.instant("since"), query.instant("upto")
        skip, limit = query.skip(COLLECTION), query.limit(COLLECTION)
        count, docs, running = query.boolean("count"), query.boolean("docs"), query.boolean("running")
        if count and docs:
            raise BadRequest("The parameter 'docs' is not permitted with 'count'.")
        if count:
            found = await self._store.count(
                call.namespace, name=name, since=since, upto=upto, running=running
            )
            return answered({COLLECTION: max(0, found - skip)})
        rows = await self._store.list(
            call.namespace,
            name=name,
            since=since,
            upto=upto,
            skip=skip,
            limit=limit,
            docs=docs,
            running=running,
        )
        form = activation_form.record if docs else activation_form.row
        return answered([form(activation) for activation in rows])

    async def get(self, call: Call) -> Answer:
        """GET activations/{id}"""
        return answered(activation_form.record(await self._activation(call)))

    async def part(self, call: Call) -> Answer:
        """GET activations/{id}/logs, GET activations/{id}/result"""
        form = PARTS.get(call.names[1])
        if form is None:
            raise NotFound("The requested resource could not be found.")
        return answered(form(await self._activation(call)))

    async def _activation(self, call: Call) -> Activation:
        activation_id = check_activation_id(call.names[0])
        call.for_owner()
        activation = await self._store.get(call.namespace, activation_id)
        if activation.status is None and not call.query.boolean("running"):
            raise NotFound("The requested resource does not exist: the activation is still running.")
        return activation


def _name(text: str | None) -> str | None:
    """The filter: "action" or "package/action"; None when it is blank."""
    if text is None or not text.strip():
        return None
    segments = text.strip("/").split("/")
    if len(segments) > _NAME_SEGMENTS_MAX or not all(map(is_name, segments)):
        raise BadRequest(
            "The query parameter 'name' was malformed:\n"
            f"Parameter may be a 'simple' name or 'package-name/simple' name: {text}"
        )
    return "/".join(segments)
