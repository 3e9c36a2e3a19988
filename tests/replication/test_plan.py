"""What a batch of changes takes: pure decisions."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.wire import Change, LeafRev, Missing, Seq, Wanted
from couchgrass.errors import (
    BadRequest,
    Conflict,
    CouchgrassError,
    Forbidden,
    MissingStub,
    PeerLost,
    ServiceUnavailable,
    StorageFull,
    TooLarge,
    TooManyRequests,
    Unauthorized,
)
from couchgrass.replication.plan import (
    FETCH_BYTES,
    WRITE_BYTES_MAX,
    Sizes,
    Verdict,
    batch_of,
    verdict,
    verdict_of,
    wanted_of,
    writes,
)


def seq(value: object) -> Seq:
    return msgspec.Raw(msgspec.json.encode(value))


def change(doc_id: str, revs: list[str], at: object = None) -> Change:
    return Change(doc_id, [LeafRev(rev) for rev in revs], seq(at))


CHANGES = st.builds(
    change,
    st.sampled_from(["", "a", "b", "c"]),
    st.lists(st.sampled_from(["1-x", "2-x", "2-y"]), max_size=3),
    st.none() | st.integers(1, 99) | st.just("5-abc"),
)


@given(st.lists(CHANGES), st.none() | st.integers(1, 9))
def test_a_batch_asks_for_each_leaf_once_and_loses_none(rows: list[Change], end: int | None) -> None:
    batch = batch_of(7, rows, 1.5, None if end is None else seq(end))
    listed = {(row.id, leaf.rev) for row in rows for leaf in row.changes if row.id}
    asked = [(doc_id, rev) for doc_id, revs in batch.revs.items() for rev in revs]
    assert set(asked) == listed and len(asked) == len(listed)
    assert (batch.number, batch.rows, batch.seen_s) == (7, len(rows), 1.5)
    given_seqs = [bytes(row.seq) for row in rows if bytes(row.seq) != b"null"]
    wanted = str(end).encode() if end is not None else given_seqs[-1] if given_seqs else None
    assert (None if batch.seq is None else bytes(batch.seq)) == wanted


def test_what_is_missing_is_wanted_with_what_is_there() -> None:
    missing = {"a": Missing(["2-x", "3-y"], ["1-z"]), "b": Missing(["1-x"])}
    assert wanted_of(missing) == [
        Wanted("a", "2-x", ("1-z",)),
        Wanted("a", "3-y", ("1-z",)),
        Wanted("b", "1-x"),
    ]


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 10**9)), max_size=30), st.integers(1, 10_000))
def test_a_portion_is_never_empty_nor_more_than_asked(seen: list[tuple[int, int]], most: int) -> None:
    sizes = Sizes()
    for docs, size in seen:
        sizes.seen(docs, size)
        assert 1 <= sizes.portion(most) <= most
        assert sizes.portion(most) == 1 or sizes.portion(most) * sizes.doc_bytes <= FETCH_BYTES


def test_sizes_grow_at_once_and_shrink_slowly() -> None:
    sizes = Sizes()
    sizes.seen(1, 1_000_000)
    assert sizes.portion(500) == 4
    sizes.seen(10, 10 * 100)
    assert sizes.portion(500) == 5
    for _ in range(60):
        sizes.seen(10, 1000)
    assert sizes.portion(500) == 500


@given(st.lists(st.binary(max_size=50)), st.integers(1, 5))
def test_writes_are_all_documents_in_order(docs: list[bytes], most: int) -> None:
    portions = list(writes(docs, most))
    assert [doc for portion in portions for doc in portion] == docs
    assert all(1 <= len(portion) <= most for portion in portions)


def test_a_write_holds_so_many_bytes_unless_one_document_is_larger() -> None:
    large, small = b"x" * (WRITE_BYTES_MAX + 1), b"y" * (WRITE_BYTES_MAX // 2)
    assert [len(portion) for portion in writes([small, large, small, small, small], 10)] == [1, 1, 2, 1]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        ("forbidden", Verdict.LETTER),
        ("unauthorized", Verdict.LETTER),
        ("document_too_large", Verdict.LETTER),
        ("never heard of", Verdict.LETTER),
        ("missing_stub", Verdict.WHOLE),
        ("internal_server_error", Verdict.AGAIN),
        ("timeout", Verdict.AGAIN),
    ],
)
def test_what_a_refused_row_means(error: str, wanted: Verdict) -> None:
    assert verdict(error) is wanted


@pytest.mark.parametrize(
    ("refused", "wanted"),
    [
        (Forbidden("no"), Verdict.LETTER),
        (Unauthorized("no"), Verdict.LETTER),
        (TooLarge("no"), Verdict.LETTER),
        (BadRequest("no"), Verdict.LETTER),
        (Conflict(), Verdict.LETTER),
        (MissingStub("no"), Verdict.WHOLE),
        (PeerLost("gone"), Verdict.AGAIN),
        (ServiceUnavailable("later"), Verdict.AGAIN),
        (TooManyRequests("later"), Verdict.AGAIN),
        (StorageFull("full"), Verdict.AGAIN),
        (CouchgrassError("broken"), Verdict.AGAIN),
        (CouchgrassError("odd", error="odd"), Verdict.LETTER),
    ],
)
def test_what_a_refused_request_means(refused: CouchgrassError, wanted: Verdict) -> None:
    assert verdict_of(refused) is wanted
