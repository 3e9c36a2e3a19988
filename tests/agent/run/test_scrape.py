"""The metrics of all parts that answer, and the others counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from couchgrass.agent.run import scrape as scrape_module
from couchgrass.agent.run.asked import Asked, Told
from couchgrass.agent.run.scrape import Scrape, Source
from couchgrass.errors import CouchgrassError, Unauthorized
from couchgrass.exposition import Family, Sample
from couchgrass.serving.asgi import Answer, Request
from couchgrass.testing.listening import listening
from tests.agent.run.peer import Peer


async def respond(request: Request) -> Answer:
    match request.raw_path:
        case b"/well":
            if request.header(b"authorization") != "Bearer s":
                raise Unauthorized("no")
            return Answer(200, b"# TYPE up gauge\nup 1\n")
        case b"/silent":
            await request.gone()
        case b"/large":
            return Answer(200, b"up 1\n" * 10_000)
        case b"/page":
            return Answer(200, b"<html></html>")
        case b"/latin":
            return Answer(200, b'up{a="\xe4"} 1')
    return Answer(500)


class Patient(Asked):
    """Only the silent one has no more than a moment: the machine may be slow."""

    async def ask(self, method: str, url: str, **how: Any) -> Told:
        assert how["limit_s"] == scrape_module.SCRAPE_S
        how["limit_s"] = 0.1 if url.endswith("/silent") else 60.0
        return await super().ask(method, url, **how)


def unknown() -> Source:
    raise CouchgrassError("nobody knows where it is")


def test_a_part_that_does_not_answer_well_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape_module, "SCRAPE_BYTES_MAX", 20_000)

    async def work() -> None:
        async with listening(Peer(respond)) as url, Patient() as asked:
            names = ("well", "silent", "large", "page", "latin", "broken")
            sources: dict[str, Any] = {
                name: lambda name=name: Source(f"{url}/{name}", {"authorization": "Bearer s"})
                for name in names
            }
            scrape = Scrape("london", asked, {**sources, "unknown": unknown})
            own = [Family("own", "gauge", "ours", [Sample(7)])]
            for times in (1, 2):
                text = await scrape.text(own)
                seen = {
                    (one.name, one.labels["part"]): one.value
                    for family in text_string_to_metric_families(text)
                    for one in family.samples
                }
                failed = dict.fromkeys((*names[1:], "unknown"), times) | {"well": 0}
                assert seen == {
                    ("up", "well"): 1,
                    ("own", "agent"): 7,
                    **{("couchgrass_scrape_failed_total", name): count for name, count in failed.items()},
                }

    asyncio.run(work())
