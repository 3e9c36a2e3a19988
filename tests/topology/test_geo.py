"""Places and the distances between them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.topology.cities import CITIES
from couchgrass.topology.geo import CLOUDS, EARTH_KM, distance_km, place

COORDINATES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [("London", "Dallas", 7630), ("London", "Paris", 344), ("Tokyo", "Sydney", 7825), ("Lima", "Lima", 0)],
)
def test_distances_are_those_of_an_atlas(one: str, other: str, km: float) -> None:
    found, far = place(one), place(other)
    assert found is not None and far is not None
    assert distance_km(found, far) == pytest.approx(km, rel=0.01)


@given(COORDINATES, COORDINATES)
def test_a_distance_is_the_same_both_ways_and_half_the_earth_at_most(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    assert distance_km(one, other) == pytest.approx(distance_km(other, one), abs=1e-6)
    assert 0 <= distance_km(one, other) <= math.pi * EARTH_KM + 1e-6


@pytest.mark.parametrize(
    ("location", "city"),
    [
        ("London", "london"),
        ("london, GB", "london"),
        ("London, England, UK", "london"),
        ("Dallas, TX", "dallas"),
        ("São Paulo, BR", "saopaulo"),
        ("New York", "newyork"),
        ("us-south", "dallas"),
        (" EU-West-2 ", "london"),
    ],
)
def test_a_location_is_found_as_people_write_it(location: str, city: str) -> None:
    assert place(location) == CITIES[city].coordinates


@pytest.mark.parametrize("location", ["", ",", "London, Ontario", "Londinium", "GB", "moon", "eu-west-99"])
def test_what_is_not_known_is_not_guessed(location: str) -> None:
    assert place(location) is None


def test_the_tables_are_whole() -> None:
    assert len(CLOUDS) > 70
    assert set(CLOUDS.values()) <= set(CITIES)
