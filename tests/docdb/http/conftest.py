"""A database of the test's own on the shared server, and a way to talk to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from couchgrass.testing.call import Reply, call
from couchgrass.testing.server import ServerProcess

Ask = Callable[..., Reply]


@pytest.fixture
def ask(couch_server: ServerProcess, db_name: str) -> Ask:
    """`ask(method, path, body, if_match=…)`: the path is below the database, keywords are headers."""

    def sent(method: str, path: str = "", body: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(couch_server.auth_url, method, f"/{db_name}{path}", body, headers=named)

    assert sent("PUT").status == 201
    return sent
