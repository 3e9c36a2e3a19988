"""Cities and where they are."""

from __future__ import annotations

from couchgrass.topology.cities import CITIES, meant


def test_each_is_on_the_globe_and_has_a_region_s_name() -> None:
    for name, city in CITIES.items():
        north, east = city.coordinates
        assert -90 <= north <= 90, name
        assert -180 <= east <= 180, name
        assert name == name.lower()
        assert " " not in name


def test_a_name_that_is_nearly_one_is_told() -> None:
    assert meant("londn") == "london"
    assert meant("Dallas") == "dallas"
    assert meant("london") == ""
    assert meant("region-7") == ""
