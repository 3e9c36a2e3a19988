"""Metrics' text, read back by Prometheus' own client."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from couchgrass.exposition import SECONDS, Family, Sample, Spread, exposition


def test_a_family_is_read_back_with_its_labels_whatever_is_in_them() -> None:
    hostile = 'a "quoted"\\ name\nof two lines'
    families = [Family("things", "gauge", hostile, [Sample(1.5, {"name": hostile}), Sample(float("inf"))])]
    (read,) = text_string_to_metric_families(exposition(families))
    assert [(one.labels, one.value) for one in read.samples] == [({"name": hostile}, 1.5), ({}, float("inf"))]


def test_a_spread_is_a_histogram_whose_buckets_add_up() -> None:
    spread = Spread()
    for took_s in (0.0005, SECONDS[0], 0.3, 1000.0):
        spread.add(took_s)
    (read,) = text_string_to_metric_families(
        exposition([Family("took_seconds", "histogram", "how long", spread.samples({"kind": "x"}))])
    )
    buckets = {one.labels["le"]: one.value for one in read.samples if one.name.endswith("_bucket")}
    assert (buckets["0.001"], buckets["0.25"], buckets["0.5"], buckets["60.0"], buckets["+Inf"]) == (
        *(2, 2, 3, 3),
        4,
    )
    others = {one.name: one.value for one in read.samples if not one.name.endswith("_bucket")}
    assert others["took_seconds_count"] == 4
    assert abs(others["took_seconds_sum"] - (0.0005 + SECONDS[0] + 1000.3)) < 1e-9
