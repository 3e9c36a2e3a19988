"""A request with an `Idempotency-Key` that is sent again, to another region."""

from __future__ import annotations

import uuid

from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess
from tests.whole.site import LIMIT_S, TODOS, database, documents, gateway, post, titles

PREFIX = "couchgrass_idempotency-"


def keys(up: UpProcess, region: str) -> set[str]:
    """The documents of all keys that a region knows."""
    names = [
        name for name in call(database(up, region), "GET", "/_all_dbs").json() if name.startswith(PREFIX)
    ]
    return {id for name in names for id in documents(up, region, name) if not id.startswith("_")}


def test_it_is_answered_as_before_and_runs_once_where_its_key_has_arrived(two: UpProcess) -> None:
    title, key = "only once", str(uuid.uuid4())
    before = keys(two, "london")
    first = post(gateway(two, "london"), title, key)
    assert first.status == 201, first
    (new,) = keys(two, "london") - before
    two.until(lambda: new in keys(two, "dallas"), LIMIT_S)
    # The key arrives twice: reserved, and with its answer; until then it is told that one still runs.
    two.until(lambda: post(gateway(two, "dallas"), title, key).status != 409, LIMIT_S)
    again = post(gateway(two, "dallas"), title, key)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers.get("idempotency-replayed") == "true"
    assert again.headers["x-couchgrass-region"] == "dallas"
    assert post(gateway(two, "dallas"), "another", key).status == 422
    for region in ("london", "dallas"):
        two.until(lambda region=region: title in titles(call(gateway(two, region), "GET", TODOS)), LIMIT_S)  # type: ignore[misc]
        assert titles(call(gateway(two, region), "GET", TODOS)).count(title) == 1
