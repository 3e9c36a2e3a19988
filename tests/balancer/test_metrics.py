"""The numbers as Prometheus' own client reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from couchgrass.balancer.metrics import text
from couchgrass.balancer.state import BalancerState, Doing, RegionSeen

STATE = BalancerState(
    pid=1,
    url="http://127.0.0.1:1",
    metrics_url="http://127.0.0.1:2",
    started=1795660218.52,
    policy="failover",
    envoy="running",
    envoy_restarts=2,
    regions={
        "london": RegionSeen(Doing.SERVING, "", 1795660218.5, True, True, 0.25, 3),
        "dallas": RegionSeen(Doing.OUT, "gone", 1795660220.5, False, False, None, 0),
    },
)


def test_the_text_is_what_prometheus_reads() -> None:
    families = {one.name: one for one in text_string_to_metric_families(text(STATE).decode())}
    values = {
        (sample.name.removeprefix("couchgrass_balancer_"), *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["envoy_up",] == 1
    assert values["envoy_restarts_total",] == 2
    assert values["start_time_seconds",] == STATE.started
    assert values["region_state", "london", "serving"] == 1
    assert values["region_state", "dallas", "serving"] == 0
    assert values["region_state", "dallas", "out"] == 1
    assert values["region_requests", "london"] == 3
    assert values["region_lag_seconds", "london"] == 0.25
    assert ("region_lag_seconds", "dallas") not in values, "nobody knows it"
    assert all(family.documentation for family in families.values())
