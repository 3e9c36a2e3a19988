"""Plans of links: what is missing is made, what is wrong mended, what is right or unknown left alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.agent.jobs import Link, document, job_id, job_of, key_name
from couchgrass.agent.plan import (
    CopyRights,
    CreateDatabase,
    DropKey,
    Facts,
    GrantKey,
    MakeKey,
    RemoveJob,
    Revoke,
    Step,
    WriteJob,
    copied,
    drift,
    is_pristine,
    plan,
    stray_keys,
    strays,
)
from couchgrass.linking.job import Key, Server, Side
from couchgrass.linking.naming import End
from couchgrass.linking.security import with_key, without_keys
from couchgrass.region.config import Region
from couchgrass.topology.config import Shape, Synced, Topology
from couchgrass.topology.links import Way, Wishes

WAY = Way("london", "dallas")
CLOSED = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
OWNED = {"members": {"names": ["todo"]}, "admins": {"names": ["todo"]}}
KEY = Key(key_name("dallas"), "secret", signs_in=True)
NOON = 1772280000.0  # 2026-02-28 12:00 UTC
OURS = {
    "source": Server(Side.A, "http://london:5984", is_ours=True),
    "target": Server(Side.B, "http://dallas:5984", admin="boss", is_ours=True),
}
APACHES = {
    "source": Server(Side.A, "http://london:5984"),
    "target": Server(Side.B, "http://dallas:5984", admin="boss"),
}


def wishes(*entries: Synced, names: tuple[str, ...] = ("london", "dallas")) -> Wishes:
    return Wishes(Topology(tuple(Region(name=name) for name in names), entries or (Synced("todos*"),)))


def facts(**changed: Any) -> Facts:
    """London has `todos`; Dallas nothing."""
    first: dict[str, Any] = {
        "way": WAY,
        **OURS,
        "source_dbs": frozenset({"todos"}),
        "target_dbs": frozenset(),
        "securities": {"todos": OWNED},
    }
    return Facts(**{**first, **changed})


def applied(before: Facts, steps: tuple[Step, ...]) -> Facts:
    """What is there after the steps, as a server would have it. Steps that come too early fail here."""
    now: dict[str, Any] = {name: getattr(before, name) for name in Facts.__struct_fields__}
    jobs, securities, own, keys = (dict(now[name]) for name in ("jobs", "securities", "own", "keys"))
    dbs = set(now["target_dbs"])
    for step in steps:
        match step:
            case MakeKey(_, end):
                keys[end] = KEY
            case CreateDatabase(link):
                dbs.add(link.database)
                own[link.database] = copied(securities[link.database], CLOSED)
            case CopyRights(link):
                own[link.database] = copied(securities[link.database], own[link.database])
            case GrantKey(link, end):
                place = securities if end is End.SOURCE else own
                grant = job_of(link, before.source, before.target).grant(end, place[link.database])
                place[link.database] = with_key(place[link.database], keys[end].name, grant)
            case Revoke(_, database, names):
                securities[database] = without_keys(securities[database], names, is_ours=True)
            case WriteJob(link, old):
                job = job_of(link, before.source, before.target)
                assert link.database in dbs
                jobs[link.database] = document(link, job, {end: keys[end] for end in job.key_ends}, old)
            case RemoveJob(_, database):
                del jobs[database]
            case DropKey():
                raise AssertionError("no agent takes another region's key")
    fresh = frozenset(name for name in now["fresh"] if is_pristine(own.get(name, {})))
    changed: dict[str, Any] = {
        "jobs": jobs,
        "securities": securities,
        "own": own,
        "keys": keys,
        "target_dbs": frozenset(dbs),
    }
    return Facts(**{**now, **changed, "fresh": fresh})


def whats(steps: tuple[Step, ...]) -> list[str]:
    return [step.what for step in steps]


def test_a_new_database_is_made_with_its_rights_and_linked_in_that_order() -> None:
    steps = plan(wishes(), facts(), NOON)
    assert whats(steps) == ["make key", "create database", "grant", "write job"]
    after = applied(facts(), steps)
    assert plan(wishes(), after, NOON) == ()
    assert after.securities["todos"]["members"]["names"] == ["todo", KEY.name]
    assert after.own["todos"] == OWNED


def test_on_apache_couchdb_there_is_a_key_for_each_end() -> None:
    steps = plan(wishes(), facts(**APACHES), NOON)
    assert whats(steps) == ["make key", "make key", "create database", "grant", "grant", "write job"]
    after = applied(facts(**APACHES), steps)
    assert plan(wishes(), after, NOON) == ()
    assert KEY.name in after.own["todos"]["admins"]["names"]


RIGHTS = st.sampled_from([CLOSED, OWNED, {}, {**OWNED, "admins": {"names": ["todo", KEY.name]}}])
DATABASES = st.frozensets(st.sampled_from(["todos", "todos-2", "notes", "whisk_feeds", "_users"]))


@st.composite
def states(draw: st.DrawFn) -> Facts:
    """Whatever may be there: databases at either end, any rights, jobs that are right, wrong or too many."""
    names = draw(DATABASES)
    kinds = draw(st.sampled_from([OURS, APACHES]))
    here = draw(DATABASES)
    jobs = {}
    for name in draw(DATABASES) - {"_users"}:
        link = Link(WAY, name)
        key = draw(st.sampled_from([KEY, Key(KEY.name, "old")]))
        job = job_of(link, kinds["source"], kinds["target"])
        doc = document(link, job, dict.fromkeys(job.key_ends, key), None)
        wrong = draw(
            st.sampled_from([("continuous", True), ("continuous", False), ("_replication_state", "failed")])
        )
        jobs[name] = doc | dict([wrong])
    keys = {
        end: draw(st.sampled_from([KEY, Key(KEY.name, "secret")]))
        for end in draw(st.sets(st.sampled_from(End)))
    }
    return Facts(
        way=WAY,
        source=kinds["source"],
        target=kinds["target"],
        source_dbs=names,
        target_dbs=here,
        jobs=jobs,
        securities={name: draw(RIGHTS) for name in sorted(names)},
        own={name: draw(RIGHTS) for name in sorted(here)},
        keys=keys,
        fresh=here,
    )


@given(state=states())
def test_what_was_applied_needs_nothing_more(state: Facts) -> None:
    after = applied(state, plan(wishes(), state, NOON))
    assert plan(wishes(), after, NOON) == ()
    wanted = {name for name in state.source_dbs or () if name.startswith("todos")}
    assert wanted <= after.jobs.keys() and wanted <= after.target_dbs
    assert after.target_dbs >= state.target_dbs
    assert all(name.startswith("todos") for name in after.jobs)


@given(state=states())
def test_while_the_source_is_away_no_link_is_taken_or_made(state: Facts) -> None:
    away = msgspec.structs.replace(state, source_dbs=None, securities={})
    steps = plan(wishes(), away, NOON)
    for step in steps:
        match step:
            case RemoveJob(_, database):
                assert not database.startswith("todos")
            case WriteJob(_, old):
                assert old is not None
            case MakeKey(_, end):
                assert end is End.TARGET
            case other:
                raise AssertionError(other)


def running(**changed: Any) -> Facts:
    """London's `todos` is linked, and all is right."""
    return msgspec.structs.replace(applied(facts(), plan(wishes(), facts(), NOON)), **changed)


