"""What the client makes of answers: errors of the family, tries again only what did nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from couchgrass.errors import Conflict, CouchgrassError, Forbidden, PeerLost, TooManyRequests
from couchgrass.testing.listening import listening
from couchgrass.whisk import host as whisk
from couchgrass.whisk.host import Refused, WhiskHost, path


class Host:
    """Answers with what it was given, one after the other; the last for ever."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[bytes, bytes]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        self.asked.append(
            (scope["method"], scope["path"] + f"?{query}" * bool(query), dict(scope["headers"]))
        )
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def asking(host: Host, work: Callable[[WhiskHost], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with listening(host) as url, WhiskHost(url, "me:secret") as client:
            return await work(client)

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisk, "PAUSE_S", 0.0)


def test_it_signs_in_and_sends_what_it_is_given() -> None:
    host = Host((200, b'{"ok": true}'))
    answer = asking(host, lambda one: one.ask("GET", path("a b", "c/d@e"), query={"x": "1&2"}))
    assert answer == {"ok": True}
    method, where, headers = host.asked[0]
    assert (method, where) == ("GET", "/a b/c/d@e?x=1%262")
    assert headers[b"authorization"] == b"Basic bWU6c2VjcmV0"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (403, b'{"error": "not yours", "code": "1"}', Forbidden, "not yours"),
        (409, b'{"error": "it is there", "code": "1"}', Conflict, "it is there"),
        (502, b'{"error": "API creation failure: bad"}', Refused, "API creation failure: bad"),
        (502, b'{"response": {"result": {"error": "no such feed"}}}', Refused, "no such feed"),
        (502, b'{"response": {"result": {"error": {"error": "inner"}}}}', Refused, "inner"),
        (500, b'{"error": "oh", "code": "1"}', CouchgrassError, "oh"),
        (503, b"<html>", PeerLost, "answered 503"),
        (404, b"<html>", PeerLost, "is it one?"),
        (200, b"<html>", PeerLost, "is it one?"),
    ],
)
def test_a_refusal_is_an_error_of_the_family_that_names_the_request(
    status: int, body: bytes, kind: type[CouchgrassError], reason: str
) -> None:
    with pytest.raises(kind) as refused:
        asking(Host((status, body)), lambda one: one.ask("PUT", "/x", {}))
    assert reason in refused.value.reason
    assert refused.value.__notes__[0].endswith("was asked PUT /x")
    assert "secret" not in str(refused.value.__notes__)


def test_a_throttle_and_a_write_race_are_tried_again() -> None:
    host = Host(
        (429, b'{"error": "too many", "code": "1"}'),
        (409, b'{"error": "Concurrent modification to resource detected.", "code": "1"}'),
        (200, b"{}"),
    )
    assert asking(host, lambda one: one.ask("PUT", "/x", {})) == {}
    assert len(host.asked) == 3


def test_a_read_is_tried_again_when_the_host_fails_and_a_write_is_not() -> None:
    host = Host((503, b""), (200, b"[]"))
    assert asking(host, lambda one: one.ask("GET", "/x")) == []
    host = Host((503, b""), (200, b"[]"))
    with pytest.raises(PeerLost):
        asking(host, lambda one: one.ask("PUT", "/x", {}))
    assert len(host.asked) == 1


def test_a_throttle_that_does_not_end_is_told() -> None:
    host = Host((429, b'{"error": "too many", "code": "1"}'))
    with pytest.raises(TooManyRequests):
        asking(host, lambda one: one.ask("POST", "/x", {}))
    assert len(host.asked) == whisk.TRIES_MAX


def test_a_host_that_is_not_there_is_lost_and_down() -> None:
    async def work() -> None:
        async with WhiskHost("http://127.0.0.1:1") as host:
            with pytest.raises(PeerLost, match="connection refused") as lost:
                await host.ask("GET", "/")
            assert lost.value.is_down

    asyncio.run(work())
