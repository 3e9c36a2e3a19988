"""What all tests share: a real server, and hypothesis without a stopwatch."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from couchgrass.testing.server import ServerProcess, running

settings.register_profile(
    "couchgrass", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("couchgrass")


@pytest.fixture(scope="session")
def couch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that need no settings of their own; each makes its own databases."""
    with running(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture
def server_data(tmp_path: Path) -> Path:
    """A data folder for a server of the test's own."""
    return tmp_path / "data"


@pytest.fixture
def db_name() -> str:
    """A database name that no other test has."""
    return f"test{uuid.uuid4().hex}"
