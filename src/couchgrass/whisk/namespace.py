"""What a namespace of an OpenWhisk has: entities read, put and deleted; feeds; APIs.

Entities come as OpenWhisk's own JSON. Names are relative to the namespace: "package/action", "trigger".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from couchgrass import json
from couchgrass.errors import NotFound
from couchgrass.whisk.host import Refused, WhiskHost, path

PAGE: Final = 200
"""The longest list that OpenWhisk gives at once."""

ROWS_MAX: Final = 100_000
_MANAGED: Final = "/api/v1/web/whisk.system/apimgmt"
_NO_TOKEN: Final = "DUMMY TOKEN"  # noqa: S105
"""What clients send that have none."""

Entity = dict[str, Any]


_MISSING: Final = ("does not exist", "not found", "could not find")
"""Actions say it in words: those of feeds and those that manage APIs."""


def is_missing(refused: Refused) -> bool:
    """Does the action say that there is no such thing?"""
    return any(words in refused.reason.lower() for words in _MISSING)


class Namespace:
    """The namespace of the host's key; `name` is told by it."""

    def __init__(self, host: WhiskHost, name: str) -> None:
        self.host = host
        self.name = name

    @classmethod
    async def open(cls, host: WhiskHost) -> Namespace:
        """Asks the host whose key it is. Raises Unauthorized for nobody's."""
        names = await host.ask("GET", "/api/v1/namespaces")
        return cls(host, str(names[0]) if isinstance(names, list) and names else "_")

    async def rows(self, collection: str) -> list[Entity]:
        """All of "packages", "actions", "triggers" or "rules", as a list has them."""
        found: dict[tuple[str, str], Entity] = {}
        skip = 0
        while skip < ROWS_MAX:
            page = await self.host.ask(
                "GET", self._where(collection), query={"limit": str(PAGE), "skip": str(skip)}
            )
            # Something new moves all others down: then the next page begins with what this one had.
            found |= {(row["namespace"], row["name"]): row for row in page}
            if len(page) < PAGE:
                break
            skip += len(page)
        return list(found.values())

    async def get(self, collection: str, name: str, **query: str) -> Entity:
        """One entity. Raises NotFound."""
        found: Entity = await self.host.ask("GET", self._where(collection, name), query=query)
        return found

    async def put(self, collection: str, name: str, body: Mapping[str, Any]) -> Entity:
        """Makes or replaces it."""
        made: Entity = await self.host.ask(
            "PUT", self._where(collection, name), body, query={"overwrite": "true"}
        )
        return made

    async def delete(self, collection: str, name: str) -> None:
        """Raises NotFound."""
        await self.host.ask("DELETE", self._where(collection, name))

    async def set_active(self, rule: str, active: bool) -> None:
        """Switches a rule on or off."""
        status = {"status": "active" if active else "inactive"}
        await self.host.ask("POST", self._where("rules", rule), status)

    async def package_of(self, namespace: str, package: str) -> Entity:
        """A package of any namespace that shows it to us."""
        where = path("api", "v1", "namespaces", namespace, "packages", package)
        found: Entity = await self.host.ask("GET", where)
        return found

    async def feed(self, feed: str, event: str, trigger: str, inputs: Mapping[str, Any]) -> Entity:
        """Tells a feed ("/namespace/package/action") of a trigger: CREATE, DELETE, READ, UPDATE, PAUSE. Its
        answer. Raises Refused with what it says."""
        owner, *name = feed.strip("/").split("/")
        told = {
            **inputs,
            "lifecycleEvent": event,
            "triggerName": f"/{self.name}/{trigger}",
            "authKey": self.host.key,
        }
        where = path("api", "v1", "namespaces", owner, "actions", *name)
        record = await self.host.ask("POST", where, told, query={"blocking": "true", "result": "false"})
        response = record.get("response") if isinstance(record, dict) else None
        if not isinstance(response, dict):
            raise Refused(f"the feed {feed} has not answered in time")
        result = response.get("result")
        return result if isinstance(result, dict) else {}

    async def apis(self) -> list[Entity]:
        """All APIs: {"gwApiUrl": …, "apidoc": the document}."""
        answer = await self.host.ask("GET", f"{_MANAGED}/getApi.http", query=self._api_query())
        return [api["value"] for api in answer.get("apis", [])]

    async def put_api(self, document: Mapping[str, Any]) -> Entity:
        """Makes or replaces the API of the document's base path."""
        body = {"apidoc": {"namespace": self.name, "swagger": json.encode(document).decode()}}
        made: Entity = await self.host.ask(
            "POST", f"{_MANAGED}/createApi.http", body, query=self._api_query()
        )
        return made

    async def delete_api(self, base: str) -> None:
        """Raises NotFound."""
        query = {**self._api_query(), "basepath": base}
        try:
            await self.host.ask("DELETE", f"{_MANAGED}/deleteApi.http", query=query)
        except Refused as refused:
            if is_missing(refused):
                raise NotFound(refused.reason) from refused
            raise

    def _where(self, collection: str, name: str = "") -> str:
        return path("api", "v1", "namespaces", "_", collection, *(name.split("/") if name else ()))

    def _api_query(self) -> dict[str, str]:
        return {"accesstoken": _NO_TOKEN, "spaceguid": self.host.key.partition(":")[0]}
