"""What one edit makes of one stored row: extended, grafted, purged."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.document import Edit
from couchgrass.docdb.rev import Rev, parse_rev
from couchgrass.docdb.revtree import Tree, merge, single, stem
from couchgrass.docdb.update import Leaf, Row, Update, extend, graft, parent_of, path_of, purge, tree_of
from couchgrass.errors import Conflict

LIMIT = 1000
A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)


def edit(rev: str | None = None, *older: str, body: bytes = b"{}", deleted: bool = False) -> Edit:
    """An edit that names this revision, and for a replicated one the ids of its ancestors."""
    named = parse_rev(rev) if rev else None
    return Edit("doc", named.pos if named else 0, (named.id, *older) if named else (), deleted, body)


class Document:
    """A row and what lies beside it, kept as the storage keeps it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.row: Row | None = None
        self.beside: dict[str, Leaf] = {}
        self.replaced: set[str] = set()

    def extend(self, one: Edit) -> Rev:
        update = extend(self.row, one, None, b"", self.limit)
        self._apply(update)
        assert update.rev is not None
        return update.rev

    def graft(self, one: Edit) -> Update | None:
        update = graft(self.row, one, None, self.limit)
        if update is not None:
            self._apply(update)
        return update

    def purge(self, *revs: str) -> Update | None:
        assert self.row is not None
        update = purge(self.row, [parse_rev(rev) for rev in revs])
        if update is not None:
            self._apply(update)
        return update

    def _apply(self, update: Update) -> None:
        row = update.row
        if update.promoted is not None:
            leaf = self.beside.pop(update.promoted)
            row = msgspec.structs.replace(row, body=leaf.body, atts=leaf.atts)
        for rev in update.removed:
            self.beside.pop(rev, None)
            self.replaced.discard(rev)
        for rev in update.retired:
            self.replaced.add(rev)
        for leaf in (*update.added, *([update.replaced] if update.replaced else ())):
            self.beside[leaf.rev] = leaf
        if update.replaced:
            self.replaced.add(update.replaced.rev)
        self.row = row

    @property
    def tree(self) -> Tree:
        assert self.row is not None
        return tree_of(self.row)

    def bodies(self) -> dict[str, bytes]:
        """Each leaf's content."""
        assert self.row is not None
        leaves = {rev: leaf.body for rev, leaf in self.beside.items() if rev not in self.replaced}
        return {**leaves, self.row.rev: self.row.body}

    def check(self) -> None:
        """Every leaf has its content and nothing else is taken for a leaf."""
        assert self.row is not None
        assert self.row.rev == str(self.tree.winner)
        assert self.row.deleted is self.tree.deleted[self.tree.winner]
        assert set(self.bodies()) == {str(leaf) for leaf in self.tree.leaves}
        rev, ids = parse_rev(self.row.rev), path_of(self.row)[1]
        assert (rev.id, ids) == (ids[0], self.tree.path(rev))


# Ordinary edits


def test_the_first_edit_makes_generation_one() -> None:
    doc = Document()
    rev = doc.extend(edit(body=b'{"v":1}'))
    assert (rev.pos, len(rev.id)) == (1, 32)
    assert doc.row == Row(0, "doc", str(rev), False, None, None, None, b'{"v":1}', None)


def test_an_edit_of_a_line_of_hashes_needs_no_tree() -> None:
    doc = Document()
    first = doc.extend(edit(body=b'{"v":1}'))
    second = doc.extend(edit(str(first), body=b'{"v":2}'))
    third = doc.extend(edit(str(second), body=b'{"v":3}'))
    assert doc.row is not None and doc.row.tree is None
    assert doc.row.path == bytes.fromhex(second.id + first.id)
    assert path_of(doc.row) == (3, [third.id, second.id, first.id])
    doc.check()


def test_the_replaced_revision_keeps_its_content_beside() -> None:
    first = extend(None, edit(body=b'{"v":1}'), None, b"", LIMIT)
    second = extend(first.row, edit(str(first.rev), body=b'{"v":2}'), None, b"", LIMIT)
    assert second.replaced == Leaf(str(first.rev), False, b'{"v":1}', None)
    assert (second.added, second.removed, second.retired, second.promoted) == ((), (), (), None)


@pytest.mark.parametrize(
    "wrong",
    [None, "1-" + A, "3-" + A, "2-" + B, "1-x"],
    ids=["none", "ancestor", "later", "other", "unknown"],
)
def test_an_edit_that_names_no_leaf_is_a_conflict(wrong: str | None) -> None:
    doc = Document()
    doc.graft(edit("2-" + A, A))
    with pytest.raises(Conflict):
        doc.extend(edit(wrong))


def test_an_edit_that_names_a_revision_of_nothing_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        parent_of(None, edit("1-" + A))
    assert parent_of(None, edit()) is None


