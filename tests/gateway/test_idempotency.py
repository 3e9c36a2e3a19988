"""Idempotency keys: what is one, what it is a key of, and what becomes of reservations and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.gateway.idempotency import (
    BODY_BYTES_MAX,
    HEADERS_BYTES_MAX,
    KEY_CHARS_MAX,
    AnswerNotKept,
    End,
    Entry,
    Kept,
    KeyReused,
    Reservation,
    StillRunning,
    database_of,
    databases_of,
    end_of,
    fingerprint_of,
    from_document,
    id_of,
    is_looked_for,
    is_over,
    judged,
    kept,
    key_of,
    to_document,
)

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=KEY_CHARS_MAX)
RESERVATION = Reservation("id", "print", "london", "token", 1000.0)
RAN = (b"x-openwhisk-activation-id", b"a" * 32)


@given(VISIBLE)
def test_a_key_is_taken_bare_and_as_a_string_of_structured_fields(key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert key_of(quoted.encode()) == key
    if not key.startswith('"'):
        assert key_of(key.encode()) == key


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b'""',
        b'"',
        b"a b",
        b"one, two",
        b'"a", "b"',
        b'"a","b"',
        b'"a',
        b'"a\\b"',
        b'"a";x=1',
        b"\xc3\xa4",
        b"a\x00b",
        b"a\x7f",
        b"x" * (KEY_CHARS_MAX + 1),
        b'"' + b"x" * (KEY_CHARS_MAX + 1) + b'"',
    ],
)
def test_what_is_no_key(value: bytes) -> None:
    with pytest.raises(BadRequest, match="Idempotency-Key"):
        key_of(value)


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_a_key_or_refused(value: bytes) -> None:
    try:
        key = key_of(value)
    except BadRequest:
        return
    assert 0 < len(key) <= KEY_CHARS_MAX and key.isascii() and key.isprintable() and " " not in key


ASKED: dict[str, Any] = {
    "namespace": "guest",
    "base_path": "/v1",
    "caller": "",
    "authorization": "Bearer one",
    "method": "POST",
    "path": b"/v1/todo",
    "key": "k",
}


@pytest.mark.parametrize("name", list(ASKED))
def test_a_key_is_one_of_caller_operation_and_api(name: str) -> None:
    value = ASKED[name]
    other = {**ASKED, name: value + (b"x" if isinstance(value, bytes) else "x")}
    assert id_of(**other) != id_of(**ASKED) == id_of(**dict(ASKED))


@given(st.lists(st.text(max_size=3), min_size=2, max_size=2), st.lists(st.text(max_size=3), min_size=2))
def test_parts_do_not_run_into_each_other(one: list[str], two: list[str]) -> None:
    ids = [id_of(**{**ASKED, "caller": parts[0], "authorization": parts[1]}) for parts in (one, two)]
    assert (ids[0] == ids[1]) is (one[:2] == two[:2])


def test_the_fingerprint_is_of_query_and_body() -> None:
    assert len({fingerprint_of(*each) for each in ((b"", b""), (b"a", b""), (b"", b"a"), (b"a", b"a"))}) == 4


@pytest.mark.parametrize(
    ("status", "headers", "end"),
    [
        (201, [RAN], End.ANSWERED),
        (200, [], End.ANSWERED),
        (404, [RAN], End.ANSWERED),
        (500, [RAN], End.ANSWERED),
        (503, [], End.RELEASED),
        (429, [], End.RELEASED),
        (404, [], End.RELEASED),
        (400, [RAN, (b"x-couchgrass-failure", b"action")], End.RELEASED),
        (202, [RAN, (b"x-couchgrass-failure", b"time")], End.LEFT),
        (202, [RAN], End.ANSWERED),
    ],
)
def test_what_an_answer_does_to_the_reservation(
    status: int, headers: list[tuple[bytes, bytes]], end: End
) -> None:
    assert end_of(status, headers) is end


def test_what_is_kept_of_an_answer() -> None:
    headers = [(b"content-type", b"a/b"), (b"set-cookie", b"s=1"), (b"date", b"now"), (b"x-a", b"\xff")]
    assert kept(201, headers, b"{}") == Kept(201, (("content-type", "a/b"), ("x-a", "\xff")), b"{}")
    assert kept(200, headers, b"x" * BODY_BYTES_MAX).body is not None
    assert kept(200, headers, b"x" * (BODY_BYTES_MAX + 1)) == Kept(200)
    assert kept(200, headers, None) == Kept(200)
    assert kept(200, [(b"x", b"y" * HEADERS_BYTES_MAX)], b"") == Kept(200)


def test_a_request_that_comes_again() -> None:
    answer = Kept(201, (), b"{}")
    assert judged(Entry(RESERVATION, "2-a", answer), "print", 5000.0) == answer
    for entry in (Entry(RESERVATION, "2-a", answer), Entry(RESERVATION, "1-a")):
        with pytest.raises(KeyReused):
            judged(entry, "another", 5000.0)
    with pytest.raises(AnswerNotKept, match="201"):
        judged(Entry(RESERVATION, "2-a", Kept(201)), "print", 0.0)
    with pytest.raises(StillRunning):
        judged(Entry(RESERVATION, "1-a"), "print", 999.9)
    assert judged(Entry(RESERVATION, "1-a"), "print", 1000.0) is None
    assert [each.status for each in (KeyReused, StillRunning, AnswerNotKept)] == [422, 409, 409]


TEXTS = st.text(st.characters(max_codepoint=0xFF), max_size=5)
ANSWERS = st.builds(
    Kept,
    st.integers(200, 599),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    st.none() | st.binary(max_size=20),
)


@given(st.none() | ANSWERS, st.integers(0, 2))
def test_a_document_says_all_of_it(answer: Kept | None, conflicts: int) -> None:
    document = json.decode(json.encode(to_document(RESERVATION, answer, "1-a")))
    if conflicts:
        document["_conflicts"] = ["1-b"] * conflicts
    assert from_document(document) == Entry(RESERVATION, "1-a", answer, conflicts)
    assert "_rev" not in to_document(RESERVATION)


@pytest.mark.parametrize(
    "change",
    [{"until": "soon"}, {"_id": 5}, {"answer": {"status": 200}}, {"answer": 5}, {"fingerprint": None}],
)
def test_a_document_of_another_form_is_refused(change: dict[str, Any]) -> None:
    document = {**to_document(RESERVATION, Kept(200, (), b"")), **change}
    with pytest.raises(BadRequest):
        from_document(document)
    with pytest.raises(BadRequest):
        from_document({})
    bad = to_document(RESERVATION, Kept(200, (), b""))
    bad["answer"]["body"] = "%"
    with pytest.raises(BadRequest):
        from_document(bad)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_key_is_looked_for_in_the_databases_of_today_and_yesterday() -> None:
    day = "couchgrass_idempotency-2026-03-0{}".format
    assert databases_of(at("2026-03-02T12:00:00")) == (day(2), day(1))
    assert databases_of(at("2026-03-02T23:58:00")) == (day(2), day(1), day(3))
    assert databases_of(at("2026-03-03T00:00:00")) == (day(3), day(2))
    assert database_of(at("2026-03-01T00:00:00")) == day(1)


@pytest.mark.parametrize(
    ("name", "is_used", "over"),
    [
        ("couchgrass_idempotency-2026-03-05", True, False),
        ("couchgrass_idempotency-2026-03-04", True, False),
        ("couchgrass_idempotency-2026-03-03", True, False),
        ("couchgrass_idempotency-2026-03-02", False, False),
        ("couchgrass_idempotency-2026-03-01", False, True),
        ("couchgrass_idempotency-2025-12-31", False, True),
        ("couchgrass_idempotency-2026-03-01-mine", False, False),
        ("couchgrass_idempotency-", False, False),
        ("couchgrass_identity", False, False),
        ("todos", False, False),
    ],
)
def test_no_database_goes_that_a_region_may_still_look_at(name: str, is_used: bool, over: bool) -> None:
    now = at("2026-03-04T15:00:00")
    assert (is_looked_for(name, now), is_over(name, now)) == (is_used, over)


@given(st.floats(0, 4e9), st.floats(-3600, 3600))
def test_what_one_region_deletes_no_other_keeps_in_step(now: float, apart_s: float) -> None:
    for days in range(-5, 3):
        name = database_of(max(0.0, now + days * 86_400))
        assert not (is_over(name, now) and is_looked_for(name, max(0.0, now + apart_s)))
