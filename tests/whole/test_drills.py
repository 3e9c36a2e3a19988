"""Drills against real regions: what must hold however slow the machine is.

How soon service is back depends on the machine; `couchgrass drill` and `bench/` measure it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from couchgrass.testing.command import called
from couchgrass.testing.up import UpProcess

SECONDS, RATE = "5", "30"

WAITING = "requests under way in a region that is out have to wait for it"
"""The balancer says so where containers may not look into their own processes (docs/balancer.md)."""


def drilled(two: UpProcess, folder: Path, *fault: str) -> dict[str, Any]:
    """The report of a drill."""
    file = folder / "report.json"
    load = ("--load", RATE, "--seconds", SECONDS, "--json", str(file))
    status, out, said = called("drill", "--dir", str(two.folder), "--fault", *fault, *load)
    assert file.exists(), (status, out, said)
    (report,) = json.loads(file.read_text())
    assert isinstance(report, dict)
    return report


def nothing_is_lost(report: dict[str, Any]) -> None:
    assert report["aborted"] == ""
    assert (report["lost"], report["lost_documents"]) == (0, [])
    digests = report["digests"]
    assert set(digests) == {"london", "dallas"}
    assert len(set(digests.values())) == 1
    assert not any("unknown" in digest for digest in digests.values())
    assert report["converged_s"] is not None
    assert report["early"] == 0, "a region that is not ready yet gets no requests"
    assert sum(one["requests"] for one in report["methods"]) > 0


@pytest.mark.parametrize(
    "fault",
    ["region", "region --how pause", "database", "functions", "link"],
)
def test_no_read_fails_and_nothing_is_lost(fault: str, two: UpProcess, tmp_path: Path) -> None:
    report = drilled(two, tmp_path, *fault.split())
    nothing_is_lost(report)
    assert report["rto_s"] is not None
    gets = [one for one in report["methods"] if one["method"] == "GET"]
    if gets[0]["failed"] and "pause" in fault and WAITING in two.words:
        pytest.skip("the system does not let the balancer close connections to a region that is frozen")
    assert [one["failed"] for one in gets] == [0], report["broken_promises"]


def test_while_the_balancer_starts_again_nobody_answers_but_nothing_is_lost(
    two: UpProcess, tmp_path: Path
) -> None:
    former = two.pid("balancer")
    report = drilled(two, tmp_path, "balancer-restart")
    nothing_is_lost(report)
    two.until(lambda: two.pid("balancer") != former)
    slots = report["slots"]
    failed = [slot["at_s"] for slot in slots if slot["failed"]]
    assert all(at >= report["broke_s"] - 0.25 for at in failed), "not before it ended"
