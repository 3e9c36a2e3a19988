"""The cluster's side of Envoy's configuration, by golden files; a real Envoy takes them in envoy/."""

from __future__ import annotations

import pytest

from couchgrass.balancer.admission import Mode
from couchgrass.balancer.order import Order, order_of
from couchgrass.balancer.render import (
    Upstream,
    bootstrap,
    clusters,
    discovered,
    endpoints,
    from_file,
    seconds,
    secrets,
    text,
)
from couchgrass.region.config import Region
from couchgrass.topology.config import Balancer, Policy

from .golden import check

REGIONS = (Region("london", location="London"), Region("dallas", location="Dallas, TX"), Region("tokyo"))
OURS = tuple(Upstream(region.name, "127.0.0.1", 3234 + at) for at, region in enumerate(REGIONS))
ELSEWHERE = (
    OURS[0],
    Upstream("dallas", "192.0.2.7", 443, "api.dallas.example.org", is_tls=True),
    Upstream("tokyo", "192.0.2.8", 80, "openwhisk.example.org", is_ours=False),
)
MODES = {"london": Mode.OPEN, "dallas": Mode.DRAINING}
CA = "authorities.pem"


def order(policy: Policy = Policy.FAILOVER) -> Order:
    return order_of(Balancer(policy=policy, weights={"london": 3, "tokyo": 0}, location="Madrid"), REGIONS)


def test_bootstrap() -> None:
    check("bootstrap", bootstrap())


@pytest.mark.parametrize("policy", Policy)
def test_endpoints_of_each_policy(policy: Policy) -> None:
    check(f"endpoints-{policy.value}", endpoints(order(policy), OURS, MODES))


@pytest.mark.parametrize("policy", Policy)
def test_a_region_in_reserve_comes_behind_all_others(policy: Policy) -> None:
    found = endpoints(order(policy), OURS, {**MODES, "london": Mode.RESERVE, "tokyo": Mode.OPEN})
    groups = found["resources"][0]["endpoints"]
    assert [group["priority"] for group in groups] == list(range(len(groups)))
    (last,) = groups[-1]["lb_endpoints"]
    assert last["metadata"]["filter_metadata"]["couchgrass"]["region"] == "london"
    assert last["health_status"] == "HEALTHY"


def test_endpoints_elsewhere_by_name_and_tls() -> None:
    check("endpoints-elsewhere", endpoints(order(), ELSEWHERE, dict.fromkeys(MODES, Mode.OPEN)))


def test_a_cluster_that_picks_by_priority() -> None:
    check("cluster-failover", clusters(Balancer(), order(), OURS, CA))


def test_a_cluster_that_picks_by_load_with_regions_behind_tls() -> None:
    check("cluster-least-request-tls", clusters(Balancer(), order(Policy.LEAST_REQUEST), ELSEWHERE, CA))


def test_one_region_alone_is_never_left_alone_as_an_outlier() -> None:
    alone = order_of(Balancer(), REGIONS[:1])
    assert b"outlier" not in text(clusters(Balancer(), alone, OURS[:1], CA))


def test_a_region_that_nobody_knows_the_place_of_leaves_no_gap() -> None:
    value = endpoints(order(), OURS[1:], {})
    (assignment,) = value["resources"]
    assert [one["priority"] for one in assignment["endpoints"]] == [0, 1]


def test_secrets() -> None:
    check("secrets", secrets("the certificate\n", "the key\n"))


def test_the_version_is_a_hash_of_the_content() -> None:
    one, other = discovered([{"a": 1}]), discovered([{"a": 2}])
    assert one == discovered([{"a": 1}])
    assert one["version_info"] != other["version_info"]


def test_a_file_is_named_relative_to_its_folder_and_with_a_slash_which_envoy_insists_on() -> None:
    assert from_file("eds.json")["path_config_source"] == {"path": "./eds.json"}


def test_durations_are_in_seconds() -> None:
    assert (seconds(0.25), seconds(70)) == ("0.250s", "70.000s")
