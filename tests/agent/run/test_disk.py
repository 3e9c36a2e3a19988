"""What a folder takes, and what is left for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from couchgrass.agent.run.disk import KEPT_S, DiskUse
from couchgrass.testing.asgi import MovedClock


def test_all_files_below_count_and_the_answer_is_kept_for_a_while(tmp_path: Path) -> None:
    async def work() -> None:
        clock = MovedClock()
        use = DiskUse(tmp_path, clock)
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "large").write_bytes(b"x" * 100_000)
        before = await use.look()
        assert before is not None
        assert before.used_bytes >= 100_000
        assert before.free_bytes > 0
        (tmp_path / "more").write_bytes(b"x" * 100_000)
        assert await use.look() is before
        clock.time_s += KEPT_S
        after = await use.look()
        assert after is not None
        assert after.used_bytes >= before.used_bytes + 100_000

    asyncio.run(work())


def test_a_folder_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    assert asyncio.run(DiskUse(tmp_path / "none", MovedClock()).look()) is None
