"""What a drill's report says."""

from __future__ import annotations

import msgspec
import pytest

from couchgrass.drill.report import (
    KILL_S,
    RESTART_S_MAX,
    Fault,
    Loss,
    Report,
    broken_promises,
    facts,
    grace_s,
)
from couchgrass.drill.timeline import ByMethod, Slot

GET = ByMethod("GET", 100, 0, 0, 2, 0, 3.0, 9.0)
POST = ByMethod("POST", 40, 1, 1, 0, 0, 4.0, 11.0)


def good(**changes: object) -> Report:
    report = Report(
        fault=Fault("region", "kill", "london"),
        seconds=12.0,
        rate=200.0,
        broke_s=3.0,
        healed_s=7.0,
        methods=(GET, POST),
        rto_s=0.3,
        rpo=Loss(2, 0.05),
        lost=0,
        lost_documents=(),
        converged_s=1.2,
        conflicts=0,
        early=0,
        digests={"london": "aa", "dallas": "aa"},
        slots=(Slot(0.0, {"london": 50}, 0, 8.0), Slot(0.25, {"dallas": 20}, 1, 30.0)),
    )
    return msgspec.structs.replace(report, **changes)


def test_a_good_drill_breaks_no_promise() -> None:
    assert broken_promises(good()) == ()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"methods": (msgspec.structs.replace(GET, failed=1, in_flight_failed=1),)}, "1 GET requests failed"),
        ({"methods": (msgspec.structs.replace(POST, failed=3),)}, "2 POST requests failed"),
        ({"rto_s": None}, "did not come back"),
        ({"rto_s": 1.5}, "1.50 s to come back"),
        ({"lost": 2}, "2 acknowledged writes are lost"),
        ({"converged_s": None}, "did not become equal"),
        ({"converged_s": 6.0}, "6.0 s to be equal"),
        ({"early": 4}, "4 requests went to a region that was not ready"),
        ({"digests": {"london": "aa", "dallas": "bb"}}, "digests differ"),
        ({"aborted": "london did not start"}, "london did not start"),
    ],
)
def test_each_promise_that_was_not_kept_is_named(changes: dict[str, object], word: str) -> None:
    (said,) = broken_promises(good(**changes))
    assert word in said


def test_the_facts_have_all_that_was_measured() -> None:
    told = dict(facts(good()))
    assert told["failed"] == "0 of 100 GET, 1 of 40 POST"
    assert told["service again after (RTO)"] == "0.30 s"
    assert told["not yet in the survivor (RPO)"] == "2 writes, 0.05 s"
    assert told["digest of dallas"] == "aa"
    assert not [name for name in told if "busy" in name]
    assert "1.50 s" in [value for name, value in facts(good(late_s=1.5)) if "busy" in name]


def test_only_a_killed_region_refuses_almost_at_once() -> None:
    assert grace_s(Fault("region", "kill", "london")) == KILL_S
    assert grace_s(Fault("region", "pause", "london")) == 1
    assert grace_s(Fault("database", "kill", "london")) == 1


def test_while_the_balancer_is_started_again_nobody_answers() -> None:
    gets = msgspec.structs.replace(GET, failed=40, in_flight_failed=40)
    restart = {"fault": Fault("balancer-restart", "restart", ""), "methods": (gets,)}
    assert broken_promises(good(**restart, rto_s=RESTART_S_MAX)) == ()
    assert len(broken_promises(good(**restart, rto_s=RESTART_S_MAX + 0.1))) == 1
    late = msgspec.structs.replace(gets, failed=41)
    (said,) = broken_promises(good(**{**restart, "methods": (late,)}))
    assert said.startswith("1 GET requests failed that were not in flight")


def test_a_report_survives_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(good()), type=Report) == good()