def test_a_tombstone_is_extended_by_what_names_nothing_and_is_no_deletion() -> None:
    doc = Document()
    first = doc.extend(edit())
    gone = doc.extend(edit(str(first), deleted=True))
    assert doc.row is not None and doc.row.deleted
    for refused in (edit(str(gone)), edit(str(first)), edit(deleted=True), edit(str(gone), deleted=True)):
        with pytest.raises(Conflict):
            doc.extend(refused)
    again = doc.extend(edit(body=b'{"v":1}'))
    assert path_of(doc.row) == (3, [again.id, gone.id, first.id])
    assert not doc.row.deleted


def test_a_document_whose_leaves_are_all_deleted_grows_on_the_winner() -> None:
    doc = Document()
    doc.graft(edit("2-y", "x", deleted=True))
    doc.graft(edit("4-z", "w", deleted=True))
    rev = doc.extend(edit())
    assert (rev.pos, doc.tree.path(rev)[1]) == (5, "z")
    doc.check()


def test_any_leaf_may_be_extended_a_deleted_one_too() -> None:
    doc = Document()
    doc.graft(edit("1-a", body=b'{"v":"a"}'))
    doc.graft(edit("1-b", body=b'{"v":"b"}'))
    doc.graft(edit("1-c", deleted=True))
    grown = [doc.extend(edit(rev, body=b'{"v":"%s2"}' % rev[-1:].encode())) for rev in ("1-a", "1-c")]
    assert {str(leaf) for leaf in doc.tree.leaves} == {"1-b", *map(str, grown)}
    doc.check()


def test_deleting_the_winner_promotes_the_next_leaf() -> None:
    doc = Document()
    doc.graft(edit("1-a", body=b'{"v":"a"}'))
    doc.graft(edit("1-b", body=b'{"v":"b"}'))
    gone = doc.extend(edit("1-b", deleted=True))
    assert doc.row is not None
    assert (doc.row.rev, doc.row.body, doc.row.deleted) == ("1-a", b'{"v":"a"}', False)
    assert doc.row.leaves == f'{{"rev":"1-a"}},{{"rev":"{gone}"}}'
    doc.check()


def test_the_history_is_cut_at_the_limit() -> None:
    doc = Document(limit=3)
    rev = doc.extend(edit())
    revs = [rev]
    for _ in range(5):
        revs.append(doc.extend(edit(str(revs[-1]))))
    assert doc.row is not None
    assert path_of(doc.row) == (6, [one.id for one in reversed(revs[-3:])])


def test_a_limit_of_one_keeps_the_leaf_only() -> None:
    doc = Document(limit=1)
    rev = doc.extend(edit(str(doc.extend(edit()))))
    assert doc.row is not None
    assert (path_of(doc.row), doc.row.path) == ((2, [rev.id]), None)


# Replicated edits


def test_a_replicated_edit_of_nothing_is_stored_as_it_is() -> None:
    doc = Document()
    doc.graft(edit("3-" + C, B, A, body=b'{"v":3}'))
    assert doc.row == Row(0, "doc", "3-" + C, False, bytes.fromhex(B + A), None, None, b'{"v":3}', None)


def test_ids_that_are_no_hashes_are_kept_in_a_tree() -> None:
    doc = Document()
    doc.graft(edit("2-y", "x"))
    assert doc.row is not None
    assert doc.row.path is None and doc.row.tree is not None
    assert path_of(doc.row) == (2, ["y", "x"])


@pytest.mark.parametrize("again", [edit("2-" + B, A, body=b'{"other":1}'), edit("2-" + B), edit("1-" + A)])
def test_what_is_known_changes_nothing(again: Edit) -> None:
    doc = Document()
    doc.graft(edit("2-" + B, A))
    assert doc.graft(again) is None


def test_a_known_leaf_does_not_change_its_mind_about_being_deleted() -> None:
    doc = Document()
    doc.graft(edit("1-" + A))
    assert doc.graft(edit("1-" + A, deleted=True)) is None
    assert doc.tree.deleted == {Rev(1, A): False}


def test_a_known_leaf_may_bring_more_history() -> None:
    doc = Document()
    doc.graft(edit("3-" + C, body=b'{"v":3}'))
    update = doc.graft(edit("3-" + C, B, A, body=b'{"other":1}'))
    assert update is not None and update.rev is None
    assert doc.row is not None
    assert (doc.row.body, path_of(doc.row)) == (b'{"v":3}', (3, [C, B, A]))


def test_an_ancestor_that_comes_late_is_not_a_leaf() -> None:
    doc = Document()
    doc.graft(edit("3-" + C, B))
    update = doc.graft(edit("2-" + B, A, body=b'{"v":2}'))
    assert update is not None and update.rev is None
    assert doc.bodies() == {"3-" + C: b"{}"}
    assert path_of(update.row) == (3, [C, B, A])


