"""Cities and where they are."""

from __future__ import annotations

import pytest

from couchgrass.topology.cities import CITIES, city_of, meant
from couchgrass.topology.geo import place


def test_each_is_on_the_globe_and_is_found_by_its_location_and_by_its_region() -> None:
    assert len(CITIES) > 90
    for city in CITIES.values():
        north, east = city.coordinates
        assert -90 < north < 90 and -180 < east < 180, city.name
        assert place(city.location) == city.coordinates, city.location
        assert city_of(city.region) == city, city.region
        assert city.region.isascii() and " " not in city.region


@pytest.mark.parametrize(
    ("region", "location"),
    [
        ("london", "London, GB"),
        ("New-York", "New York, US"),
        ("sao-paulo", "São Paulo, BR"),
        ("london-2", "London, GB"),
    ],
)
def test_a_region_is_named_after_a_city(region: str, location: str) -> None:
    city = city_of(region)
    assert city is not None
    assert city.location == location


def test_a_name_that_is_nearly_one_is_told() -> None:
    assert meant("londn") == "london"
    assert meant("new-yrok") == "new-york"
    assert meant("london") == ""
    assert meant("region-7") == ""
