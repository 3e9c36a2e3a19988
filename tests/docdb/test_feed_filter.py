"""Which filters leave documents out."""

from __future__ import annotations

import pytest

from couchgrass.docdb.feed_filter import Filter


@pytest.mark.parametrize("filter", [Filter(), Filter(all_leaves=False)])
def test_a_filter_that_names_nothing_selects_nothing(filter: Filter) -> None:
    assert not filter.selects


@pytest.mark.parametrize("filter", [Filter(doc_ids=()), Filter(selector={}), Filter(name="d/f")])
def test_ids_selectors_and_names_select_even_when_they_are_empty(filter: Filter) -> None:
    assert filter.selects