def test_a_right_too_many_is_taken_back() -> None:
    security = {**OWNED, "admins": {"names": ["todo", KEY.name]}}
    (step,) = plan(wishes(), running(securities={"todos": security}), NOON)
    assert (step.what, step.why) == ("grant", "the key has a right too many")


def test_a_job_is_written_anew_when_its_region_has_moved() -> None:
    moved = Server(Side.A, "http://london:6000", is_ours=True)
    (step,) = plan(wishes(), running(source=moved), NOON)
    assert (step.what, step.why) == ("mend job", "an end has another address now")


def test_a_job_has_moved_also_when_its_region_does_not_answer() -> None:
    moved = Server(Side.A, "http://london:6000", is_ours=True)
    assert whats(plan(wishes(), running(source=moved, source_dbs=None), NOON)) == ["mend job"]


def test_what_the_topology_does_not_want_any_more_is_taken_away() -> None:
    steps = plan(wishes(Synced("notes")), running(), NOON)
    assert whats(steps) == ["remove job", "revoke"]
    after = applied(running(), steps)
    assert after.securities["todos"] == OWNED and "todos" in after.target_dbs


def test_a_database_that_was_just_deleted_is_not_made_again_at_once() -> None:
    gone = running(target_dbs=frozenset(), resting=frozenset({"todos"}))
    assert plan(wishes(), gone, NOON) == ()
    steps = plan(wishes(), msgspec.structs.replace(gone, resting=frozenset()), NOON)
    assert whats(steps) == ["create database"]


