"""A whole region tells how it is: what breaks is noticed within moments, and all its metrics are one text."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from couchgrass.agent.seen import Health
from couchgrass.region.places import ACCOUNT, SHARED
from couchgrass.serving.inner import bearer
from couchgrass.testing.call import Reply, call
from couchgrass.testing.region import RegionProcess, running_region

pytestmark = pytest.mark.timeout(300)
"""A start of the whole region, and what is deployed to it, counts for the first test."""

HEARD_S = 60.0
"""Well under a second on a machine that has nothing else to do."""


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegionProcess]:
    with running_region(tmp_path_factory.mktemp("health")) as found:
        yield found


def ready(region: RegionProcess) -> Health:
    """How it is once all is well."""
    region.until(lambda: call(region.agent, "GET", "/_couchgrass/ready").status == 200)
    return health(call(region.agent, "GET", "/_couchgrass/ready").body)


def health(line: bytes) -> Health:
    return Health(**{**json.loads(line), "reasons": tuple(json.loads(line)["reasons"])})


def heard(region: RegionProcess, wanted: Callable[[Health], bool]) -> Health:
    """The first health of the events that is wanted."""
    ends_at = time.monotonic() + HEARD_S
    secret = (region.data / SHARED).read_text().strip()
    asking = urllib.request.Request(
        f"{region.agent}/_couchgrass/events", headers={"Authorization": bearer(secret)}
    )
    with urllib.request.urlopen(asking, timeout=HEARD_S) as events:
        for line in events:
            if wanted(seen := health(line)):
                return seen
            assert time.monotonic() < ends_at, seen
    raise AssertionError("the events ended")


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["database", "functions"])
def test_a_frozen_process_is_noticed_and_forgiven_when_it_goes_on(region: RegionProcess, name: str) -> None:
    before = ready(region)
    with frozen(region.seen(name).pid):
        seen = heard(region, lambda seen: parts(seen) == (name != "database", name != "functions"))
        assert not seen.live
    heard(region, lambda seen: seen.live)
    assert ready(region).region == before.region


def test_a_killed_database_is_another_incarnation_and_killed_functions_are_not(region: RegionProcess) -> None:
    before = ready(region)
    killed_and_heard(region, "functions", (True, False))
    assert ready(region).incarnation == before.incarnation
    killed_and_heard(region, "database", (False, True))
    assert ready(region).incarnation != before.incarnation


def killed_and_heard(region: RegionProcess, name: str, wanted: tuple[bool, bool]) -> None:
    """Kills a process, which is not started again before that was noticed."""
    assert region.supervisor is not None
    with frozen(region.supervisor.pid):
        former = region.kill(name)
        assert not heard(region, lambda seen: parts(seen) == wanted).live
    region.until_again(name, former)


def parts(seen: Health) -> tuple[bool, bool]:
    return seen.database, seen.functions


def test_the_canary_and_the_metrics_are_the_regions_own(region: RegionProcess) -> None:
    secret = (region.data / SHARED).read_text().strip()
    for base, method, path in (
        (region.functions, "POST", "/_couchgrass/canary"),
        (region.functions, "GET", "/_couchgrass/metrics"),
        (region.gateway, "GET", "/_couchgrass/metrics"),
    ):
        assert call(base, method, path).status == 404
        assert call(base, method, path, headers={"Authorization": "Bearer other"}).status == 404
        answer = call(base, method, path, headers={"Authorization": bearer(secret)})
        assert answer.status == 200, answer
    assert secret not in region.log.read_text(errors="replace")


def test_all_metrics_are_told_at_one_place(region: RegionProcess) -> None:
    ready(region)
    owner = region.owner("guest")
    owner.put("echo", "python:3", "def main(args): return args", web=True)
    assert owner.invoke("echo").status == 200
    seen: dict[tuple[Any, ...], float] = {}

    def are_all_there() -> bool:
        # A busy machine may take longer over a part than it is waited for.
        seen.clear()
        seen.update(metrics(call(region.agent, "GET", "/metrics")))
        return {part for _, part, *_ in seen} >= {"agent", "database", "functions", "gateway"}

    region.until(are_all_there)
    assert seen["couchgrass_ready", "agent"] == 1
    assert seen["couchgrass_functions_activations_total", "functions", "python:3", "success"] >= 1
    assert seen["couchgrass_functions_runs_total", "functions", "cold"] >= 1
    assert seen["couchdb_document_writes_total", "database"] >= 1
    assert seen["couchgrass_gateway_http_request_seconds_count", "gateway"] >= 0
    assert seen["couchgrass_data_bytes", "agent"] > 0
    failed = {part for name, part, *_ in seen if name == "couchgrass_scrape_failed_total"}
    assert failed == {"database", "functions", "gateway"}


def metrics(reply: Reply) -> dict[tuple[Any, ...], float]:
    """By name, part, and the other labels' values."""
    assert reply.status == 200
    found = {}
    for family in text_string_to_metric_families(reply.body.decode()):
        for one in family.samples:
            labels = dict(one.labels)
            assert labels.pop("region") == "local"
            key = (one.name, labels.pop("part"), *(labels[name] for name in sorted(labels)))
            assert key not in found
            found[key] = one.value
    return found


def test_a_region_without_its_account_for_the_database_says_so(region: RegionProcess) -> None:
    ready(region)
    account = region.data / ACCOUNT
    account.rename(region.folder / "away")
    try:
        seen = heard(region, lambda seen: not seen.database)
    finally:
        (region.folder / "away").rename(account)
    assert seen.reasons[0].startswith("database: "), seen
    ready(region)
