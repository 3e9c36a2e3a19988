"""Envoy's answer, shortened to what counts and with what does not."""

from __future__ import annotations

import msgspec
import pytest

from couchgrass.balancer.admission import Load
from couchgrass.balancer.loads import loads_of, totals_of


def host(port: int, health: dict[str, object], **stats: object) -> dict[str, object]:
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "stats": [
            {"name": name, **({} if value is None else {"value": value})} for name, value in stats.items()
        ],
        "health_status": health,
        "weight": 1,
    }


def answer(*hosts: dict[str, object]) -> bytes:
    other = {"name": "other", "host_statuses": [host(1, {}, rq_active="9")]}
    return msgspec.json.encode({"cluster_statuses": [other, {"name": "regions", "host_statuses": hosts}]})


REGIONS = {("127.0.0.1", 1): "london", ("127.0.0.1", 2): "dallas"}


def test_requests_under_way_and_those_that_wait_for_a_connection_are_counted() -> None:
    text = answer(
        host(1, {"eds_health_status": "HEALTHY"}, rq_active="3", rq_pending_active="2", rq_total="99"),
        host(2, {"eds_health_status": "DRAINING"}, rq_active=None),
        host(3, {"eds_health_status": "HEALTHY"}, rq_active="7"),
    )
    assert loads_of(text, REGIONS) == {"london": Load(5, True), "dallas": Load(0, False)}


def test_a_health_check_that_fails_does_not_close_a_region() -> None:
    text = answer(host(1, {"failed_active_health_check": True, "eds_health_status": "HEALTHY"}))
    assert loads_of(text, REGIONS) == {"london": Load(0, True)}


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        loads_of(b"not yet", REGIONS)


def test_all_requests_since_the_start_are_counted() -> None:
    text = answer(
        host(1, {}, rq_active="3", rq_total="99"), host(2, {}, rq_total=None), host(3, {}, rq_total="7")
    )
    assert totals_of(text, REGIONS) == {"london": 99, "dallas": 0}
