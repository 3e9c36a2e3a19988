"""Steps are values: two that are the same are equal, and none shows a secret."""

from __future__ import annotations

from couchgrass.linking.job import Job, Key, Server, Side
from couchgrass.linking.naming import End
from couchgrass.linking.steps import CreateDatabase, Deed, Done, WriteJob, counted

A, B = Server(Side.A, "http://a.example"), Server(Side.B, "http://b.example")


def test_steps_are_compared_by_what_they_do() -> None:
    assert CreateDatabase(Side.A, "db") == CreateDatabase(Side.A, "db") != CreateDatabase(Side.B, "db")


def test_a_step_that_holds_a_key_shows_no_password() -> None:
    step = WriteJob(Job("db", A, B, B), {End.SOURCE: Key("key", "secret")}, None, "created")
    assert "secret" not in repr(step)


def test_what_was_done_is_counted_by_kind() -> None:
    done = [Done("db", A.base, "text", deed) for deed in (Deed.KEY_MADE, Deed.JOB_WRITTEN, Deed.KEY_MADE)]
    revoked = Done("db", A.base, "text", Deed.KEY_REVOKED, 1_000)
    assert counted(done) == "2 keys made, 1 job written"
    assert counted([revoked, *done]) == "2 keys made, 1 job written, 1,000 keys revoked"
    assert counted([]) == ""
