"""A folder's lock: one has it, others look, and a look is no reason to be refused."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from couchgrass.serving import locks
from couchgrass.serving.locks import alone, is_taken, take


def test_one_has_it_until_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not is_taken(file)
    held = take(file)
    assert is_taken(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BlockingIOError):
        take(file)
    os.close(held)
    assert not is_taken(file)
    os.close(take(file))


def test_who_looks_at_that_moment_does_not_keep_another_from_taking_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)  # however long the look is
    file = tmp_path / "lock"
    os.close(take(file))
    looking = os.open(file, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    ends = threading.Timer(0.05, os.close, (looking,))
    ends.start()
    os.close(take(file))
    ends.join()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.write_text("theirs")
    (tmp_path / "lock").symlink_to(others)
    with pytest.raises(OSError, match="lock"):
        take(tmp_path / "lock")
    with pytest.raises(OSError, match="lock"), alone(tmp_path / "lock"):
        raise AssertionError("never reached")
    assert others.read_text() == "theirs"


def test_two_in_a_block_are_there_one_after_the_other(tmp_path: Path) -> None:
    inside: list[str] = []

    def work(name: str) -> None:
        with alone(tmp_path / "lock"):
            inside.append(name)
            inside.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside[::2] == inside[1::2]
