"""The documents of links: known again by their ids and what stands in them, whatever was done to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.agent.jobs import APP_USERS, Link, difference, document, job_id, job_of, link_of
from couchgrass.docdb.selector import compile_selector
from couchgrass.identity import person
from couchgrass.identity.claims import User
from couchgrass.linking.job import Key, Server, Side
from couchgrass.linking.naming import End
from couchgrass.topology.links import USERS, Way

LINK = Link(Way("london", "dallas"), "todos")
LONDON = Server(Side.A, "http://london:5984", is_ours=True)
DALLAS = Server(Side.B, "http://dallas:5984", admin="boss", is_ours=True)
KEYS = {End.SOURCE: Key("couchgrass-link-dallas", "secret")}


def written(**changed: Any) -> dict[str, Any]:
    return {**document(LINK, job_of(LINK, LONDON, DALLAS), KEYS, None), **changed}


def test_a_job_names_its_own_database_and_reaches_the_other_with_its_key() -> None:
    assert written() == {
        "_id": job_id(LINK),
        "source": {
            "url": "http://london:5984/todos",
            "auth": {"basic": {"username": "couchgrass-link-dallas", "password": "secret"}},
        },
        "target": "todos",
        "continuous": True,
        "user_ctx": {"name": "boss", "roles": ["_admin"]},
        "couchgrass": {"source": "london", "target": "dallas", "database": "todos"},
    }


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(source=NAMES, target=NAMES, database=st.from_regex(r"[a-z][a-z0-9_$()+/-]{0,30}", fullmatch=True))
def test_a_link_is_known_by_its_document(source: str, target: str, database: str) -> None:
    link = Link(Way(source, target), database)
    doc = document(link, job_of(link, LONDON, DALLAS), KEYS, None)
    assert link_of(doc) == link
    assert link_of({**doc, "_id": doc["_id"] + "x"}) is None


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"_id": "couchgrass-topology-london-dallas-todos-0123456789abcdef"},
        {"_id": "mine", "couchgrass": {"source": "london", "target": "dallas", "database": "todos"}},
        {**written(), "couchgrass": {"source": "london", "target": "tokyo", "database": "todos"}},
        {**written(), "couchgrass": {"source": 1, "target": "dallas", "database": "todos"}},
        {**written(), "couchgrass": "todos"},
    ],
)
def test_what_is_not_ours_is_not_known(doc: dict[str, Any]) -> None:
    assert link_of(doc) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"worker_processes": 2, "_rev": "3-x", "owner": "boss"}, ""),
        ({"continuous": False}, "it was changed by hand"),
        ({"target": "elsewhere"}, "it was changed by hand"),
        ({"selector": {}}, "it was changed by hand"),
        ({"source": {**written()["source"], "url": "http://old:1/todos"}}, "an end has another address now"),
        ({"source": {"url": "http://london:5984/todos"}}, "it has another key"),
        ({"_replication_state": "failed"}, "it had failed"),
    ],
)
def test_what_is_wrong_is_said_in_words(changed: dict[str, Any], said: str) -> None:
    assert difference(written(**changed), job_of(LINK, LONDON, DALLAS), KEYS) == said


def test_a_key_that_nobody_knows_is_not_missed() -> None:
    assert difference(written(), job_of(LINK, LONDON, DALLAS), {}) == ""


def test_what_was_tuned_by_hand_stays() -> None:
    doc = document(LINK, job_of(LINK, LONDON, DALLAS), KEYS, written(worker_processes=2, continuous=False))
    assert (doc["worker_processes"], doc["continuous"]) == (2, True)


USER = person.new_doc("app", User("123", "ann@example.org", "Ann", 0), "a password")


@pytest.mark.parametrize(
    ("doc", "is_taken"),
    [
        ({"_id": "org.couchdb.user:app/ann@example.org", **USER}, True),
        ({"_id": "org.couchdb.user:app/ann@example.org", "_deleted": True}, True),
        ({"_id": "org.couchdb.user:couchgrass-link-x", "type": "user", "name": "x", "roles": []}, False),
        (
            {"_id": "org.couchdb.user:todo", "type": "user", "name": "todo", "roles": ["couchgrass_account"]},
            False,
        ),
        ({"_id": "org.couchdb.user:todo", "_deleted": True}, False),
        ({"_id": "org.couchdb.user:a/b@c", "couchgrass_identity": {}, "roles": ["admin"]}, False),
    ],
)
def test_of_users_only_people_who_sign_in_are_taken(doc: dict[str, Any], is_taken: bool) -> None:
    assert compile_selector(APP_USERS)(doc) is is_taken


def test_users_are_copied_by_a_selector() -> None:
    link = Link(Way("london", "dallas"), USERS)
    assert document(link, job_of(link, LONDON, DALLAS), KEYS, None)["selector"] == APP_USERS
