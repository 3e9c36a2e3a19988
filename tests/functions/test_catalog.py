"""The catalog against a plain list of entities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.errors import Conflict, NotFound
from couchgrass.functions.catalog import Catalog
from couchgrass.functions.documents import entity_id
from couchgrass.functions.entity import Action, Entity, Exec, Package, Rule, Trigger

few = st.sampled_from("abc")
ages = st.integers(0, 3)
entities: st.SearchStrategy[Entity] = st.one_of(
    st.builds(Action, few, st.just("") | few, few, st.just(Exec("python:3")), updated=ages),
    st.builds(Package, few, few, updated=ages),
    st.builds(Trigger, few, few, updated=ages),
    st.builds(Rule, few, few, st.tuples(few, few), st.tuples(few, few, few), updated=ages),
)


@given(st.lists(entities | st.tuples(few, few).map("/".join), max_size=20))
def test_it_holds_what_was_put_last_and_not_removed(steps: list[Entity | str]) -> None:
    catalog, model = Catalog(), dict[str, Entity]()
    for step in steps:
        if isinstance(step, str):
            catalog.remove(step)
            model.pop(step, None)
        else:
            catalog.put(step)
            model[entity_id(step)] = step
    assert len(catalog) == len(model) and {entity_id(one): one for one in catalog} == model
    for namespace in "abc":
        listed = (
            catalog.actions(namespace)
            + catalog.packages(namespace)
            + catalog.triggers(namespace)
            + catalog.rules(namespace)
        )
        assert {entity_id(one) for one in listed} == {
            id for id, one in model.items() if one.namespace == namespace
        }
        ages_listed = [one.updated for one in catalog.actions(namespace)]
        assert ages_listed == sorted(ages_listed, reverse=True)
        for trigger in "abc":
            assert catalog.rules_of(namespace, trigger) == [
                one
                for _, one in sorted(model.items())
                if isinstance(one, Rule) and one.trigger == (namespace, trigger)
            ]


def test_actions_of_one_package_of_none_and_of_all() -> None:
    catalog = Catalog()
    for package in ("", "p", "q"):
        catalog.put(Action("ns", package, "a", Exec("python:3")))
    assert [one.path for one in catalog.actions("ns", "p")] == ["ns/p/a"]
    assert [one.path for one in catalog.actions("ns", "")] == ["ns/a"]
    assert len(catalog.actions("ns")) == 3


def test_a_name_of_another_kind_is_a_conflict_and_one_that_is_not_there_is_not_found() -> None:
    catalog = Catalog()
    catalog.put(Trigger("ns", "t"))
    assert catalog.trigger("ns", "t").name == "t"
    for lookup in (catalog.package, catalog.rule):
        with pytest.raises(Conflict, match=r"Resource by this name exists but is not in this collection\."):
            lookup("ns", "t")
    with pytest.raises(Conflict):
        catalog.action("ns", "", "t")
    with pytest.raises(NotFound, match=r"The requested resource does not exist\."):
        catalog.action("ns", "t", "t")
