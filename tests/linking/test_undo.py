"""What it takes to take a link away, also when one server is gone."""

from __future__ import annotations

from typing import Any

from couchgrass.linking.job import Job, Key, Server, Side, document
from couchgrass.linking.naming import End
from couchgrass.linking.security import with_key
from couchgrass.linking.steps import DropCheckpoint, DropKey, RemoveJob, Revoke
from couchgrass.linking.undo import Found, Remains, checkpoint_id, undo

A = Server(Side.A, "http://a.example", is_ours=True, has_api_keys=True)
B = Server(Side.B, "http://b.example", is_ours=True, has_api_keys=True)
CLOSED: dict[str, Any] = {"members": {"roles": ["_admin"]}}
JOB = Job("db", A, B, B)
DOC = {**document(JOB, {End.SOURCE: Key("key", "secret")}, None), "_rev": "1-x"}
FOUND = Found(Side.B, DOC, Side.A, "f00+continuous")
GRANTED = with_key(CLOSED, "key", JOB.grant(End.SOURCE, CLOSED))


def test_a_key_goes_before_the_document_that_knows_it_and_checkpoints_after_the_job() -> None:
    remains = Remains(
        (FOUND,),
        {Side.A: GRANTED, Side.B: CLOSED},
        {Side.A: ("key",)},
        frozenset({(Side.A, "f00"), (Side.B, "f00")}),
    )
    assert undo("db", remains, Side) == (
        Revoke(Side.A, "db", ("key",)),
        DropKey(Side.A, "db", "key"),
        RemoveJob(Side.B, "db", JOB.id),
        DropCheckpoint(Side.A, "db", "f00"),
        DropCheckpoint(Side.B, "db", "f00"),
    )


def test_where_nothing_is_left_there_is_nothing_to_do() -> None:
    assert undo("db", Remains((), {Side.A: CLOSED, Side.B: CLOSED}), Side) == ()


def test_an_account_whose_job_is_gone_is_found_by_its_name() -> None:
    remains = Remains((), {Side.A: CLOSED}, {Side.A: ("left",)})
    assert undo("db", remains, Side) == (DropKey(Side.A, "db", "left"),)


def test_nothing_is_tried_on_a_server_that_is_gone() -> None:
    remains = Remains((FOUND,), {Side.B: CLOSED}, {}, frozenset({(Side.B, "f00")}))
    steps = undo("db", remains, [Side.B])
    assert steps == (RemoveJob(Side.B, "db", JOB.id), DropCheckpoint(Side.B, "db", "f00"))


def test_the_checkpoint_has_the_job_s_id_without_its_options() -> None:
    assert checkpoint_id("f00+continuous+create_target") == checkpoint_id("f00") == "f00"
