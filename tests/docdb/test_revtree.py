"""Revision trees: merging is a union, the winner is one rule, stemming keeps every leaf."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.rev import Rev
from couchgrass.docdb.revtree import Tree, decode_tree, encode_tree, merge, missing, prune, single, stem

Path = tuple[int, tuple[str, ...], bool]
"""(generation of the leaf, ids newest first, whether the leaf is a deletion)"""


def build(paths: Iterable[Path]) -> Tree:
    trees = [single(pos, ids, deleted=deleted) for pos, ids, deleted in paths]
    tree = trees[0]
    for other in trees[1:]:
        tree = merge(tree, other)
    return tree


def node_id(lineage: tuple[int, ...]) -> str:
    """An id as a hash would give it: it says its whole ancestry, so a node has one parent."""
    return ".".join(map(str, lineage))


def path_of(lineage: tuple[int, ...], known: int) -> Path:
    """The path to a node, of which only the newest `known` nodes are known."""
    ids = [node_id(lineage[: len(lineage) - back]) for back in range(min(known, len(lineage)))]
    return len(lineage), tuple(ids), hash(node_id(lineage)) % 3 == 0


lineages = st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple)
whole_paths = lineages.map(lambda lineage: path_of(lineage, 100))
stemmed_paths = st.tuples(lineages, st.integers(1, 6)).map(lambda pair: path_of(*pair))
path_lists = st.lists(st.one_of(whole_paths, stemmed_paths), min_size=1, max_size=8)


def truth(paths: Iterable[Path]) -> tuple[set[Rev], dict[Rev, bool]]:
    """All nodes, and the leaves with their flags, worked out the slow way."""
    nodes: set[Rev] = set()
    inner: set[Rev] = set()
    flags: dict[Rev, bool] = {}
    for pos, ids, deleted in paths:
        nodes |= {Rev(pos - back, rev_id) for back, rev_id in enumerate(ids)}
        inner |= {Rev(pos - back, rev_id) for back, rev_id in enumerate(ids) if back}
        flags[Rev(pos, ids[0])] = deleted
    return nodes, {leaf: flags[leaf] for leaf in nodes - inner}


@given(path_lists, st.randoms())
def test_merging_gives_the_same_tree_in_any_order(paths: list[Path], random: object) -> None:
    tree = build(paths)
    shuffled = list(paths)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert build(shuffled) == tree
    assert merge(build(paths[: len(paths) // 2 + 1]), build(shuffled)) == tree


@given(path_lists)
def test_merging_what_is_there_changes_nothing(paths: list[Path]) -> None:
    tree = build(paths)
    assert build([*paths, *paths]) == tree
    assert merge(tree, tree) == tree


@given(path_lists, path_lists, path_lists)
def test_merging_is_associative(one: list[Path], two: list[Path], three: list[Path]) -> None:
    left, middle, right = build(one), build(two), build(three)
    assert merge(merge(left, middle), right) == merge(left, merge(middle, right))


@given(path_lists)
def test_no_leaf_is_lost_and_none_invented(paths: list[Path]) -> None:
    nodes, leaves = truth(paths)
    tree = build(paths)
    assert set(tree.parents) == nodes
    assert tree.deleted == leaves


@given(path_lists)
def test_the_winner_is_live_then_long_then_greatest(paths: list[Path]) -> None:
    tree = build(paths)
    _, leaves = truth(paths)
    assert tree.winner == max(leaves, key=lambda leaf: (not leaves[leaf], leaf.pos, leaf.id.encode()))
    losers = [*tree.conflicts(), *tree.conflicts(deleted=True), tree.winner]
    assert sorted(losers) == sorted(leaves)


@given(path_lists)
def test_storing_a_tree_keeps_it(paths: list[Path]) -> None:
    tree = build(paths)
    assert decode_tree(encode_tree(tree)) == tree


@given(path_lists, st.integers(1, 7))
def test_stemming_keeps_all_leaves_and_the_newest_of_each_path(paths: list[Path], limit: int) -> None:
    tree = build(paths)
    stemmed = stem(tree, limit)
    assert stemmed.deleted == tree.deleted
    for leaf in tree.leaves:
        assert stemmed.path(leaf)[:limit] == tree.path(leaf)[:limit]
    assert stem(stemmed, limit) == stemmed
    kept = {
        Rev(leaf.pos - back, rev_id)
        for leaf in tree.leaves
        for back, rev_id in enumerate(tree.path(leaf)[:limit])
    }
    assert set(stemmed.parents) == kept


@given(st.lists(whole_paths, min_size=1, max_size=6), st.integers(1, 4))
def test_merging_the_whole_back_into_a_stemmed_tree_restores_it(paths: list[Path], limit: int) -> None:
    tree = build(paths)
    assert merge(stem(tree, limit), tree) == tree


@given(path_lists, st.data())
def test_latest_gives_the_leaves_that_descend(paths: list[Path], data: st.DataObject) -> None:
    tree = build(paths)
    rev = data.draw(st.sampled_from(sorted(tree.parents)))
    expected = {leaf for leaf in tree.leaves if rev.id in tree.path(leaf) and rev.pos <= leaf.pos}
    assert set(tree.descendants(rev)) == expected


@given(path_lists, path_lists)
def test_missing_is_what_no_node_has(paths: list[Path], asked_paths: list[Path]) -> None:
    tree = build(paths)
    asked = sorted(build(asked_paths).parents)
    unknown, possible = missing(tree, asked)
    assert unknown == [rev for rev in asked if rev not in tree]
    if unknown:
        newest = max(rev.pos for rev in unknown)
        assert set(possible) == {leaf for leaf in tree.leaves if leaf.pos < newest}
    else:
        assert possible == []
    assert missing(None, asked) == (asked, [])


@given(path_lists, st.data())
def test_purging_leaves_takes_only_what_they_alone_had(paths: list[Path], data: st.DataObject) -> None:
    tree = build(paths)
    purged = data.draw(st.sets(st.sampled_from(tree.leaves), min_size=1))
    left = prune(tree, purged)
    remaining = [leaf for leaf in tree.leaves if leaf not in purged]
    if not remaining:
        assert left is None
        return
    assert left is not None
    assert list(left.leaves) == remaining
    for leaf in remaining:
        assert left.path(leaf) == tree.path(leaf)


def small_trees(depth: int, width: int) -> Iterator[list[tuple[int, ...]]]:
    """Every set of up to three nodes of a full tree of this size, as lineages."""
    nodes = [
        lineage
        for length in range(1, depth + 1)
        for lineage in itertools.product(range(width), repeat=length)
    ]
    for count in (1, 2, 3):
        yield from map(list, itertools.combinations(nodes, count))


@pytest.mark.parametrize("known", [1, 2, 4])
def test_every_small_tree_merges_alike_in_every_order(known: int) -> None:
    for chosen in small_trees(depth=3, width=2):
        paths = [path_of(lineage, known) for lineage in chosen]
        nodes, leaves = truth(paths)
        for order in itertools.permutations(paths):
            tree = build(order)
            assert tree.deleted == leaves
            assert set(tree.parents) == nodes
        assert decode_tree(encode_tree(tree)) == tree


def test_a_hand_made_id_with_two_parents_keeps_both() -> None:
    one, other = single(2, ("b", "a"), deleted=False), single(2, ("b", "x"), deleted=False)
    tree = merge(one, other)
    assert tree == merge(other, one)
    assert tree.leaves == (Rev(2, "b"),)
    assert tree.path(Rev(2, "b")) == ["b", "x"]
    assert Rev(1, "a") in tree
    assert decode_tree(encode_tree(tree)) == tree


def test_any_live_leaf_beats_any_tombstone() -> None:
    deleted = single(9, tuple(f"{pos}" for pos in range(9, 0, -1)), deleted=True)
    live = single(1, ("live",), deleted=False)
    assert merge(deleted, live).winner == Rev(1, "live")


def test_a_path_of_ten_thousand_revisions_is_no_trouble() -> None:
    ids = tuple(f"{number:032x}" for number in range(10_000))
    tree = single(10_000, ids, deleted=False)
    assert decode_tree(encode_tree(tree)) == tree
    assert len(stem(tree, 1000).parents) == 1000
    branch = merge(tree, single(9_001, ("f" * 32, ids[1000]), deleted=False))
    assert len(branch.leaves) == 2
    assert branch.path(Rev(9_001, "f" * 32))[1:] == list(ids[1000:])
