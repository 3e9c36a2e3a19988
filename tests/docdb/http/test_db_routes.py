"""The endpoints below a database: what each takes, and that no document hides one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from couchgrass.docdb.access import Right
from couchgrass.docdb.http.db_routes import DATABASE, DB_ENDPOINTS
from couchgrass.docdb.http.endpoint import Methods
from couchgrass.testing.asgi import ADMIN, Asked, asking, refusal
from couchgrass.testing.call import Reply

Ask = Callable[..., Reply]

ONLY_ASK = {"_bulk_get", "_revs_diff", "_missing_revs", "_ensure_full_commit"}
"""POST that changes nothing."""

MEMBER = ("member", "a member's password")


def rights() -> Iterator[tuple[str, str, Right]]:
    """(method, name, right) of each endpoint."""
    tables: dict[str, Methods] = {"": DATABASE, **DB_ENDPOINTS}
    for name, methods in tables.items():
        for method, endpoint in methods.items():
            assert endpoint.right is not None, (method, name)
            yield method, name, endpoint.right


def test_every_name_is_a_reserved_one() -> None:
    assert [name for name in DB_ENDPOINTS if name[0] != "_"] == []


def test_what_changes_a_database_takes_more_than_reading() -> None:
    reading = {
        f"{method} {name}" for method, name, right in rights() if right is Right.READ and method != "GET"
    }
    lists = {"_all_docs", "_design_docs", "_local_docs", "_changes"}
    queries = {f"{name}/queries" for name in lists - {"_changes"}}
    assert reading <= {
        f"POST {name}" for name in lists | queries | ONLY_ASK | {"_explain", "_find", "_index"}
    }


def test_only_server_admins_make_delete_and_purge() -> None:
    kept = {f"{method} {name}".strip() for method, name, right in rights() if right is Right.SERVER_ADMIN}
    assert {"PUT", "DELETE", "POST _purge", "PUT _purged_infos_limit", "POST _sync_shards"} <= kept


def test_a_member_is_kept_from_what_takes_more_by_every_endpoint(tmp_path: Path) -> None:
    async def work(asked: Asked) -> None:
        await asked.add_user(MEMBER)
        await asked.admin("PUT", "/db")
        await asked.admin("PUT", "/db/_security", {"members": {"names": [MEMBER[0]]}})
        for method, name, right in rights():
            if right in (Right.DB_ADMIN, Right.SERVER_ADMIN):
                reply = await asked.ask(method, f"/db/{name}", {}, user=MEMBER)
                assert (reply.status, reply.json()["error"]) in [(401, "unauthorized"), (403, "forbidden")], (
                    name
                )
            reply = await asked.ask(method, f"/db/{name}", {})
            assert (reply.status, reply.json()["error"]) == (401, "unauthorized"), (method, name)
        assert (await asked.ask("GET", "/db", user=ADMIN)).json()["doc_count"] == 0

    asking(tmp_path / "data", work)


@pytest.mark.parametrize("name", DB_ENDPOINTS)
def test_each_name_tells_its_methods_and_is_no_document(ask: Ask, name: str) -> None:
    methods = set(DB_ENDPOINTS[name]) | ({"HEAD"} if "GET" in DB_ENDPOINTS[name] else set())
    reply = ask("PATCH", f"/{name}")
    assert (reply.status, reply.headers["allow"]) == (405, ",".join(sorted(methods)))
    if "PUT" not in methods:
        assert ask("PUT", f"/{name}", {}).status == 405
    reason = "Only reserved document ids may start with underscore."
    assert refusal(ask("POST", "", {"_id": name})) == (400, "illegal_docid", reason)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/_find"), ("POST", "/_explain"), ("GET", "/_index"), ("POST", "/_index")]
)
def test_what_comes_in_a_later_version_says_so(ask: Ask, method: str, path: str) -> None:
    reply = ask(method, path, {} if method == "POST" else None)
    assert reply.status == 501
    assert reply.json()["error"] == "not_implemented"