def test_a_database_that_is_gone_at_both_ends_has_no_link_any_more() -> None:
    assert whats(
        plan(wishes(), running(source_dbs=frozenset(), target_dbs=frozenset(), securities={}), NOON)
    ) == ["remove job"]
    assert plan(wishes(), running(source_dbs=frozenset()), NOON) == ()


def test_rights_that_come_after_the_database_are_copied_as_long_as_it_is_fresh() -> None:
    late = running(own={"todos": CLOSED})
    assert plan(wishes(), late, NOON) == ()
    fresh = msgspec.structs.replace(late, fresh=frozenset({"todos"}))
    assert whats(plan(wishes(), fresh, NOON)) == ["copy rights"]
    nobody = msgspec.structs.replace(fresh, securities={"todos": with_key(CLOSED, KEY.name, READ)})
    assert plan(wishes(), nobody, NOON) == ()


READ = job_of(Link(WAY, "todos"), **OURS).grant(End.SOURCE, CLOSED)


def test_the_rights_of_a_replica_are_the_sources_without_the_keys_of_links_there() -> None:
    theirs = with_key(OWNED, key_name("dallas"), READ)
    ours = with_key(CLOSED, key_name("london"), READ)
    assert copied(theirs, ours)["members"]["names"] == ["todo", key_name("london")]
    assert copied(OWNED, CLOSED) == OWNED
    assert is_pristine(ours) and is_pristine(CLOSED) and is_pristine({}) and not is_pristine(theirs)


def test_kept_answers_are_linked_as_long_as_they_count() -> None:
    day = "couchgrass_idempotency-2026-02-28"
    state = facts(source_dbs=frozenset({day}), securities={day: CLOSED})
    assert "write job" in whats(plan(wishes(), state, NOON))
    assert whats(plan(wishes(), state, NOON + 3 * 24 * 3600)) == ["make key"]
    linked = applied(state, plan(wishes(), state, NOON))
    assert "remove job" in whats(plan(wishes(), linked, NOON + 3 * 24 * 3600))


# --- regions that are gone -------------------------------------------------------------------------------


def stored(source: str, target: str, database: str = "todos") -> dict[str, Any]:
    link = Link(Way(source, target), database)
    return document(link, job_of(link, **OURS), {End.SOURCE: KEY}, None)


def test_jobs_from_regions_that_are_gone_are_removed_and_no_others() -> None:
    docs = [stored("tokyo", "dallas"), stored("london", "dallas"), stored("london", "paris"), {"_id": "mine"}]
    steps = strays("dallas", wishes(), docs)
    assert [(step.id, step.why) for step in steps] == [
        (job_id(Link(Way("tokyo", "dallas"), "todos")), "nothing is copied from tokyo"),
        (job_id(Link(Way("london", "paris"), "todos")), "it is the job of paris"),
    ]


def test_keys_of_regions_that_are_gone_lose_their_rights_and_go() -> None:
    security = with_key(OWNED, key_name("tokyo"), READ)
    readers = {"tokyo": key_name("tokyo"), "dallas": key_name("dallas"), "london": key_name("london")}
    steps = stray_keys("london", wishes(), readers, {"todos": security, "notes": OWNED})
    assert [(step.what, drift(step).database) for step in steps] == [("revoke", "todos"), ("delete key", "")]
    assert "not in the file" in steps[0].why


def test_a_standby_keeps_its_key_and_its_source_has_none_for_others_databases() -> None:
    one_way = Synced("todos*", source="london", shape=Shape.MESH)
    answers = Synced("couchgrass_idempotency-*", regions=("london",))
    readers = {"london": key_name("london")}
    steps = stray_keys("dallas", wishes(one_way, answers), readers, {})
    assert whats(steps) == []  # kept answers go both ways


@pytest.mark.parametrize("step", plan(wishes(), facts(**APACHES), NOON))
def test_each_step_is_told_with_its_region_and_why(step: Step) -> None:
    told = drift(step)
    assert told.region in WAY and told.what and told.why


def test_no_password_of_a_job_is_shown() -> None:
    doc = {"_id": "x", "source": {"auth": {"basic": {"username": "u", "password": "s3cret"}}}}
    told = facts(jobs={"todos": doc})
    assert "s3cret" not in f"{told!r} {WriteJob(Link(told.way, 'todos'), doc, 'why')!r}"
