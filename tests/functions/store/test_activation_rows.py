"""Rows of activations: packed and unpacked without a change, filtered alike in memory and in SQL, pruned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.store import activation_rows as rows
from couchgrass.functions.store.activation_rows import Filter, pack, path_of, repack, unpack


def activation(number: int, **changes: Any) -> Activation:
    values: dict[str, Any] = {
        "namespace": "ns",
        "name": "act",
        "subject": "me",
        "activation_id": f"{number:032x}",
        "start": 1_000 + number,
        "version": "0.0.1",
        "annotations": {"path": "ns/act", "kind": "python:3"},
        "end": 1_001 + number,
        "status": Status.SUCCESS,
    }
    return Activation(**(values | changes))


ANY = st.builds(
    activation,
    st.integers(0, 99),
    namespace=st.sampled_from(("ns", "other")),
    name=st.sampled_from(("a", "b")),
    annotations=st.sampled_from(
        (
            {"path": "ns/a"},
            {"path": "ns/p/a"},
            {"path": "ns/q/b"},
            {"path": "x/p/a", "binding": "ns/bound"},
            {},
        )
    ),
    end=st.none() | st.integers(0, 2**53),
    cause=st.none() | st.just("c" * 32),
    status=st.none() | st.sampled_from(Status),
    result=st.sampled_from(
        (msgspec.Raw(b"{}"), msgspec.Raw(b'[1.0, 123456789012345678901234567890, "\\u00fc"]'))
    ),
    logs=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple),
    publish=st.booleans(),
)
FILTERS = st.builds(
    Filter,
    st.sampled_from(("ns", "other")),
    st.sampled_from((None, "a", "b", "p/a", "q/b", "bound/a", "a/b")),
    st.none() | st.integers(1_000, 1_100),
    st.none() | st.integers(1_000, 1_100),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = rows.open_rows(tmp_path / "a.sqlite")
    yield connection
    connection.close()


def same(one: Activation, other: Activation) -> bool:
    return one == msgspec.structs.replace(other, result=one.result) and bytes(one.result) == bytes(
        other.result
    )


@given(ANY)
def test_a_row_holds_all_of_an_activation(before: Activation) -> None:
    row = pack(before)
    assert same(unpack(row.head, row.tail), before)
    assert repack(row.head, row.tail) == row
    bare = unpack(row.head, None)
    assert same(bare, msgspec.structs.replace(before, result=msgspec.Raw(b"{}"), logs=()))


def test_the_path_names_the_package_or_the_binding_to_it() -> None:
    assert path_of(activation(1)) == ""
    assert path_of(activation(1, annotations={"path": "ns/p/act"})) == "p/act"
    assert path_of(activation(1, annotations={"path": "x/p/act", "binding": "ns/b"})) == "b/act"


@given(st.lists(ANY, max_size=20, unique_by=lambda one: one.activation_id), FILTERS)
def test_a_filter_takes_the_same_in_memory_and_in_the_file(all_: list[Activation], wanted: Filter) -> None:
    connection = rows.open_rows(Path(":memory:"))
    packed = [pack(one) for one in all_]
    rows.save(connection, [], packed)
    taken = [row for row in packed if wanted.takes(row.namespace, row.name, row.path, row.start)]
    listed = rows.listed(connection, wanted, upto_number=99, offset=0, limit=99)
    newest_first = sorted(taken, key=lambda row: -row.start)
    assert listed == [msgspec.structs.replace(row, tail=b"") for row in newest_first]
    assert rows.counted(connection, wanted, 99) == len(taken)
    connection.close()


def test_saving_again_changes_nothing(connection: apsw.Connection) -> None:
    packed = [pack(activation(number, logs=(f"line {number}",))) for number in range(50)]
    rows.save(connection, [], packed)
    rows.save(connection, [packed[3]], [*packed[5:], pack(activation(50))])
    assert rows.last_number(connection) == 51
    assert rows.under_way(connection) == []
    for number in range(50):
        found = rows.find(connection, "ns", f"{number:032x}")
        assert found is not None
        assert found.logs == (f"line {number}",)
    assert rows.find(connection, "other", f"{0:032x}") is None


def test_what_began_is_under_way_until_it_ended(connection: apsw.Connection) -> None:
    begun = [pack(activation(number, end=None, status=None)) for number in range(3)]
    rows.save(connection, begun, [pack(activation(0))])
    rows.save(connection, [], [pack(activation(2))])
    assert [one.activation_id for one in rows.under_way(connection)] == [f"{1:032x}"]


def test_tails_come_as_far_as_the_bound_goes(connection: apsw.Connection) -> None:
    packed = [pack(activation(number, logs=("x" * 1000,))) for number in range(5)]
    rows.save(connection, [], packed)
    ids = [row.id for row in reversed(packed)]
    found = rows.tails(connection, ids, 3 * len(packed[0].tail))
    assert found == {row.id: row.tail for row in packed[2:]}


def test_old_rows_go_and_those_within_the_time_stay(connection: apsw.Connection) -> None:
    rows.save(connection, [], [pack(activation(number)) for number in range(1_200)])
    rounds = 0
    while rows.prune(connection, before=1_000 + 1_100, bytes_max=1 << 40):
        rounds += 1
    assert rounds == 3
    listed = rows.listed(connection, Filter("ns"), upto_number=9999, offset=0, limit=9999)
    assert [row.start for row in listed] == list(range(2_199, 2_099, -1))


def test_past_the_bound_the_oldest_go_and_the_file_shrinks(connection: apsw.Connection) -> None:
    rows.save(connection, [], [pack(activation(number, logs=("x" * 10_000,))) for number in range(2_000)])
    before = int(connection.pragma("page_count"))
    while rows.prune(connection, before=0, bytes_max=8 << 20):
        pass
    left = rows.listed(connection, Filter("ns"), upto_number=9999, offset=0, limit=9999)
    assert 0 < len(left) < 2_000
    assert left[0].start == 2_999
    assert int(connection.pragma("page_count")) < before
