"""From a name to what is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from couchgrass.errors import NotFound
from couchgrass.functions.run.resolve import Resolver, component, may_run
from tests.functions.run.inmemory import ME, OTHER, Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.package("whisk.system/db", parameters={"a": "package", "b": "package", "c": "package"})
    region.action("whisk.system/db/read", parameters={"a": "action"}, annotations={"final": True})
    region.package("me/mine", public=False, binding=("whisk.system", "db"), parameters={"a": 1, "b": "bound"})
    region.package("other/hidden", public=False)
    region.action("other/hidden/act")
    region.package("me/peek", public=False, binding=("other", "hidden"))
    region.package("me/again", binding=("me", "mine"))
    region.action("me/plain")
    region.action("other/plain")
    return region


def test_parameters_are_the_package_s_under_the_binding_s_under_the_action_s(region: Region) -> None:
    resolved = Resolver(region.entities).resolve("me", "mine", "read")
    assert {each.key: each.value for each in resolved.parameters} == {
        "a": "action",
        "b": "bound",
        "c": "package",
    }
    assert resolved.action.namespace == "whisk.system"
    assert resolved.binding is not None and resolved.binding.name == "mine"
    assert resolved.fixed == {"a", "b", "c"}


def test_what_was_worked_out_is_remembered_until_any_part_of_it_is_changed(region: Region) -> None:
    asked: list[object] = []

    def accounts(parameters: Mapping[str, Any]) -> tuple[str, ...]:
        asked.append(dict(parameters))
        return ("acme",)

    resolver = Resolver(region.entities, accounts)
    first = resolver.resolve("me", "mine", "read")
    assert resolver.resolve("me", "mine", "read") is first
    assert (first.bound, first.accounts, len(asked)) == (
        {"a": "action", "b": "bound", "c": "package"},
        ("acme",),
        1,
    )
    region.package("me/mine", public=False, binding=("whisk.system", "db"), parameters={"b": "new"})
    assert resolver.resolve("me", "mine", "read").bound["b"] == "new"
    region.package("whisk.system/db", parameters={"c": "new"})
    assert resolver.resolve("me", "mine", "read").bound == {"a": "action", "b": "new", "c": "new"}
    region.action("whisk.system/db/read", parameters={"a": "new"}, annotations={"provide-api-key": False})
    assert resolver.resolve("me", "mine", "read").bound["a"] == "new"
    assert not resolver.resolve("me", "mine", "read").has_key


def test_an_action_in_no_package_has_its_own_parameters(region: Region) -> None:
    resolved = Resolver(region.entities).resolve("me", "", "plain")
    assert (resolved.package, resolved.binding, resolved.fixed) == (None, None, frozenset())


@pytest.mark.parametrize("name", [("me", "mine", "no"), ("me", "no", "read"), ("me", "again", "read")])
def test_what_is_not_there_is_not_found(region: Region, name: tuple[str, str, str]) -> None:
    with pytest.raises(NotFound):
        Resolver(region.entities).resolve(*name)


def test_others_run_what_is_in_public_packages_only(region: Region) -> None:
    def allowed(who: object, *name: str) -> bool:
        return may_run(who, Resolver(region.entities).resolve(*name))  # type: ignore[arg-type]

    assert allowed(ME, "whisk.system", "db", "read")
    assert allowed(ME, "me", "mine", "read")
    assert not allowed(OTHER, "me", "mine", "read")
    assert not allowed(ME, "other", "hidden", "act")
    assert not allowed(ME, "me", "peek", "act")
    assert allowed(OTHER, "other", "hidden", "act")
    assert allowed(ME, "me", "", "plain")
    assert not allowed(ME, "other", "", "plain")


def test_a_component_s_name_is_taken_apart() -> None:
    assert component("/_/a", "me") == ("me", "", "a")
    assert component("/other/pkg/a", "me") == ("other", "pkg", "a")
    assert component("other/pkg/a", "me") == ("other", "pkg", "a")
