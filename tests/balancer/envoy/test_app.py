"""What the balancer says of itself, asked of a real one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from couchgrass.balancer.envoy.admin import Admin
from couchgrass.balancer.state import BalancerState
from couchgrass.errors import PeerLost
from couchgrass.testing.call import call

from .conftest import Running, until


def test_its_state_is_the_file(site: Running) -> None:
    told = call(site.balancer.metrics_url, "GET", "/_couchgrass/balancer")
    state = msgspec.json.decode(told.body, type=BalancerState)
    assert site.balancer.process is not None
    assert (state.pid, state.url, state.policy) == (site.balancer.process.pid, site.balancer.url, "failover")
    assert list(state.regions) == ["london", "dallas"]


def test_its_metrics_have_envoys(site: Running) -> None:
    site.ask("GET", "/todos")
    text = ""

    def has_envoys() -> bool:
        nonlocal text
        text = call(site.balancer.metrics_url, "GET", "/metrics").body.decode()
        names = {family.name for family in text_string_to_metric_families(text)}
        assert "couchgrass_balancer_region_state" in names
        return "envoy_cluster_upstream_rq" in names

    # While Envoy does not answer in time, they are left out.
    until(has_envoys)
    totals = [line for line in text.splitlines() if line.startswith("couchgrass_balancer_requests_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in totals) >= 1


def test_other_paths_and_methods_are_refused(site: Running) -> None:
    assert call(site.balancer.metrics_url, "GET", "/").status == 404
    assert call(site.balancer.metrics_url, "POST", "/metrics").status == 405


def test_the_access_log_has_a_line_for_each_request_without_its_query(site: Running) -> None:
    site.ask("GET", "/logged?secret=1&in=london&cut=1", user_agent="tests")
    found: list[dict[str, Any]] = []

    def is_written() -> bool:
        # The last line may be half written.
        whole = (site.balancer.data / "access.log").read_text().split("\n")[:-1]
        found[:] = [line for line in map(json.loads, whole) if line["path"] == "/logged"]
        return bool(found)

    until(is_written)
    (line,) = found
    assert "secret" not in json.dumps(line)
    assert (line["method"], line["status"], line["region"], line["attempts"]) == ("GET", 200, "dallas", 2)
    assert (line["client"], line["agent"]) == ("127.0.0.1", "tests")


def test_the_admin_is_reached_in_a_folder_with_a_long_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("long") / ("x" * 120)
    folder.mkdir()

    async def work() -> None:
        async with Admin(folder) as admin:
            assert not await admin.is_ready()
            with pytest.raises(PeerLost, match="No such file"):
                await admin.stats()

    asyncio.run(work())
