"""APIs are served from the moment they are stored, in every process, and without the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.errors import Conflict, NotFound, ServiceUnavailable
from couchgrass.gateway.store.apis import Apis
from couchgrass.gateway.stored import StoredApi, text_of
from couchgrass.gateway.subscription import new_subscription
from couchgrass.testing.in_process import until
from couchgrass.testing.server import ServerProcess, running
from tests.gateway.documents import endpoint, swagger


def stored(base_path: str = "/v1", namespace: str = "guest", created: int = 1, **more: Any) -> StoredApi:
    document = {**swagger(endpoint(), base_path=base_path), **more}
    return StoredApi(namespace, base_path, "todos", text_of(document), created, created)


def couch(server: ServerProcess) -> CouchServer:
    return CouchServer(server.url, server.user, server.password)


def test_what_one_process_stores_another_serves(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            one = await Apis.open(server, database=db_name, cache=tmp_path / "one")
            two = await Apis.open(server, database=db_name, cache=tmp_path / "two", default_namespace="guest")
            await one.put(stored())
            await one.put(stored("/v0", created=2))
            assert one.routes.find(b"/api/guest/v1/todo") is not None
            assert one.routes.find(b"/v1/todo") is None
            await until(lambda: two.routes.find(b"/v1/todo") is not None)
            await until(lambda: len(two.apis("guest")) == 2)
            assert [api.base_path for api in two.apis("guest")] == ["/v1", "/v0"]
            assert two.apis("other") == [] and two.api("guest", "/nope") is None
            found = two.api("guest", "/v1")
            assert found is not None and found == await two.fresh("guest", "/v1")
            assert json.encode(found.document) == json.encode(stored().document)
            with pytest.raises(Conflict):
                await two.put(stored())
            await two.delete(found)
            assert two.routes.find(b"/v1/todo") is None and await two.fresh("guest", "/v1") is None
            await until(lambda: one.routes.find(b"/api/guest/v1/todo") is None)
            assert one.routes.find(b"/api/guest/v0/todo") is not None
            await one.close()
            await two.close()

    asyncio.run(work())


def test_what_can_not_be_served_is_kept_and_counted(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            apis = await Apis.open(server, database=db_name, cache=tmp_path / "apis")
            await apis.put(stored())
            broken: dict[str, Any] = {"x-ibm-configuration": {"assembly": {"execute": [{"later": {}}]}}}
            await apis.put(stored("/v2", **broken))
            await server.ask("PUT", f"/{db_name}/note", {"type": "note"})
            await server.ask("PUT", f"/{db_name}/bad", {"type": "api", "namespace": 5})
            await until(lambda: set(apis._followed.docs) >= {"note", "bad"})
            assert list(apis.broken) == ["api/guest/v2"]
            assert len(apis.apis("guest")) == 2
            assert apis.routes.find(b"/api/guest/v1/todo") is not None
            await apis.close()

    asyncio.run(work())


def test_subscriptions_are_found_by_their_key(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with couch(couch_server) as server:
            apis = await Apis.open(server, database=db_name, cache=tmp_path / "apis")
            made = new_subscription("guest", "/v1", "mine", key="k" * 20, secret="s" * 20, created=3)
            await apis.subscribe(made)
            found = apis.subscription("guest", "k" * 20)
            assert found is not None and (found.name, found.secret_hash) == ("mine", made.secret_hash)
            assert apis.subscription("other", "k" * 20) is None
            assert apis.subscriptions("guest") == [found] and apis.subscriptions("other") == []
            with pytest.raises(Conflict):
                await apis.subscribe(made)
            with pytest.raises(NotFound):
                await apis.unsubscribe("other", made.key_hash)
            await apis.unsubscribe("guest", made.key_hash)
            assert apis.subscription("guest", "k" * 20) is None
            await apis.close()

    asyncio.run(work())


def test_apis_are_served_without_the_database_also_after_a_start(tmp_path: Path) -> None:
    cache = tmp_path / "apis.json"

    async def work() -> None:
        with running(tmp_path / "data") as process:
            async with couch(process) as server:
                apis = await Apis.open(server, cache=cache)
                await apis.put(stored())
                process.kill()
                await until(lambda: not apis.is_current)
                assert apis.routes.find(b"/api/guest/v1/todo") is not None
                with pytest.raises(ServiceUnavailable):
                    await apis.put(stored("/v2"))
                await apis.close()
            async with couch(process) as server:
                again = await Apis.open(server, cache=cache, wait_s=0.1)
                assert not again.is_current
                assert again.routes.find(b"/api/guest/v1/todo") is not None
                await again.close()

    asyncio.run(work())
