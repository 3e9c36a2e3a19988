"""What it takes to make or repair a link, as scripts: what is there, and the steps that follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from couchgrass.errors import Conflict, NotFound
from couchgrass.linking.job import Job, Key, Server, Side, document
from couchgrass.linking.naming import End, key_name
from couchgrass.linking.note import Note
from couchgrass.linking.plan import DbFacts, JobFacts, LinkFacts, Wish, jobs_of, plan
from couchgrass.linking.security import KeyKind, with_key
from couchgrass.linking.steps import (
    AddNote,
    CreateDatabase,
    DropKey,
    MakeKey,
    RemoveJob,
    Revoke,
    SetRights,
    Step,
    WriteJob,
)

A = Server(Side.A, "http://a.example", admin="root", is_ours=True, has_api_keys=True)
B = Server(Side.B, "http://b.example", admin="root", is_ours=True, has_api_keys=True)
C = Server(Side.B, "http://c.example", admin="root")
CLOSED: dict[str, Any] = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
BOTH = {Side.A: DbFacts(CLOSED), Side.B: DbFacts(CLOSED)}
WISH = Wish()


def key(job: Job, end: End) -> Key:
    return Key(f"{job.source.side}{job.target.side}-{end.value}", "secret", signs_in=True)


def linked(wish: Wish, b: Server = B) -> LinkFacts:
    """What is there of a link that works."""
    security: dict[Side, Mapping[str, Any]] = {Side.A: CLOSED, Side.B: CLOSED}
    notes = {side: Note() for side in Side}
    found = []
    for job in jobs_of(wish, A, b, "db"):
        keys = {end: key(job, end) for end in job.key_ends}
        for end, one in keys.items():
            side = job.server(end).side
            security[side] = with_key(security[side], one.name, job.grant(end, security[side]))
            notes[side] = notes[side].plus(Note((one.name,)))
        doc = {**document(job, keys, None), "_rev": "1-x"}
        found.append(JobFacts({job.host.side: doc}, keys))
    there, back = (*found, JobFacts())[:2]
    return LinkFacts({side: DbFacts(one) for side, one in security.items()}, there, back, notes)


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [type(step).__name__ for step in steps]


@pytest.mark.parametrize("b", [B, C])
@pytest.mark.parametrize("push", [False, True])
@pytest.mark.parametrize("one_way", [False, True])
@pytest.mark.parametrize("selector", [None, {"type": "todo"}])
def test_a_link_that_works_needs_nothing(b: Server, push: bool, one_way: bool, selector: Any) -> None:
    wish = Wish(one_way, push, selector)
    assert plan(wish, A, b, "db", linked(wish, b)) == ()


def test_between_our_servers_each_job_has_one_key_that_only_reads() -> None:
    steps = plan(WISH, A, B, "db", LinkFacts(BOTH))
    assert kinds(steps) == ["MakeKey", "WriteJob"] * 2
    there, back = (step for step in steps if isinstance(step, MakeKey))
    assert (there.end, there.job.server(there.end), there.job.host) == (End.SOURCE, A, B)
    assert (back.end, back.job.server(back.end), back.job.host) == (End.SOURCE, B, A)
    assert there.kind is KeyKind.API_KEY
    assert there.job.grant(End.SOURCE, CLOSED).roles == ("_reader", "_replicator")


def test_pushed_jobs_live_at_their_source_and_write_with_a_key() -> None:
    steps = plan(Wish(push=True), A, B, "db", LinkFacts(BOTH))
    made = [step for step in steps if isinstance(step, MakeKey)]
    assert [(step.end, step.job.host.side) for step in made] == [(End.TARGET, Side.A), (End.TARGET, Side.B)]


def test_a_job_on_couchdb_has_a_key_at_both_ends() -> None:
    steps = plan(Wish(one_way=True), A, C, "db", LinkFacts(BOTH))
    made = [(step.end, step.kind) for step in steps if isinstance(step, MakeKey)]
    assert made == [(End.SOURCE, KeyKind.API_KEY), (End.TARGET, KeyKind.USER)]


@pytest.mark.parametrize("missing", list(Side))
def test_a_missing_database_is_made_first(missing: Side) -> None:
    facts = LinkFacts({**BOTH, missing: DbFacts(None)})
    assert plan(WISH, A, B, "db", facts)[0] == CreateDatabase(missing, "db")


def test_no_database_is_made_for_a_misspelt_name() -> None:
    nowhere = {Side.A: DbFacts(None), Side.B: DbFacts(None)}
    with pytest.raises(NotFound, match=r"neither on .+ nor on "):
        plan(WISH, A, B, "tods", LinkFacts(nowhere))
    with pytest.raises(NotFound, match=f"not on {A.base}"):
        plan(Wish(one_way=True), A, B, "tods", LinkFacts({**BOTH, Side.A: DbFacts(None)}))


def test_a_two_way_link_does_not_become_one_way_in_silence() -> None:
    with pytest.raises(Conflict, match="couchgrass unlink"):
        plan(Wish(one_way=True), A, B, "db", linked(WISH))


def test_a_one_way_link_gets_the_way_back() -> None:
    steps = plan(WISH, A, B, "db", linked(Wish(one_way=True)))
    assert kinds(steps) == ["MakeKey", "WriteJob"]
    assert isinstance(steps[1], WriteJob) and steps[1].job.source == B and steps[1].why == "created"


def test_a_key_that_does_not_sign_in_is_replaced() -> None:
    facts = linked(WISH)
    dead = {end: msgspec.structs.replace(one, signs_in=False) for end, one in facts.there.keys.items()}
    facts = msgspec.structs.replace(facts, there=JobFacts(facts.there.docs, dead))
    made, written = plan(WISH, A, B, "db", facts)
    assert isinstance(made, MakeKey) and made.replaces == "ab-source"
    assert isinstance(written, WriteJob) and written.why == "given a new key" and written.kept == {}


def test_rights_that_are_gone_are_given_again_and_the_job_stays() -> None:
    facts = linked(WISH)
    facts = msgspec.structs.replace(facts, dbs={**facts.dbs, Side.A: DbFacts(CLOSED)})
    (step,) = plan(WISH, A, B, "db", facts)
    assert isinstance(step, SetRights) and (step.end, step.name) == (End.SOURCE, "ab-source")


def test_a_key_gets_its_rights_again_in_a_database_that_is_made_again() -> None:
    facts = linked(WISH)
    facts = msgspec.structs.replace(facts, dbs={**facts.dbs, Side.A: DbFacts(None)})
    created, rights = plan(WISH, A, B, "db", facts)
    assert created == CreateDatabase(Side.A, "db")
    assert isinstance(rights, SetRights) and (rights.end, rights.name) == (End.SOURCE, "ab-source")


def test_too_many_rights_are_taken_back() -> None:
    facts = linked(WISH)
    more = {"cloudant": {"ab-source": ["_admin"]}, **CLOSED}
    facts = msgspec.structs.replace(facts, dbs={**facts.dbs, Side.A: DbFacts(more)})
    assert kinds(plan(WISH, A, B, "db", facts)) == ["SetRights"]


def test_a_job_that_was_changed_is_written_with_the_keys_it_has() -> None:
    (written, *_) = steps = plan(Wish(selector={"type": "todo"}), A, B, "db", linked(WISH))
    assert kinds(steps) == ["WriteJob"] * 2
    assert isinstance(written, WriteJob) and written.why == "changed to what was asked for"
    assert [one.name for one in written.kept.values()] == ["ab-source"]


def test_a_job_that_failed_is_started_again() -> None:
    facts = linked(WISH)
    failed = {side: {**doc, "_replication_state": "failed"} for side, doc in facts.back.docs.items()}
    facts = msgspec.structs.replace(facts, back=JobFacts(failed, facts.back.keys))
    (step,) = plan(WISH, A, B, "db", facts)
    assert isinstance(step, WriteJob) and step.why == "started again, it had failed"


def test_a_job_that_moves_leaves_nothing_where_it_was() -> None:
    facts = linked(Wish(one_way=True))
    there = JobFacts(facts.there.docs, {}, {Side.B: "f00+continuous"})
    facts = msgspec.structs.replace(facts, there=there)
    steps = plan(Wish(one_way=True, push=True), A, B, "db", facts)
    assert kinds(steps) == ["AddNote", "RemoveJob", "MakeKey", "WriteJob", "Revoke", "DropKey"]
    assert steps[0] == AddNote(Side.B, "db", Note(checkpoints=("f00",)))
    assert isinstance(steps[1], RemoveJob) and steps[1].side is Side.B
    assert steps[4:] == (Revoke(Side.A, "db", ("ab-source",)), DropKey(Side.A, "db", "ab-source"))


def test_an_account_that_a_job_has_on_its_new_host_too_stays() -> None:
    here, there = Server(Side.A, "http://a.example"), Server(Side.B, "http://b.example")
    (job,) = jobs_of(Wish(one_way=True), here, there, "db")
    keys = {end: Key(key_name(job.id, end), "secret") for end in End}
    facts = LinkFacts(BOTH, JobFacts({Side.B: document(job, keys, None)}))
    steps = plan(Wish(one_way=True, push=True), here, there, "db", facts)
    assert kinds(steps) == ["RemoveJob", "MakeKey", "MakeKey", "WriteJob"]


def test_a_key_that_is_noted_and_that_no_job_has_goes() -> None:
    facts = linked(WISH)
    more = {**facts.notes, Side.B: facts.notes[Side.B].plus(Note(("left",)))}
    facts = msgspec.structs.replace(facts, notes=more)
    assert plan(WISH, A, B, "db", facts) == (
        Revoke(Side.B, "db", ("left",)),
        DropKey(Side.B, "db", "left"),
    )


def test_a_key_that_moves_away_cut_off_is_found_by_its_note() -> None:
    facts = linked(Wish(one_way=True))
    facts = msgspec.structs.replace(facts, there=JobFacts())  # the old job was removed, then it was cut off
    assert kinds(plan(Wish(one_way=True, push=True), A, B, "db", facts)) == [
        *("MakeKey", "WriteJob", "Revoke", "DropKey")
    ]


def test_a_key_that_is_not_noted_is_noted_and_an_account_need_not_be() -> None:
    facts = linked(WISH)
    bare = msgspec.structs.replace(facts, notes={})
    assert plan(WISH, A, B, "db", bare) == (
        AddNote(Side.A, "db", Note(("ab-source",))),
        AddNote(Side.B, "db", Note(("ba-source",))),
    )
    (job, _) = jobs_of(WISH, A, B, "db")
    account = Key(key_name(job.id, End.SOURCE), "secret", signs_in=True)
    doc = document(job, {End.SOURCE: account}, None)
    there = JobFacts({Side.B: doc}, {End.SOURCE: account})
    steps = plan(Wish(one_way=True), A, B, "db", LinkFacts(BOTH, there))
    assert kinds(steps) == ["SetRights"]
