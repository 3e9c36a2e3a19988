"""The rows of a view in memory against a plain list that is sorted anew each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.reduce import Emitted
from couchgrass.docdb.sqlite.view_rows import ViewRows, before
from couchgrass.docdb.view_query import KeyRange

KEYS = [b"\x10", b"\x20\x00", b"\x20\x01", b"\x30"]
IDS = ["a", "b", "c", "\U0001f600"]
EMPTY_BYTES = ViewRows().bytes

emitted = st.builds(
    Emitted, st.sampled_from(KEYS), st.sampled_from(IDS), st.integers(0, 2), st.just(b"1"), st.just(b"null")
)
tables = st.lists(emitted, unique_by=lambda row: row[:3], max_size=20)
bound = st.none() | st.sampled_from(KEYS)
ids = st.none() | st.sampled_from(IDS)
key_ranges = st.builds(
    KeyRange, low=bound, low_id=ids, low_open=st.booleans(), high=bound, high_id=ids, high_open=st.booleans(),
    descending=st.booleans(),
)  # fmt: skip


def filled(rows: list[Emitted]) -> ViewRows:
    made = ViewRows()
    made.replace((), rows)
    return made


def is_inside(row: Emitted, rows: KeyRange) -> bool:
    own = (row.sort, row.id.encode())

    def edge(key: bytes, doc_id: str | None) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        return (own if doc_id is not None else (row.sort, b"")), (key, (doc_id or "").encode())

    if rows.low is not None:
        mine, low = edge(rows.low, rows.low_id)
        if mine < low or (mine == low and rows.low_open):
            return False
    if rows.high is not None:
        mine, high = edge(rows.high, rows.high_id)
        if mine > high or (mine == high and rows.high_open):
            return False
    return True


def model(rows: list[Emitted], wanted: KeyRange) -> list[Emitted]:
    inside = [row for row in rows if is_inside(row, wanted)]
    return sorted(inside, key=lambda row: (row.sort, row.id.encode(), row.number), reverse=wanted.descending)


@given(tables, key_ranges)
def test_a_range_holds_what_lies_between_its_bounds_in_order(rows: list[Emitted], wanted: KeyRange) -> None:
    made = filled(rows)
    assert made.page(wanted) == (model(rows, wanted), True)
    assert made.count_of(wanted) == len(model(rows, wanted))
    assert made.count == len(rows)


@given(tables, key_ranges, st.integers(0, 4), st.integers(1, 4))
def test_pages_go_on_after_the_last_row(rows: list[Emitted], wanted: KeyRange, skip: int, size: int) -> None:
    made, found = filled(rows), []
    page = made.page(wanted, limit=size, skip=skip)
    while not page.is_last:
        found += page.rows
        page = made.page(wanted, limit=size, after=page.rows[-1])
    found += page.rows
    assert found == model(rows, wanted)[skip:]


@given(tables, key_ranges)
def test_what_comes_before_a_range_is_the_rest_in_its_direction(
    rows: list[Emitted], wanted: KeyRange
) -> None:
    everything = model(rows, KeyRange(descending=wanted.descending))
    inside = model(rows, wanted)
    ahead = before(wanted)
    count = 0 if ahead is None else filled(rows).count_of(ahead)
    if inside:
        assert everything[count] == inside[0]


@given(tables, tables, st.sets(st.sampled_from(IDS)))
def test_replacing_takes_away_what_the_documents_had(
    old: list[Emitted], new: list[Emitted], doc_ids: set[str]
) -> None:
    kept = [row for row in old if row.id not in doc_ids]
    fresh = [row for row in new if row.id in doc_ids]
    made = filled(old)
    made.replace(doc_ids, fresh)
    assert made.page(KeyRange()).rows == model(kept + fresh, KeyRange())
    assert made.count == len(kept) + len(fresh)


def test_a_page_is_bounded_and_the_size_is_told() -> None:
    rows = [Emitted(b"%05d" % number, "a", 0, b"1", b'"' + b"x" * 5000 + b'"') for number in range(200)]
    made = filled(rows)
    page = made.page(KeyRange())
    assert len(page.rows) < 100
    assert not page.is_last
    assert made.bytes > EMPTY_BYTES + 200 * 5000
