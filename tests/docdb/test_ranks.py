"""Ranks against a plain set of ids, with commits, their telling and counting in any order."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb import ranks
from couchgrass.docdb.ranks import Move, Place, Ranks, Stretch

IDS = st.text(st.sampled_from("ab~é\U0001f600"), min_size=1, max_size=3)
STEPS = st.lists(st.one_of(IDS, st.sampled_from(["tell", "begin", "look", "end"])), max_size=80)


class Disk:
    """The documents as they are committed: those that are there, and whether they live."""

    def __init__(self) -> None:
        self.live: dict[str, bool] = {}
        self.moves: list[Move] = []

    def write(self, doc_id: str) -> None:
        """The next thing that happens to a document: it is made, deleted, purged or made again."""
        seq = len(self.moves) + 1
        match self.live.get(doc_id):
            case None:
                self.live[doc_id] = seq % 5 > 0
                self.moves.append((seq, doc_id, 1, int(self.live[doc_id])))
            case True if seq % 3:
                self.live[doc_id] = False
                self.moves.append((seq, doc_id, 0, -1))
            case False if seq % 2:
                self.live[doc_id] = True
                self.moves.append((seq, doc_id, 0, 1))
            case lives:
                del self.live[doc_id]
                self.moves.append((seq, doc_id, -1, -int(bool(lives))))

    def stretches(self, place: Place, wide: int) -> list[Stretch]:
        """What a cut finds."""
        here = sorted(i for i in self.live if i >= place.fence and (place.end is None or i < place.end))
        fences = [place.fence, *here[wide::wide]]
        edges = zip(fences, [*fences[1:], place.end], strict=True)
        return [Stretch(low, self.rows(low, high), self.lives(low, high)) for low, high in edges]

    def rows(self, low: str, high: str | None) -> int:
        return sum(low <= doc_id and (high is None or doc_id < high) for doc_id in self.live)

    def lives(self, low: str, high: str | None) -> int:
        return sum(low <= i and (high is None or i < high) for i, lives in self.live.items() if lives)


class Play:
    """A database, its ranks that hear of commits later, and a cut under way."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.ranks = Ranks(0, 0, 0)
        self.told = 0
        self.place: Place | None = None
        self.found: tuple[int, list[Stretch]] | None = None
        self.since: list[Move] = []

    def step(self, step: str, wide: int) -> None:
        match step:
            case "tell":
                if self.told < len(self.disk.moves):
                    move = self.disk.moves[self.told]
                    self.told += 1
                    self.ranks.add([move])
                    self.since.append(move)
            case "begin":
                if self.place is None:
                    self.place, self.since = self.ranks.place("b" * (self.told % 4)), []
            case "look":
                if self.place is not None and self.found is None:
                    self.found = len(self.disk.moves), self.disk.stretches(self.place, wide)
            case "end":
                if self.place is not None and self.found is not None:
                    seq, stretches = self.found
                    assert self.ranks.cut(self.place, stretches, seq, self.since)
                    self.place = self.found = None
            case doc_id:
                self.disk.write(doc_id)


@given(steps=STEPS, wide=st.integers(1, 4))
def test_once_everything_was_told_the_counts_are_exact(steps: list[str], wide: int) -> None:
    play = Play()
    for step in [*steps, "look", "end", *["tell"] * len(steps)]:
        play.step(step, wide)
    disk = play.disk
    assert play.ranks.live() == sum(disk.live.values())
    for doc_id in ["", "b", "~~~~", *disk.live]:
        place = play.ranks.place(doc_id)
        assert place.fence <= doc_id and (place.end is None or doc_id < place.end)
        assert place.before == disk.lives("", place.fence)


@given(ids=st.sets(IDS, min_size=1))
def test_texts_are_in_the_order_of_their_bytes(ids: set[str]) -> None:
    for one, other in pairwise(sorted(ids)):
        assert one.encode() < other.encode()


def cut_into(found: Ranks, doc_id: str, stretches: list[Stretch], seq: int = 0) -> bool:
    return found.cut(found.place(doc_id), stretches, seq, [])


def test_many_stretches_are_summed_up() -> None:
    found = Ranks(0, 1000, 1000)
    assert cut_into(found, "", [Stretch("", 1, 1), *(Stretch(f"{n:04d}", 1, 1) for n in range(1, 1000))])
    dice = random.Random(7)
    dead: set[int] = set()
    for seq in range(1, 300):
        number = dice.randrange(1000)
        if number not in dead:
            dead.add(number)
            found.add([(seq, f"{number:04d}", 0, -1)])
        asked = dice.randrange(1, 1000)
        before = asked - sum(gone < asked for gone in dead)
        assert found.place(f"{asked:04d}").before == before
        assert found.place(f"{asked:04d}x").before == before


def test_a_stretch_is_crowded_when_it_has_grown_to_twice_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "STRETCH_ROWS", 10)
    found = Ranks(0, 20, 20)
    assert not found.place("x").crowded
    found.add([(1, "x", 1, 1)])
    assert found.place("x").crowded
    assert cut_into(found, "x", [Stretch("", 10, 10), Stretch("m", 11, 11)], 1)
    assert not found.place("x").crowded
    found.add((seq, "x", 1, 0) for seq in range(2, 14))
    assert found.place("x").crowded and not found.place("a").crowded


def test_a_stretch_that_can_not_be_cut_is_not_tried_again_before_it_has_doubled() -> None:
    found = Ranks(0, 9000, 9000)
    assert found.place("x").crowded
    assert cut_into(found, "x", [Stretch("", 9000, 9000)])
    assert not found.place("x").crowded
    found.add((seq, "x", 1, 1) for seq in range(1, 9002))
    assert found.place("x").crowded


def test_too_many_stretches_are_refused_and_large_databases_get_longer_ones() -> None:
    found = Ranks(0, 1, 1)
    more = [Stretch(f"{number:08d}", 1, 1) for number in range(ranks.FENCES_MAX)]
    assert not cut_into(found, "", [Stretch("", 0, 0), *more])
    assert ranks.stretch_rows(1_000_000) == ranks.STRETCH_ROWS
    assert 10**9 / ranks.stretch_rows(10**9) <= ranks.FENCES_AIM + 1
