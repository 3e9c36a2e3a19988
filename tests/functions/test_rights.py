"""Who may read which package."""

from __future__ import annotations

import pytest

from couchgrass.errors import Conflict, Forbidden, NotFound
from couchgrass.functions.entity import Identity, Package
from couchgrass.functions.rights import check_action, readable

ANN = Identity("ann", "ann", "1")
BOB = Identity("bob", "bob", "2")

PACKAGES = {
    (package.namespace, package.name): package
    for package in (
        Package("ann", "secret"),
        Package("ann", "open", publish=True),
        Package("ann", "mine", binding=("ann", "secret"), publish=True),
        Package("bob", "to_open", binding=("ann", "open")),
        Package("bob", "to_secret", binding=("ann", "secret")),
        Package("bob", "to_nothing", binding=("ann", "nothing")),
        Package("bob", "to_binding", binding=("ann", "mine")),
        Package("ann", "to_nothing", binding=("ann", "nothing")),
    )
}


def lookup(namespace: str, name: str) -> Package:
    if name == "an_action":
        raise Conflict("Resource by this name exists but is not in this collection.")
    try:
        return PACKAGES[namespace, name]
    except KeyError:
        raise NotFound from None


@pytest.mark.parametrize(
    ("who", "namespace", "name", "provider"),
    [
        (ANN, "ann", "secret", None),
        (ANN, "ann", "open", None),
        (ANN, "ann", "mine", "secret"),
        (BOB, "ann", "open", None),
        (BOB, "bob", "to_open", "open"),
    ],
)
def test_own_and_public_packages_are_readable(
    who: Identity, namespace: str, name: str, provider: str | None
) -> None:
    found, behind = readable(who, namespace, name, lookup)
    assert found is PACKAGES[namespace, name]
    assert (behind and behind.name) == provider
    check_action(who, namespace, name, "act", lookup)


@pytest.mark.parametrize(
    ("who", "namespace", "name"),
    [
        (BOB, "ann", "secret"),
        (BOB, "ann", "mine"),
        (BOB, "ann", "nothing"),
        (BOB, "ann", "an_action"),
        (BOB, "bob", "to_secret"),
        (BOB, "bob", "to_nothing"),
        (BOB, "bob", "to_binding"),
        (ANN, "bob", "to_open"),
    ],
)
def test_others_are_refused_alike_whether_there_is_one_or_not(
    who: Identity, namespace: str, name: str
) -> None:
    with pytest.raises(Forbidden) as refused:
        readable(who, namespace, name, lookup)
    assert refused.value.reason == (
        f"The supplied authentication is not authorized to access '{namespace}/{name}'."
    )


@pytest.mark.parametrize("name", ["nothing", "to_nothing"])
def test_the_owner_is_told_what_is_missing(name: str) -> None:
    with pytest.raises(NotFound):
        readable(ANN, "ann", name, lookup)


def test_the_owner_is_told_that_a_name_is_something_elses() -> None:
    with pytest.raises(Conflict):
        readable(ANN, "ann", "an_action", lookup)


def test_an_action_in_no_package_is_its_owners_alone() -> None:
    check_action(ANN, "ann", "", "act", lookup)
    with pytest.raises(Forbidden, match="'ann/act'"):
        check_action(BOB, "ann", "", "act", lookup)
