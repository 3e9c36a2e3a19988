"""What a connection that failed says, without a URL."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from couchgrass.serving.lost import FAILURES, why


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(), "the connection was closed"),
        (aiohttp.ServerDisconnectedError(), "the connection was closed"),
        (aiohttp.InvalidURL("http://me:secret@x"), "the URL is not valid"),
        (aiohttp.ClientPayloadError("x"), "the answer is not whole"),
    ],
)
def test_each_failure_has_its_words(broken: Exception, words: str) -> None:
    assert isinstance(broken, FAILURES)
    assert why(broken) == words


def test_nobody_who_listens_is_told_by_the_systems_words() -> None:
    async def ask() -> str:
        async with aiohttp.ClientSession() as session:
            try:
                await session.get("http://127.0.0.1:1")
            except FAILURES as broken:
                return why(broken)
        raise AssertionError("somebody listens")

    assert asyncio.run(ask()) == "connection refused"
