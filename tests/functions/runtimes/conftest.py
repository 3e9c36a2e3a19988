"""Cells for the tests: the machine's best confinement, or each one in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from couchgrass.functions.runtimes import confine
from couchgrass.functions.runtimes.sandbox import Confinement, confinement
from tests.functions.runtimes.driver import Driver


@pytest.fixture(scope="package")
def best_driver() -> Iterator[Driver]:
    """The confinement that is in force here."""
    with_best = Driver()
    yield with_best
    with_best.close()


@pytest.fixture
def driver(best_driver: Driver) -> Iterator[Driver]:
    """The same; a test's cells end with it."""
    yield best_driver
    best_driver.end_all()


@pytest.fixture(scope="package", params=list(Confinement), ids=lambda confined: confined.value)
def each_driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """Each confinement that can work here."""
    if request.param is Confinement.BUBBLEWRAP and confinement() is not Confinement.BUBBLEWRAP:
        pytest.skip("the kernel refuses namespaces")
    if request.param is Confinement.LANDLOCK and not confine.abi():
        pytest.skip("the kernel has no Landlock")
    with_it = Driver(request.param)
    yield with_it
    with_it.close()


@pytest.fixture
def confined(each_driver: Driver) -> Iterator[Driver]:
    """The same; a test's cells end with it."""
    yield each_driver
    each_driver.end_all()
