"""Links are waited for as their regions' agents tell of them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from couchgrass.agent.seen import Health, Link, Report
from couchgrass.deploy.apply import links
from couchgrass.deploy.apply.links import wait_linked
from couchgrass.testing.listening import listening

HEALTH = Health("dallas", True, True, "1", True, True, True)
WAYS = [("todos", "london", "dallas")]


class Agent:
    """Tells one report after the other; the last for ever."""

    def __init__(self, *told: tuple[Link, ...], status: int = 200) -> None:
        self._told = list(told)
        self._status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        told = self._told.pop(0) if len(self._told) > 1 else self._told[0]
        body = msgspec.json.encode(Report(HEALTH, told))
        await send({"type": "http.response.start", "status": self._status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def link(state: str, error: str = "") -> Link:
    return Link("todos", "london", "dallas", state, error=error)


def waited(agent: Agent, limit_s: float = 60.0) -> list[str]:
    async def run() -> list[str]:
        async with listening(agent) as url:
            return await wait_linked({"dallas": url}, WAYS, limit_s=limit_s)

    return asyncio.run(run())


def test_it_returns_when_all_run() -> None:
    assert waited(Agent((), (link("initializing"),), (link("running"),))) == []


def test_what_does_not_run_in_time_is_said() -> None:
    assert waited(Agent(()), 0.0) == ["todos from london to dallas: is not there"]
    said = waited(Agent((link("crashing", "unauthorized"),)), 0.0)
    assert said == ["todos from london to dallas: crashing unauthorized"]


def test_an_agent_that_does_not_answer_is_not_waited_for_long(monkeypatch: Any) -> None:
    monkeypatch.setattr(links, "SILENT_S", 0.0)
    assert waited(Agent((), status=404)) == ["todos from london to dallas: the agent answered 404"]
    silent = asyncio.run(wait_linked({"dallas": "http://127.0.0.1:1"}, WAYS))
    assert silent == ["todos from london to dallas: the agent does not answer: connection refused"]
    unknown = asyncio.run(wait_linked({}, WAYS))
    assert unknown == ["todos from london to dallas: nobody knows where the agent is"]
