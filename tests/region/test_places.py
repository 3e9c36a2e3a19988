"""The names in a data folder."""

from __future__ import annotations

from couchgrass.region.places import key_file


def test_a_key_is_kept_under_its_namespaces_name() -> None:
    assert key_file("/srv/data", "guest") == "/srv/data/keys/guest.json"
