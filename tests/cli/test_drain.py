"""``couchgrass drain`` and ``undrain``, with a balancer's folder and what it says."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from couchgrass.balancer.envoy.folder import Hold, read_drained, write_state
from couchgrass.balancer.state import BalancerState, Doing, RegionSeen
from couchgrass.testing.balancer import BalancerProcess
from couchgrass.testing.command import called
from couchgrass.testing.region import until


def topology(folder: Path) -> str:
    balancer = BalancerProcess(folder, {"london": 1001, "dallas": 1002})
    balancer.write()
    return str(balancer.file)


def told(doing: Doing, requests: int) -> BalancerState:
    london = RegionSeen(doing, "", 0.0, True, True, None, requests)
    return BalancerState(1, "", "", 0.0, "failover", "running", 0, {"london": london})


def test_it_waits_until_the_balancer_says_that_nothing_is_under_way(tmp_path: Path) -> None:
    file, data = topology(tmp_path), tmp_path / "balancer"
    with closing(Hold(data)):
        write_state(data, told(Doing.SERVING, 2))
        with subprocess.Popen(
            [sys.executable, "-m", "couchgrass", "drain", "london", "-c", file, "--timeout", "600"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as command:
            assert command.stderr is not None and command.stdout is not None
            try:
                # As the balancer does: it notices, counts, and says so.
                until(lambda: read_drained(data) == {"london"})
                for requests in (2, 1):
                    write_state(data, told(Doing.DRAINING, requests))
                    assert command.stderr.readline() == f"{requests} requests under way in london\n"
                write_state(data, told(Doing.DRAINED, 0))
                assert (command.stdout.read(), command.wait(60)) == ("london is drained\n", 0)
            finally:
                command.kill()  # else it would be waited for, as long as it is told to wait itself


def test_it_gives_up_in_time_and_the_region_stays_drained(tmp_path: Path) -> None:
    file, data = topology(tmp_path), tmp_path / "balancer"
    with closing(Hold(data)):
        write_state(data, told(Doing.DRAINING, 3))
        status, out, err = called("drain", "london", "-c", file, "--timeout", "0.1")
    assert (status, out) == (1, "")
    assert "3 requests were still under way after 0.1 s" in err
    assert read_drained(data) == {"london"}


def test_without_a_balancer_it_is_written_down_for_its_start(tmp_path: Path) -> None:
    topology(tmp_path)
    status, out, err = called("drain", "london", "--dir", str(tmp_path))
    assert (status, out) == (0, "london is drained\n")
    assert "No balancer runs here now" in err
    assert read_drained(tmp_path / "balancer") == {"london"}
    assert called("undrain", "london", "--dir", str(tmp_path))[:2] == (0, "london is no longer drained\n")
    assert called("undrain", "london", "--dir", str(tmp_path))[:2] == (0, "london was not drained\n")


def test_a_region_that_there_is_not(tmp_path: Path) -> None:
    file = topology(tmp_path)
    for command in ("drain", "undrain"):
        status, _, err = called(command, "tokyo", "-c", file)
        assert status == 1
        assert "no region tokyo: there is london, dallas" in err
    assert not (tmp_path / "balancer").exists()


def test_a_file_and_a_folder_are_one_too_many(tmp_path: Path) -> None:
    assert called("drain", "london", "-c", "x.toml", "--dir", str(tmp_path))[0] == 2
