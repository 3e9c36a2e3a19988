"""What a region's dashboard tells its pages, and what it shows to functions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from couchgrass.cli.dashboard_host import opened
from couchgrass.cli.region import read_region
from couchgrass.testing.listening import listening

SEVERAL = """\
[regions.london]
[regions.dallas]
database.port = 5994
functions.port = 3243
gateway.port = 3244
agent.port = 3245
[regions.sydney]
addresses = ["sydney.example"]
[regions.paris]
addresses = ["paris.example"]
dashboard.public_url = "https://couchgrass.paris.example/"
[balancer]
"""


def told(file: Path, text: str, name: str = "", also: Callable[[Path], None] | None = None) -> Any:
    """The config.json of a region of a file."""
    file.write_text(text)
    if also is not None:
        also(file.parent)

    async def work() -> Any:
        async with AsyncExitStack() as stack:
            place = Path(f"{file}#{name}") if name else file
            app = await opened(read_region(place), place, "http://127.0.0.1:3236", stack)
            url = await stack.enter_async_context(listening(app))
            async with aiohttp.ClientSession(url) as session, session.get("/config.json") as answer:
                return json.loads(await answer.text())

    return asyncio.run(work())


def test_a_region_knows_the_others_dashboards_as_far_as_a_browser_can_reach_them(tmp_path: Path) -> None:
    found = told(tmp_path / "couchgrass.toml", SEVERAL, "london")
    assert (found["mode"], found["region"], found["dashboard_url"]) == (
        "dashboard",
        "london",
        "http://127.0.0.1:3236",
    )
    assert found["others"] == [
        {"name": "london", "url": "http://127.0.0.1:3236"},
        {"name": "dallas", "url": "http://127.0.0.1:3246"},
        {"name": "paris", "url": "https://couchgrass.paris.example"},
    ]
    assert found["has"] == {"functions": True, "gateway": True, "balancer": True, "drills": False}
    found = told(tmp_path / "couchgrass.toml", SEVERAL, "paris")
    assert found["dashboard_url"] == "https://couchgrass.paris.example"


def test_a_region_alone_is_its_only_one(tmp_path: Path) -> None:
    found = told(tmp_path / "region.toml", "name = 'mine'\n")
    assert [one["name"] for one in found["others"]] == ["mine"]
    assert found["has"]["balancer"] is False


@pytest.mark.parametrize("key", ["", 'key = "whisk.json"\n'])
def test_functions_elsewhere_need_no_secret_of_ours(tmp_path: Path, key: str) -> None:
    text = f"[functions]\nurl = 'https://w.example'\n{key}[gateway]\nurl = 'https://g.example'\n"

    def write(folder: Path) -> None:
        (folder / "whisk.json").write_text('{"apikey": "uuid:secret"}')

    assert told(tmp_path / "region.toml", text, also=write)["has"]["functions"] is True
    assert not (tmp_path / "couchgrass-data" / "agent").exists()
