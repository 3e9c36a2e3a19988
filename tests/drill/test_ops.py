"""Which requests a drill makes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.drill.ops import SHARES, Load, Method, Op, Outcome


def answered(op: Op, status: int = 200, doc: str = "") -> Outcome:
    return Outcome(op, 0.0, 0.1, status, "london", doc or op.doc)


def test_the_shares_are_all_there_is() -> None:
    assert sum(share for _, share in SHARES) == 100
    assert {Method(name) for name, _ in SHARES} == set(Method)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300))
def test_a_document_is_in_one_request_at_a_time_and_numbers_grow(draws: list[int]) -> None:
    rest = iter(draws * 2)
    load = Load(lambda below: next(rest) % below)
    under_way: dict[str, Op] = {}
    last = 0
    for at in range(len(draws)):
        op = load.next()
        assert op.number == last + 1
        last = op.number
        if op.doc:
            assert op.doc not in under_way
            under_way[op.doc] = op
        else:
            assert op.method is Method.POST
            load.done(answered(op, 201, f"doc{op.number}"))
        if at % 3 == 0 and under_way:
            doc, done = under_way.popitem()
            load.done(answered(done, doc=doc))


def test_what_was_removed_or_is_not_there_is_asked_for_no_more() -> None:
    load = Load(lambda below: 0)
    load.done(answered(Op(1, Method.DELETE, "a")))
    load.done(answered(Op(2, Method.GET, "b"), 404))
    load.done(answered(Op(3, Method.GET, "c"), 0))
    assert load.next() == Op(1, Method.GET, "c")
    assert load.next() == Op(2, Method.POST)


def test_the_mix_is_as_said() -> None:
    state = {"at": 0}

    def pick(below: int) -> int:
        state["at"] += 1
        return (state["at"] * 7919) % below

    load = Load(pick)
    for number in range(500):
        load.done(answered(Op(0, Method.POST), 201, f"doc{number}"))
    count: Counter[str] = Counter()
    for _ in range(2000):
        op = load.next()
        count[op.method.value] += 1
        load.done(answered(op, doc=op.doc or "new") if op.method is not Method.DELETE else answered(op))
    assert count["GET"] > count["POST"] > count["DELETE"]


def test_failed_and_acknowledged() -> None:
    write, read = Op(1, Method.POST), Op(2, Method.GET, "a")
    assert answered(write, 201).acknowledged
    assert not answered(read, 200).acknowledged
    assert not answered(write, 404).acknowledged
    assert [answered(read, status).failed for status in (0, 200, 404, 409, 429, 500, 503)] == [
        True,
        False,
        False,
        False,
        True,
        True,
        True,
    ]
