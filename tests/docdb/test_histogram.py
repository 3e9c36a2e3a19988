"""Histograms: CouchDB's figures, and only of the last seconds."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.histogram import Histogram


def test_nothing_observed_is_all_zero() -> None:
    summary = Histogram().summary(0)
    assert summary.pop("percentile") == [[50, 0], [75, 0], [90, 0], [95, 0], [99, 0], [999, 0]]
    assert summary.pop("histogram") == [[0, 0]]
    assert set(summary.values()) == {0}


def test_the_figures_are_those_that_couchdb_gets() -> None:
    histogram = Histogram()
    for value in (0.05, 0.9, 0.7, 0.7, 10.1, 11, 100.5, 0.10, 13.5):
        histogram.observe(value, 3.0)
    summary = histogram.summary(3.0)
    assert summary["n"] == 9
    near = {
        "min": 0.047,
        "max": 104,
        "arithmetic_mean": 15.33,
        "geometric_mean": 1.93,
        "harmonic_mean": 0.258,
        "median": 0.906,
        "variance": 923.4,
        "standard_deviation": 30.39,
        "skewness": 2.338,
        "kurtosis": 3.728,
    }
    assert {name: summary[name] for name in near} == pytest.approx(near, rel=1e-2)
    assert dict(summary["percentile"]) == pytest.approx(
        {50: 0.906, 75: 11.75, 90: 96.8, 95: 100.4, 99: 103.3, 999: 103.9}, rel=1e-3
    )


def test_equal_values_have_no_spread() -> None:
    histogram = Histogram()
    for _ in range(1000):
        histogram.observe(10_000_000, 0.0)
    summary = histogram.summary(0.0)
    assert (summary["min"], summary["max"]) == (3_932_160, 4_194_304)
    assert [summary[name] for name in ("variance", "skewness", "kurtosis")] == [0, 0, 0]


def test_a_value_counts_for_the_interval_and_no_longer() -> None:
    histogram = Histogram(interval_s=10)
    histogram.observe(1, 100.5)
    assert histogram.summary(109.9)["n"] == 1
    assert histogram.summary(110.0)["n"] == 0
    histogram.observe(1, 110.2)
    histogram.observe(1, 111.0)
    assert histogram.summary(111.0)["n"] == 2
    assert (histogram.count, histogram.total) == (3, 3.0)


def test_what_is_observed_every_second_is_kept_for_the_interval_only() -> None:
    histogram = Histogram(interval_s=3)
    for second in range(50):
        histogram.observe(1, second)
    assert histogram.summary(49)["n"] == 3


@given(st.lists(st.floats(0.01, 4_000_000), min_size=1, max_size=50))
def test_figures_are_within_a_bins_width_of_the_truth(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value, 7)
    summary = histogram.summary(7)
    assert summary["n"] == len(values)
    assert summary["min"] <= min(values)
    assert summary["max"] >= max(values)
    assert summary["arithmetic_mean"] == pytest.approx(statistics.fmean(values), rel=1 / 8)
    percentiles = [value for _, value in summary["percentile"]]
    assert percentiles == sorted(percentiles)
    assert summary["min"] <= percentiles[0] <= percentiles[-1] <= summary["max"]


@given(st.floats(allow_nan=False))
def test_any_number_is_counted(value: float) -> None:
    histogram = Histogram()
    histogram.observe(value, 0)
    assert histogram.summary(0)["n"] == 1
