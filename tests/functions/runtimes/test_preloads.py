"""The preloads are there, for each family that has packages too."""

from __future__ import annotations

from couchgrass.functions.packages import FOLDERS
from couchgrass.functions.runtimes.preloads import PRELOADS


def test_each_family_has_its_script() -> None:
    assert set(PRELOADS) == set(FOLDERS)
    assert all(path.is_file() and "COUCHGRASS_ACCOUNTS" in path.read_text() for path in PRELOADS.values())
