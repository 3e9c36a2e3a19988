"""The clients' side of Envoy's configuration, by golden files."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.balancer.order import order_of
from couchgrass.balancer.routes import RETRIES_MAX, listeners, routes
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Policy, Tls

from .golden import check

REGIONS = tuple(Region(name) for name in ("london", "dallas"))
LOG = "../access.log"


def rendered(policy: Policy = Policy.FAILOVER, regions: int = 2, **settings: Any) -> dict[str, Any]:
    wanted = Balancer(policy=policy, **settings)
    return routes(wanted, order_of(wanted, tuple(Region(f"r{number}") for number in range(regions))))


def test_a_plain_listener() -> None:
    check("listener-plain", listeners(Balancer(), 8080, LOG))


def test_a_listener_with_tls_http2_and_affinity() -> None:
    wanted = Balancer(host="0.0.0.0", affinity=True, affinity_minutes=5, tls=Tls("c.pem", "k.pem"))
    check("listener-tls-affinity", listeners(wanted, 443, LOG))


def test_affinity_without_tls() -> None:
    check("listener-affinity", listeners(Balancer(affinity=True), 8080, LOG))


def test_routes_for_any_host() -> None:
    check("routes-failover", routes(Balancer(), order_of(Balancer(), REGIONS)))


def test_routes_for_one_host() -> None:
    wanted = Balancer(policy=Policy.LEAST_REQUEST, hostname="API.example.org", request_timeout_s=5)
    check("routes-least-request-hostname", routes(wanted, order_of(wanted, REGIONS)))


def test_a_hostname_that_is_local_is_named_once() -> None:
    hosts = rendered(hostname="localhost")["resources"][0]["virtual_hosts"][0]["domains"]
    assert sorted(hosts) == sorted(set(hosts))


@pytest.mark.parametrize(("regions", "retries"), [(1, 1), (2, 1), (3, 2), (9, RETRIES_MAX)])
def test_a_request_is_tried_in_other_regions_up_to_a_bound(regions: int, retries: int) -> None:
    found = rendered(regions=regions)["resources"][0]["virtual_hosts"][0]["routes"]
    assert {one["route"]["retry_policy"]["num_retries"] for one in found if "route" in one} == {retries}