@pytest.mark.parametrize(
    ("lost", "won"), [("1-a", "1-b"), ("1-z", "2-a"), ("9-z", "1-a"), ("1-" + A, "1-" + B)]
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_winner_lies_in_the_row_and_the_loser_beside_it(lost: str, won: str, turned: bool) -> None:
    """Live ones win, then the longer history, then the greater id; 9-z is deleted here."""
    doc = Document()
    for rev in (won, lost) if turned else (lost, won):
        doc.graft(edit(rev, body=b'{"v":"%b"}' % rev.encode(), deleted=rev == "9-z"))
    assert doc.row is not None
    assert (doc.row.rev, doc.row.body) == (won, b'{"v":"%b"}' % won.encode())
    assert list(doc.beside) == [lost]
    doc.check()


def test_a_graft_on_a_losing_leaf_retires_it() -> None:
    doc = Document()
    doc.graft(edit("2-y", "r"))
    doc.graft(edit("2-x", "r"))
    update = doc.graft(edit("3-z", "x", "r"))
    assert update is not None
    assert (update.retired, update.rev) == (("2-x",), Rev(3, "z"))
    assert {leaf.rev for leaf in update.added} == {"2-y"}
    doc.check()


def test_a_line_of_hashes_that_forks_becomes_a_tree_and_back() -> None:
    doc = Document()
    doc.graft(edit("2-" + B, A))
    doc.graft(edit("2-" + C, A))
    assert doc.row is not None and doc.row.tree is not None
    doc.purge("2-" + C)
    assert doc.row.tree is None and doc.row.path == bytes.fromhex(A)
    assert doc.row.leaves is None
    doc.check()


# Purges


def test_a_purged_winner_promotes_the_next_leaf() -> None:
    doc = Document()
    doc.graft(edit("2-b", "r", body=b'{"v":"b"}'))
    doc.graft(edit("2-c", "r", body=b'{"v":"c"}'))
    update = doc.purge("2-c")
    assert update is not None
    assert (update.rev, update.promoted) == (None, "2-b")
    assert doc.row is not None and doc.row.body == b'{"v":"b"}'
    doc.check()


def test_a_purged_loser_goes_from_beside_the_row() -> None:
    doc = Document()
    doc.graft(edit("2-b", "r"))
    doc.graft(edit("2-c", "r"))
    update = doc.purge("2-b")
    assert update is not None and update.removed == ("2-b",)
    assert doc.beside == {}
    doc.check()


def test_a_document_without_leaves_goes_wholly() -> None:
    doc = Document()
    doc.graft(edit("2-b", "r"))
    doc.graft(edit("2-c", "r"))
    assert doc.purge("2-b", "2-c") is None


# Whatever the order


@st.composite
def histories(draw: st.DrawFn) -> list[Edit]:
    """Paths through one small tree, in any order, some cut short, with content that its leaf's name tells.

    All ids are hashes, or none is: a line of hashes is stored in another form.
    """
    letters, digits = draw(st.sampled_from([("xyz", 1), ("def", 31)]))
    paths: list[tuple[Rev, ...]] = []
    for number in range(draw(st.integers(1, 8))):
        above: tuple[Rev, ...] = draw(st.sampled_from([(), *paths]))
        rev = Rev(len(above) + 1, draw(st.sampled_from(letters)) + str(number).zfill(digits))
        paths.append((rev, *above))
    edits = []
    for path in paths:
        rev, kept = path[0], draw(st.integers(1, len(path)))
        ids = tuple(one.id for one in path[:kept])
        edits.append(Edit("doc", rev.pos, ids, rev.id[0] in "xd", b'{"v":"%b"}' % str(rev).encode()))
    return draw(st.permutations(edits))


@given(histories(), st.integers(1, 6))
def test_a_row_tells_the_tree_of_all_that_was_grafted(edits: list[Edit], limit: int) -> None:
    doc, tree = Document(limit), None
    for one in edits:
        doc.graft(one)
        path = single(one.pos, one.ids, deleted=one.deleted)
        if tree is None:
            tree = stem(path, limit)
        elif Rev(one.pos, one.ids[0]) in tree:
            known = {rev: flag for rev, flag in tree.deleted.items() if rev in path.deleted}
            tree = stem(merge(tree, Tree(path.parents, known)), limit)
        else:
            tree = stem(merge(tree, path), limit)
        assert doc.tree == tree
        doc.check()
    assert doc.bodies() == {rev: b'{"v":"%b"}' % rev.encode() for rev in doc.bodies()}


@given(histories())
def test_grafting_all_again_changes_nothing(edits: list[Edit]) -> None:
    doc = Document()
    for one in edits:
        doc.graft(one)
    row, bodies = doc.row, doc.bodies()
    for one in reversed(edits):
        doc.graft(one)
    assert (doc.row, doc.bodies()) == (row, bodies)


@given(histories(), st.data())
def test_an_edit_of_any_leaf_keeps_all_other_leaves(edits: list[Edit], data: st.DataObject) -> None:
    doc = Document()
    for one in edits:
        doc.graft(one)
    before = doc.bodies()
    if all(doc.tree.deleted.values()):
        leaf, named, deleted = doc.tree.winner, None, False
    else:
        leaf = data.draw(st.sampled_from(sorted(doc.tree.deleted)))
        named, deleted = str(leaf), data.draw(st.booleans())
    rev = doc.extend(edit(named, body=b'{"new":1}', deleted=deleted))
    doc.check()
    del before[str(leaf)]
    assert doc.bodies() == {**before, str(rev): b'{"new":1}'}
