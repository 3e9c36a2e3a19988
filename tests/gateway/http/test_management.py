"""createApi, getApi, deleteApi as the clients of OpenWhisk call them, and subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from couchgrass import json
from couchgrass.couch.server import CouchServer
from couchgrass.errors import MethodNotAllowed, NotFound, TooLarge, Unauthorized
from couchgrass.functions.entity import Identity
from couchgrass.gateway.http.management import BODY_BYTES_MAX, Management
from couchgrass.gateway.store.apis import Apis
from couchgrass.testing.asgi import MovedClock
from couchgrass.testing.server import ServerProcess
from tests.gateway.documents import apidoc, endpoint, swagger
from tests.gateway.http.served import GUEST, Got, managed

OTHER = Identity("other", "other", "u-2")
Call = Callable[..., Awaitable[Got]]
DOCUMENT: dict[str, Any] = {
    "x-z": {"b": 1, "a": [1.0, 1, None, 12345678901234567890]},
    "swagger": "2.0",
    "paths": {"/b": {"get": {"x-own": "ü", "operationId": "b"}}, "/a": {"get": {"operationId": "a"}}},
    "info": {"version": "7", "title": "mine"},
    "basePath": "/v2/",
}


@asynccontextmanager
async def managing(couch: ServerProcess, database: str) -> AsyncIterator[Management]:
    with TemporaryDirectory() as folder:
        async with CouchServer(couch.url, couch.user, couch.password) as server:
            apis = await Apis.open(server, database=database, cache=Path(folder) / "apis")
            try:
                yield Management(
                    apis,
                    MovedClock(),
                    gateway_url=lambda: "https://gw.example/",
                    api_url="https://fn.example",
                )
            finally:
                await apis.close()


def with_management(couch: ServerProcess, database: str, work: Callable[[Call], Awaitable[None]]) -> None:
    """Runs `work` with a way to call the management: method, call, body, identity, query."""

    async def run() -> None:
        async with managing(couch, database) as management:

            async def call(
                method: str, name: str, body: Any = None, identity: Identity | None = GUEST, **query: str
            ) -> Got:
                return await managed(management, method, name, body, identity, **query)

            await work(call)

    asyncio.run(run())


def imported(document: Any) -> dict[str, Any]:
    return {"apidoc": {"namespace": "_", "swagger": document}}


@pytest.mark.parametrize("ending", ["", ".http", ".json"])
def test_an_api_is_made_grown_listed_and_taken_down(
    couch_server: ServerProcess, db_name: str, ending: str
) -> None:
    async def work(call: Call) -> None:
        wsk = {"accesstoken": "DUMMY TOKEN", "spaceguid": "whatever", "responsetype": "http"}
        got = await call("POST", f"createApi{ending}", apidoc(apiName="todos"), **wsk)
        assert (got.status, got.headers["content-type"]) == (200, "application/json")
        told = got.json()
        assert list(told) == ["namespace", "gwApiActivated", "tenantId", "gwApiUrl", "apidoc"]
        assert (told["namespace"], told["gwApiActivated"], told["tenantId"]) == ("guest", True, "guest")
        assert told["gwApiUrl"] == "https://gw.example/api/guest/v1"
        operation = told["apidoc"]["paths"]["/todo"]["get"]
        assert operation["operationId"] == "getTodo"
        assert operation["x-openwhisk"] == {
            "url": "https://fn.example/api/v1/web/guest/shop/list.http",
            "namespace": "guest",
            "package": "shop",
            "action": "list",
        }
        await call("POST", f"createApi{ending}", apidoc("/todo", "post", apiName="new"), **wsk)
        got = await call("POST", f"createApi{ending}", apidoc("/x", "PUT"), **wsk)
        assert list(got.json()["apidoc"]["paths"]) == ["/todo", "/x"]
        assert got.json()["apidoc"]["info"]["title"] == "todos"
        for named in ({}, {"basepath": "/v1"}, {"basepath": "todos"}, {"limit": "5", "skip": "0"}):
            rows = (await call("GET", f"getApi{ending}", **named)).json()["apis"]
            assert [row["value"] for row in rows] == [got.json()]
        for named in ({"basepath": "/nope"}, {"basepath": "new"}, {"skip": "1"}):
            assert (await call("GET", f"getApi{ending}", **named)).json() == {"apis": []}
        for gone in ({"relpath": "/todo", "operation": "get"}, {"relpath": "/todo", "operation": "POST"}):
            got = await call("DELETE", f"deleteApi{ending}", basepath="/v1", force="true", **gone)
            assert (got.status, got.json()) == (200, {})
        rows = (await call("GET", f"getApi{ending}")).json()["apis"]
        assert list(rows[0]["value"]["apidoc"]["paths"]) == ["/x"]
        await call("DELETE", f"deleteApi{ending}", basepath="todos", relpath="/x")
        assert (await call("GET", f"getApi{ending}")).json() == {"apis": []}

    with_management(couch_server, db_name, work)


def test_an_imported_document_comes_back_exactly(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        text = json.encode(DOCUMENT)
        for given in (DOCUMENT, text.decode()):
            got = await call("POST", "createApi", imported(given), responsetype="json")
            assert got.status == 200 and text in got.body
            assert got.json()["gwApiUrl"] == "https://gw.example/api/guest/v2"
            got = await call("GET", "getApi", basepath="mine")
            assert text in got.body
        document = {**DOCUMENT, "paths": {"/only": DOCUMENT["paths"]["/a"]}}
        await call("POST", "createApi", imported(document))
        rows = (await call("GET", "getApi", basepath="/v2")).json()["apis"]
        assert [row["value"]["apidoc"] for row in rows] == [document]

    with_management(couch_server, db_name, work)


def test_openapi_3_is_imported_and_kept(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        document = {
            "openapi": "3.0.3",
            "info": {"title": "three", "version": "1"},
            "servers": [{"url": "https://old.example/v3"}],
            "paths": {"/a": {"get": {"x-openwhisk": {"namespace": "_", "action": "a"}, "responses": {}}}},
        }
        got = await call("POST", "createApi", imported(document))
        assert got.json()["apidoc"] == document and got.json()["gwApiUrl"].endswith("/api/guest/v3")

    with_management(couch_server, db_name, work)


def test_namespaces_are_apart_whatever_the_client_says(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        await call("POST", "createApi", apidoc(apiName="todos"))
        assert (await call("GET", "getApi", None, OTHER, spaceguid="guest")).json() == {"apis": []}
        got = await call("DELETE", "deleteApi", None, OTHER, basepath="/v1")
        assert got.status == 502
        got = await call("POST", "createApi", apidoc(), OTHER)
        assert got.json()["apidoc"]["paths"]["/todo"]["get"]["x-openwhisk"]["namespace"] == "other"
        assert len((await call("GET", "getApi")).json()["apis"]) == 1

    with_management(couch_server, db_name, work)


def test_a_namespace_that_is_no_url_has_a_tenant_of_its_own(
    couch_server: ServerProcess, db_name: str
) -> None:
    async def work(call: Call) -> None:
        dev = Identity("me", "me@a.example_dev", "u")
        got = await call("POST", "createApi", apidoc(), dev)
        url = got.json()["gwApiUrl"]
        assert url.endswith("/v1") and "@" not in url and got.json()["tenantId"] in url

    with_management(couch_server, db_name, work)


def test_the_root_is_a_base_path(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        got = await call("POST", "createApi", apidoc(gatewayBasePath="/"))
        assert got.json()["gwApiUrl"] == "https://gw.example/api/guest"
        assert got.json()["apidoc"]["basePath"] == "/"
        assert (await call("DELETE", "deleteApi", basepath="/")).status == 200

    with_management(couch_server, db_name, work)


@pytest.mark.parametrize(
    ("body", "query", "error"),
    [
        ({}, {}, "apidoc is required."),
        (b"{", {}, "invalid UTF-8 JSON"),
        (apidoc(action=5), {}, "apidoc is missing the action field."),
        (apidoc(), {"responsetype": "exe"}, "API creation failure: The response type 'exe' is not one of"),
        (
            apidoc("/b/{id}"),
            {"responsetype": "json"},
            "API creation failure: The action must use a response type of '.http'",
        ),
        (
            imported({**swagger(endpoint()), "security": [{"nobody": []}]}),
            {},
            "API creation failure: security names 'nobody'",
        ),
    ],
)
def test_refusals_of_createapi(
    couch_server: ServerProcess, db_name: str, body: Any, query: dict[str, str], error: str
) -> None:
    async def work(call: Call) -> None:
        got = await call("POST", "createApi", body, **query)
        assert got.status == 502 and list(got.json()) == ["error"]
        assert got.json()["error"].startswith(error)

    with_management(couch_server, db_name, work)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, "API deletion failure: basepath is required."),
        ({"basepath": "/nope"}, "API deletion failure: API '/nope' does not exist."),
        ({"basepath": "/v1", "relpath": "/x"}, "API deletion failure: path '/x' does not exist in the API"),
        (
            {"basepath": "/v1", "operation": "get"},
            "API deletion failure: When specifying an operation, the path is required.",
        ),
    ],
)
def test_refusals_of_deleteapi(
    couch_server: ServerProcess, db_name: str, query: dict[str, str], error: str
) -> None:
    async def work(call: Call) -> None:
        await call("POST", "createApi", apidoc())
        got = await call("DELETE", "deleteApi", **query)
        assert (got.status, got.json()) == (502, {"error": error})

    with_management(couch_server, db_name, work)


def test_endpoints_that_are_added_at_once_are_all_added(couch_server: ServerProcess, db_name: str) -> None:
    async def work() -> None:
        async with managing(couch_server, db_name) as one, managing(couch_server, db_name) as two:
            calls = [
                managed(management, "POST", "createApi", apidoc(f"/p{n}"), GUEST)
                for n, management in enumerate([one, two] * 3)
            ]
            assert {got.status for got in await asyncio.gather(*calls)} == {200}
            got = await managed(one, "GET", "getApi", None, GUEST)
            fresh = await one._apis.fresh("guest", "/v1")
            assert fresh is not None and len(fresh.document["paths"]) == 6
            assert got.status == 200

    asyncio.run(work())


def test_what_is_no_call_of_the_management(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        with pytest.raises(Unauthorized):
            await call("GET", "getApi", None, None)
        with pytest.raises(MethodNotAllowed):
            await call("GET", "createApi")
        for name in ("", "getapi", "nope.http"):
            with pytest.raises(NotFound):
                await call("GET", name)
        with pytest.raises(TooLarge):
            await call("POST", "createApi", b"x" * (BODY_BYTES_MAX + 1))

    with_management(couch_server, db_name, work)


def test_subscriptions_are_made_listed_and_taken_back(couch_server: ServerProcess, db_name: str) -> None:
    async def work(call: Call) -> None:
        made = (await call("POST", "createSubscription.http", {"basepath": "v1", "name": "shop"})).json()
        assert len(made["client_id"]) >= 32 and len(made["client_secret"]) >= 32
        brought = {"client_id": "k" * 20, "client_secret": "s" * 20}
        own = (await call("POST", "createSubscription", brought)).json()
        assert {name: own[name] for name in brought} == brought
        assert (await call("POST", "createSubscription", brought)).json() == {"error": "The key is taken"}
        assert (await call("POST", "createSubscription", {"client_id": "short"})).status == 502
        assert (await call("POST", "createSubscription", {"name": 5})).status == 502
        rows = (await call("GET", "getSubscriptions")).json()["subscriptions"]
        assert {(row["id"], row["basepath"], row["name"]) for row in rows} == {
            (made["id"], "/v1", "shop"),
            (own["id"], "", ""),
        }
        assert (await call("GET", "getSubscriptions", None, OTHER)).json() == {"subscriptions": []}
        assert (await call("DELETE", "deleteSubscription", None, OTHER, id=own["id"])).status == 502
        assert (await call("DELETE", "deleteSubscription", id=own["id"])).json() == {}
        assert len((await call("GET", "getSubscriptions")).json()["subscriptions"]) == 1

    with_management(couch_server, db_name, work)
