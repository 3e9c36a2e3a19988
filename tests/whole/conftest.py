"""Two regions, the balancer and the todo app, once for all tests here that need no regions of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from couchgrass.cli.up import example_app
from couchgrass.testing.up import UpProcess, running_up
from tests.whole.site import LIMIT_S, is_well


@pytest.fixture(scope="package")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    with running_up(tmp_path_factory.mktemp("whole") / "two", app=example_app()) as found:
        yield found


@pytest.fixture
def two(ran: UpProcess) -> UpProcess:
    """It, well: whatever a test broke is mended, and the balancer lets all regions in."""
    ran.until(lambda: is_well(ran), LIMIT_S)
    return ran
