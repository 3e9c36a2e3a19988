"""PUT of packages and bindings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from couchgrass.errors import BadRequest, Conflict, CouchgrassError, Forbidden, NotFound
from couchgrass.functions import put_package
from couchgrass.functions.entity import Package, Parameter
from tests.functions.test_bodies import json_values

THERE = {
    ("ns", "pkg"): Package("ns", "pkg"),
    ("ns", "bound"): Package("ns", "bound", binding=("ns", "pkg")),
    ("other", "public"): Package("other", "public", publish=True),
    ("other", "private"): Package("other", "private"),
}


def lookup(namespace: str, name: str) -> Package:
    if name == "trigger":
        raise Conflict("not in this collection")
    if (namespace, name) not in THERE:
        raise NotFound("no such")
    return THERE[namespace, name]


def created(body: Any) -> Package:
    return put_package.created(put_package.read(body, namespace="ns"), "ns", "new", lookup, now_ms=7)


def updated(package: Package, body: Any) -> Package:
    return put_package.updated(put_package.read(body, namespace="ns"), package, lookup, now_ms=8)


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def test_an_empty_body_makes_a_package() -> None:
    assert created({}) == Package("ns", "new", updated=7)
    assert created({"binding": {}, "publish": True}).binding is None


def test_a_binding_says_so_in_an_annotation_that_nobody_else_writes() -> None:
    found = created({"binding": {"namespace": "_", "name": "pkg"}, "annotations": rows(binding=1, a=2)})
    assert found.binding == ("ns", "pkg")
    assert found.annotations == {"a": 2, "binding": {"namespace": "ns", "name": "pkg"}}
    assert created({"annotations": rows(binding=1, a=2)}).annotations == {"a": 2}


def test_an_update_replaces_what_it_gives() -> None:
    was = created({"parameters": rows(a=1, b=2), "annotations": rows(c=3), "publish": True, "version": "2"})
    now = updated(was, {"parameters": rows(b=3)})
    assert (now.parameters, now.annotations) == ((Parameter("b", 3),), {"c": 3})
    assert (now.version, now.publish, now.updated) == ("2.0.1", True, 8)
    assert updated(was, {"annotations": rows(d=4)}).annotations == {"d": 4}


def test_a_binding_keeps_or_moves_its_end() -> None:
    was = created({"binding": {"namespace": "ns", "name": "pkg"}})
    assert updated(was, {"annotations": []}).annotations == was.annotations
    moved = updated(was, {"binding": {"namespace": "other", "name": "public"}})
    assert moved.binding == ("other", "public")
    assert moved.annotations["binding"] == {"namespace": "other", "name": "public"}


@pytest.mark.parametrize(
    ("namespace", "name", "error", "why"),
    [
        ("ns", "none", BadRequest, "Binding references a package that does not exist."),
        ("ns", "bound", BadRequest, "Cannot bind to another package binding."),
        ("ns", "trigger", Conflict, "Cannot bind to a resource that is not a package."),
        ("other", "private", Forbidden, "is not authorized to access 'other/private'."),
    ],
)
def test_what_can_not_be_bound_to(namespace: str, name: str, error: type[CouchgrassError], why: str) -> None:
    with pytest.raises(error, match=why):
        created({"binding": {"namespace": namespace, "name": name}})


def test_a_package_does_not_become_a_binding() -> None:
    with pytest.raises(Conflict, match="Resource is a package and cannot be converted into a binding"):
        updated(THERE["ns", "pkg"], {"binding": {"namespace": "ns", "name": "none"}})


@pytest.mark.parametrize(
    "binding", ["a", {"name": "pkg"}, {"namespace": "ns"}, {"namespace": "", "name": "p"}]
)
def test_a_binding_of_the_wrong_form_is_refused(binding: Any) -> None:
    with pytest.raises(BadRequest, match="The request content was malformed"):
        created({"binding": binding})


@given(json_values)
def test_any_binding_is_taken_or_refused_with_a_reason(binding: Any) -> None:
    try:
        created({"binding": binding})
    except CouchgrassError as refused:
        assert refused.status in (400, 403, 409) and refused.reason
