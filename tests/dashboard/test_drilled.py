"""What is asked of a drill, and what its folder says."""

from __future__ import annotations

import pytest

from couchgrass.dashboard.drilled import (
    LOG_BYTES_SHOWN,
    Asked,
    Reported,
    check,
    is_id,
    lines,
    options,
    run_of,
)
from couchgrass.dashboard.seen import DrillAsked
from couchgrass.drill.report import Fault
from couchgrass.errors import BadRequest

REGIONS = ("london", "dallas")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (DrillAsked("fire"), "there is no fault 'fire': there is region, database, functions, link, "),
        (DrillAsked(how="burn"), "there is no way to do it 'burn': there is kill, pause, cut, slow"),
        (DrillAsked("link", how="kill"), "--fault link is done by cut or slow, not by kill"),
        (DrillAsked("all", how="kill"), "leave --how out"),
        (DrillAsked(region="paris"), "there is no region paris: there is london, dallas"),
        (DrillAsked(load=0), "--load above 0 up to 5000"),
        (DrillAsked(seconds=1), "--seconds is 4 to 3600"),
    ],
)
def test_what_the_command_would_refuse_is_refused_in_its_words(asked: DrillAsked, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check(asked, REGIONS)
    assert words in refused.value.reason


def test_one_region_is_too_few() -> None:
    with pytest.raises(BadRequest, match="needs two regions"):
        check(DrillAsked(), ("london",))


def test_what_is_asked_becomes_options() -> None:
    asked = DrillAsked("link", "slow", "london", 50, 8)
    check(asked, REGIONS)
    assert options(asked) == ["--fault=link", "--load=50", "--seconds=8", "--how=slow", "--region=london"]
    assert options(DrillAsked()) == ["--fault=region", "--load=200.0", "--seconds=20.0"]


@pytest.mark.parametrize("text", ["", "..", "20260101T000000-0123456", "20260101T000000-0123456g", "lock"])
def test_nothing_else_is_an_id(text: str) -> None:
    assert not is_id(text)


def test_whether_all_was_kept() -> None:
    noted = Asked(DrillAsked(), 5.0)
    good, bad = Reported(), Reported(Fault("region", "kill", "london"), ("1 acknowledged writes are lost",))
    assert run_of("x", noted, None, None).kept is None
    assert run_of("x", noted, 9.0, []).kept is None
    assert run_of("x", noted, 9.0, [good]).kept is True
    run = run_of("x", noted, 9.0, [bad])
    assert (run.kept, run.broken_promises) == (False, ("1 acknowledged writes are lost",))


def test_of_several_drills_that_ended_early_nobody_knows_but_what_was_broken() -> None:
    noted = Asked(DrillAsked("all"), 5.0)
    bad = Reported(Fault("link", "cut", "london"), ("the regions' digests differ",))
    assert run_of("x", noted, 9.0, [Reported()]).kept is None
    assert run_of("x", noted, 9.0, [Reported()] * 9).kept is True
    run = run_of("x", noted, 9.0, [Reported(), bad])
    assert (run.kept, run.broken_promises) == (False, ("link, cut: the regions' digests differ",))


def test_a_log_is_plain_lines() -> None:
    assert lines(b"\x1b[1mone\x1b[0m  \n\n two\r\nthr\xffee\x00\n") == ("one", " two", "thr\ufffdee")


def test_of_a_long_log_the_end_is_shown() -> None:
    found = lines(b"first\n" + b"x" * LOG_BYTES_SHOWN + b"\nlast\n")
    assert (found[0], found[-1], len(found)) == ("…", "last", 2)
