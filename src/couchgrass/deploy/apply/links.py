"""The links of an app's databases, seen to run: each region's agent makes them and says how they are.

Nothing is made here. What the agents say is asked for until all links that there should be run, or time is
up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import aiohttp
import msgspec

from couchgrass.agent.seen import Link, Report
from couchgrass.errors import TooLarge
from couchgrass.serving.lost import FAILURES, why
from couchgrass.serving.whole import whole

LINKED_S: Final = 30.0
ASK_S: Final = 5.0
POLL_S: Final = 0.1
SILENT_S: Final = 5.0
"""How long an agent may not answer at all: it is started with its region."""

RUNNING: Final = "running"
REPORT_BYTES_MAX: Final = 64 * 1024 * 1024

Way = tuple[str, str, str]
"""(database, source, target)"""


async def wait_linked(
    agents: Mapping[str, str], ways: Iterable[Way], *, limit_s: float = LINKED_S
) -> list[str]:
    """Returns when all run, or after `limit_s`: what does not run then, in words. `agents` are URLs by
    region; the one of a link's target tells of it."""
    wanted = set(ways)
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S)) as session:
        while True:
            waiting, silent = await _waiting(session, agents, wanted)
            lasts = SILENT_S if silent else limit_s
            if not waiting or loop.time() - begun_at >= min(lasts, limit_s):
                return waiting
            await asyncio.sleep(POLL_S)


async def _waiting(
    session: aiohttp.ClientSession, agents: Mapping[str, str], ways: set[Way]
) -> tuple[list[str], bool]:
    """What does not run, and whether it is all because agents do not answer."""
    targets = sorted({target for _, _, target in ways})
    told = dict(
        zip(
            targets,
            await asyncio.gather(*(_links(session, agents.get(one, "")) for one in targets)),
            strict=True,
        )
    )
    missing = []
    for database, source, target in sorted(ways):
        found = told[target]
        if isinstance(found, str):
            missing.append(f"{database} from {source} to {target}: {found}")
            continue
        link = found.get((database, source))
        if link is None or link.state != RUNNING:
            state = "is not there" if link is None else f"{link.state} {link.error}".strip()
            missing.append(f"{database} from {source} to {target}: {state}")
    silent = [target for _, _, target in ways if isinstance(told[target], str)]
    return missing, len(silent) == len(missing)


async def _links(session: aiohttp.ClientSession, agent: str) -> Mapping[tuple[str, str], Link] | str:
    """By (database, source); in words why they are not known."""
    if not agent:
        return "nobody knows where the agent is"
    try:
        async with session.get(f"{agent}/_couchgrass/status") as answer:
            if answer.status != 200:
                return f"the agent answered {answer.status}"
            links = msgspec.json.decode(await whole(answer, REPORT_BYTES_MAX), type=Report).links
    except TooLarge:
        return "the agent says too much"
    except FAILURES as broken:
        return f"the agent does not answer: {why(broken)}"
    except msgspec.DecodeError:
        return "the agent can't be understood"
    return {(link.database, link.source): link for link in links}
