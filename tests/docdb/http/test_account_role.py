"""A user with the role `couchgrass_account` makes databases of its own, as a Cloudant account's owner."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
import requests

from couchgrass.docdb.access import ACCOUNT_ROLE
from couchgrass.testing.server import ServerProcess

PASSWORD = "an account's"


class User:
    """Somebody who asks."""

    def __init__(self, server: ServerProcess, *roles: str) -> None:
        self.name = f"user-{token_hex(6)}"
        self.url = server.url
        self.session = requests.Session()
        self.session.auth = (self.name, PASSWORD)
        doc = {"name": self.name, "type": "user", "roles": list(roles), "password": PASSWORD}
        made = requests.put(f"{server.auth_url}/_users/org.couchdb.user:{self.name}", json=doc)
        assert made.status_code == 201, made.text

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self.session.request(method, self.url + path, json=body)


@pytest.fixture
def owner(couch_server: ServerProcess) -> User:
    return User(couch_server, ACCOUNT_ROLE)


@pytest.fixture
def db(couch_server: ServerProcess, owner: User, db_name: str) -> Iterator[str]:
    assert owner.ask("PUT", f"/{db_name}").status_code == 201
    yield f"/{db_name}"
    requests.delete(f"{couch_server.auth_url}/{db_name}")


def test_what_an_account_makes_is_its_own(couch_server: ServerProcess, owner: User, db: str) -> None:
    security = owner.ask("GET", f"{db}/_security").json()
    assert security == {
        "members": {"names": [owner.name], "roles": []},
        "admins": {"names": [owner.name], "roles": []},
    }
    assert owner.ask("PUT", f"{db}/doc", {}).status_code == 201
    assert owner.ask("PUT", f"{db}/_design/d", {"views": {}}).status_code == 201
    for other in (User(couch_server, ACCOUNT_ROLE), User(couch_server)):
        for method, path in (("GET", db), ("GET", f"{db}/doc"), ("PUT", f"{db}/x"), ("DELETE", db)):
            assert other.ask(method, path, {}).status_code in (401, 403), (method, path)
    assert owner.ask("DELETE", db).json() == {"ok": True}
    assert owner.ask("GET", db).status_code == 404


def test_a_database_that_is_there_is_never_taken_over(
    couch_server: ServerProcess, owner: User, db: str
) -> None:
    other = User(couch_server, ACCOUNT_ROLE)
    again = other.ask("PUT", db)
    assert (again.status_code, again.json()["error"]) == (412, "file_exists")
    assert owner.ask("GET", f"{db}/_security").json()["admins"]["names"] == [owner.name]


def test_an_account_is_no_server_admin(couch_server: ServerProcess, owner: User) -> None:
    for method, path in (
        ("PUT", "/_users"),
        ("PUT", "/_mine"),
        ("DELETE", "/_users"),
        ("GET", "/_all_dbs"),
        ("GET", "/_node/_local/_config"),
        ("PUT", f"/_users/org.couchdb.user:{owner.name}2"),
    ):
        status = owner.ask(
            method, path, {"type": "user", "name": f"{owner.name}2", "roles": ["x"]}
        ).status_code
        assert status in (400, 401, 403, 404), (method, path, status)


def test_nobody_gives_the_role_to_themselves(couch_server: ServerProcess) -> None:
    user = User(couch_server)
    where = f"/_users/org.couchdb.user:{user.name}"
    doc = user.ask("GET", where).json()
    assert user.ask("PUT", where, {**doc, "roles": [ACCOUNT_ROLE]}).status_code == 403
    assert user.ask("PUT", f"/db-{token_hex(4)}").status_code == 401


def test_who_gives_a_database_away_can_not_delete_it(
    couch_server: ServerProcess, owner: User, db: str
) -> None:
    given = {"admins": {"names": ["somebody"], "roles": []}, "members": {"names": [owner.name], "roles": []}}
    assert owner.ask("PUT", f"{db}/_security", given).status_code == 200
    assert owner.ask("DELETE", db).status_code in (401, 403)
