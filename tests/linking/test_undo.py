"""What it takes to take a link away, also when one server is gone."""

from __future__ import annotations

from typing import Any

from couchgrass.linking.job import Job, Key, Server, Side, document
from couchgrass.linking.naming import End, key_name
from couchgrass.linking.note import Note
from couchgrass.linking.security import with_key
from couchgrass.linking.steps import AddNote, CutNote, DropCheckpoint, DropKey, RemoveJob, Revoke
from couchgrass.linking.undo import Found, Remains, undo

A = Server(Side.A, "http://a.example", is_ours=True, has_api_keys=True)
B = Server(Side.B, "http://b.example", is_ours=True, has_api_keys=True)
CLOSED: dict[str, Any] = {"members": {"roles": ["_admin"]}}
JOB = Job("db", A, B, B)
DOC = {**document(JOB, {End.SOURCE: Key("key", "secret")}, None), "_rev": "1-x"}
FOUND = Found(Side.B, DOC, Side.A, "f00+continuous")
GRANTED = with_key(CLOSED, "key", JOB.grant(End.SOURCE, CLOSED))


CHECKPOINT = Note(checkpoints=("f00",))
NOTED = {Side.A: Note(("key",)), Side.B: Note()}


def test_the_job_goes_first_then_its_key_and_then_the_checkpoints() -> None:
    remains = Remains(
        (FOUND,),
        {Side.A: GRANTED, Side.B: CLOSED},
        {Side.A: ("key",)},
        NOTED,
    )
    assert undo("db", remains, Side) == (
        AddNote(Side.B, "db", CHECKPOINT),
        RemoveJob(Side.B, "db", JOB.id),
        Revoke(Side.A, "db", ("key",)),
        DropKey(Side.A, "db", "key"),
        DropCheckpoint(Side.A, "db", "f00"),
        DropCheckpoint(Side.B, "db", "f00"),
        CutNote(Side.B, "db", CHECKPOINT),
    )


def test_where_nothing_is_left_there_is_nothing_to_do() -> None:
    assert undo("db", Remains((), {Side.A: CLOSED, Side.B: CLOSED}), Side) == ()


def test_an_account_whose_job_is_gone_is_found_by_its_name() -> None:
    name = key_name(JOB.id, End.SOURCE)
    remains = Remains((), {Side.A: CLOSED}, {Side.A: (name,)})
    assert undo("db", remains, Side) == (DropKey(Side.A, "db", name),)


def test_a_key_that_only_the_job_knows_is_noted_before_the_job_goes() -> None:
    to_note = (AddNote(Side.A, "db", Note(("key",))), AddNote(Side.B, "db", CHECKPOINT))
    unnoted = (*to_note, RemoveJob(Side.B, "db", JOB.id))
    remains = Remains((FOUND,), {Side.A: GRANTED, Side.B: CLOSED})
    assert undo("db", remains, Side)[:4] == (*unnoted, Revoke(Side.A, "db", ("key",)))
    remains = Remains((FOUND,), {Side.A: CLOSED, Side.B: CLOSED}, {Side.A: ("key",)})
    assert undo("db", remains, Side)[:4] == (*unnoted, DropKey(Side.A, "db", "key"))
    remains = Remains((FOUND,), {Side.A: CLOSED, Side.B: CLOSED})
    assert undo("db", remains, Side)[:2] == unnoted[1:]


def test_a_key_whose_job_is_on_a_server_that_is_gone_is_found_by_the_note() -> None:
    remains = Remains((), {Side.A: GRANTED}, notes={Side.A: Note(("key",))})
    assert undo("db", remains, [Side.A]) == (
        Revoke(Side.A, "db", ("key",)),
        DropKey(Side.A, "db", "key"),
    )


def test_nothing_is_tried_on_a_server_that_is_gone_and_the_checkpoint_there_is_noted() -> None:
    remains = Remains((FOUND,), {Side.B: CLOSED})
    assert undo("db", remains, [Side.B]) == (
        AddNote(Side.B, "db", CHECKPOINT),
        RemoveJob(Side.B, "db", JOB.id),
        DropCheckpoint(Side.B, "db", "f00"),
    )
    later = Remains((), {Side.B: CLOSED}, notes={Side.B: CHECKPOINT})
    assert undo("db", later, [Side.B]) == (DropCheckpoint(Side.B, "db", "f00"),)
    assert undo("db", later, Side) == (
        DropCheckpoint(Side.A, "db", "f00"),
        DropCheckpoint(Side.B, "db", "f00"),
        CutNote(Side.B, "db", CHECKPOINT),
    )
