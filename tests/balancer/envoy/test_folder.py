"""Who has the folder, and what is kept in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from couchgrass.balancer.envoy.folder import (
    BalancerRefused,
    Hold,
    change_drained,
    forget_drained,
    read_drained,
    read_state,
    write_state,
)
from couchgrass.balancer.state import BalancerState

STATE = BalancerState(1, "http://a", "http://b", 2.5, "failover", "running", 0, {})


def test_one_balancer_has_a_folder(tmp_path: Path) -> None:
    data = tmp_path / "balancer"
    with closing(Hold(data)):
        assert data.stat().st_mode & 0o777 == 0o700
        with pytest.raises(BalancerRefused, match="in use by another balancer"):
            Hold(data)
    Hold(data).close()


def test_the_state_counts_as_long_as_the_balancer_lives(tmp_path: Path) -> None:
    assert read_state(tmp_path / "nowhere") is None
    with closing(Hold(tmp_path)):
        assert read_state(tmp_path) is None
        write_state(tmp_path, STATE)
        assert read_state(tmp_path) == STATE
    assert read_state(tmp_path) is None, "it was left by one that was killed"
    with closing(Hold(tmp_path)):
        assert read_state(tmp_path) is None


def test_a_state_that_is_none_is_said(tmp_path: Path) -> None:
    with closing(Hold(tmp_path)):
        (tmp_path / "balancer.json").write_text("{")
        with pytest.raises(BalancerRefused, match=r"balancer\.json can't be read"):
            read_state(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BalancerRefused, match="can't be used"):
        Hold(tmp_path / "file")
    with pytest.raises(BalancerRefused, match="can't be used"):
        change_drained(tmp_path / "file", "london", is_drained=True)


def test_regions_are_drained_and_undrained(tmp_path: Path) -> None:
    assert read_drained(tmp_path) == frozenset()
    assert change_drained(tmp_path, "london", is_drained=True)
    assert not change_drained(tmp_path, "london", is_drained=True)
    assert read_drained(tmp_path) == {"london"}
    assert change_drained(tmp_path, "london", is_drained=False)
    assert not change_drained(tmp_path, "london", is_drained=False)


def test_a_region_that_is_no_more_is_not_drained_any_more(tmp_path: Path) -> None:
    for name in ("london", "tokyo"):
        change_drained(tmp_path, name, is_drained=True)
    assert forget_drained(tmp_path, {"tokyo", "mars"})
    assert not forget_drained(tmp_path, {"tokyo"})
    assert read_drained(tmp_path) == {"london"}


def test_two_that_drain_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [f"r{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: change_drained(tmp_path, name, is_drained=True), names))
    assert read_drained(tmp_path) == set(names)


def test_a_list_that_is_none_is_said_and_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "drained.json").write_text("[]")
    with pytest.raises(BalancerRefused, match=r"drained\.json can't be read"):
        change_drained(tmp_path, "london", is_drained=True)
    assert (tmp_path / "drained.json").read_text() == "[]"
