"""Requests are counted by what they were, and made-up methods are one."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from couchgrass.exposition import exposition
from couchgrass.serving.counted import Requests


def test_requests_are_counted_by_method_and_status() -> None:
    requests = Requests()
    for method, status in (("GET", 200), ("GET", 200), ("PUT", 409), ("BREW", 405), ("TEA", 405)):
        requests.add(method, status, 0.25)
    requests_read, took = text_string_to_metric_families(exposition(requests.families("x")))
    counted = {(one.labels["method"], one.labels["code"]): one.value for one in requests_read.samples}
    assert counted == {("GET", "200"): 2, ("PUT", "409"): 1, ("other", "405"): 2}
    assert {one.name: one.value for one in took.samples}["x_http_request_seconds_sum"] == 1.25
