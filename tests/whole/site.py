"""What the tests of whole sites ask: regions' gateways, their databases, the balancer, the command line."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from couchgrass.region.run.account import gateway_url, peer_access
from couchgrass.testing.call import Reply, call
from couchgrass.testing.command import called
from couchgrass.testing.up import UpProcess
from couchgrass.topology.status import Status

TODOS = "/v1/todo"
REGION = "x-couchgrass-region"
LIMIT_S = 180.0
"""For what takes a second or two where nothing else runs."""
TEST_S = 600
"""For a test of whole sites, which starts and kills many processes, on a machine that is very busy."""


def gateway(up: UpProcess, region: str) -> str:
    return gateway_url(up.region(region)).rstrip("/")


def database(up: UpProcess, region: str) -> str:
    """The URL of a region's database, with a server admin in it."""
    access = peer_access(up.region(region))
    assert access.account is not None
    scheme, _, rest = access.url.partition("://")
    return f"{scheme}://{access.account.name}:{access.account.password}@{rest}"


def post(url: str, title: str, key: str = "") -> Reply:
    """A new todo, with an `Idempotency-Key` or without."""
    return call(url, "POST", TODOS, {"title": title}, headers={"Idempotency-Key": key} if key else None)


def titles(answer: Reply) -> list[str]:
    """Of a list of todos; none of an answer that is not one."""
    return sorted(todo["title"] for todo in answer.json()) if answer.status == 200 else []


def fill(up: UpProcess, count: int) -> frozenset[str]:
    """New todos, which all regions have when it returns; their titles."""
    made = frozenset(f"todo {number} of {count}" for number in range(count))
    for title in made:
        assert post(up.url, title).status == 201
    for name in up.topology.names:
        up.until(lambda name=name: made <= set(titles(call(gateway(up, name), "GET", TODOS))), LIMIT_S)  # type: ignore[misc]
    return made


def command(up: UpProcess, *arguments: str, status: int = 0) -> str:
    """What the command says to stdout; it must end with `status`."""
    found, out, said = called(*arguments)
    assert found == status, (arguments, found, out, said)
    return out


def serving(up: UpProcess) -> dict[str, str]:
    """What the balancer makes of each region: "serving", "standby", "out", …"""
    balancer = up.status().balancer
    return {} if balancer is None else {name: one.state for name, one in balancer.regions.items()}


def is_well(up: UpProcess) -> bool:
    """All is well, and the balancer lets all regions in: one that is ready has to be so for a moment."""
    status = up.status()
    return status.well and lets_all_in(status)


def lets_all_in(status: Status) -> bool:
    states = {} if status.balancer is None else status.balancer.regions
    return all(one.state in ("serving", "standby") for one in states.values())


def become_well(up: UpProcess) -> None:
    """Returns when all is well again after a test that broke something. A region that fell again and again
    has to be ready for longer each time until the balancer lets it in: a new balancer knows of no falls."""
    seen: list[Status] = []

    def is_so() -> bool:
        seen[:] = [up.status()]
        return seen[0].well

    up.until(is_so, LIMIT_S)
    if not lets_all_in(seen[0]):
        former = up.pid("balancer")
        os.kill(former, signal.SIGTERM)
        up.until(lambda: up.state.processes["balancer"].pid not in (None, former), LIMIT_S)
        up.until(lambda: is_well(up), LIMIT_S)


def in_step(up: UpProcess, name: str) -> bool:
    """Whether all regions have the same documents in a database, in the same revisions."""
    found = [call(database(up, one), "GET", f"/{name}/_all_docs") for one in up.topology.names]
    if any(answer.status != 200 for answer in found):
        return False
    rows = [{(row["id"], row["value"]["rev"]) for row in answer.json()["rows"]} for answer in found]
    return all(one == rows[0] for one in rows)


class Reader:
    """Reads all todos through the balancer, over and over. `wrong` are answers that no user may get,
    `regions` counts the others by who served."""

    def __init__(self, url: str, is_right: Callable[[Reply], bool]) -> None:
        self.wrong: list[tuple[str, int, bytes]] = []
        self.regions: dict[str, int] = {}
        self._url = url
        self._is_right = is_right
        self._ended = threading.Event()

    def read(self) -> None:
        while not self._ended.is_set():
            try:
                answer = call(self._url, "GET", TODOS)
            except OSError as broken:
                self.wrong.append((repr(broken), 0, b""))
                continue
            region = answer.headers.get(REGION, "")
            if self._is_right(answer):
                self.regions[region] = self.regions.get(region, 0) + 1
            else:
                self.wrong.append((region, answer.status, answer.body[:200]))
            self._ended.wait(0.02)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def reading(url: str, is_right: Callable[[Reply], bool]) -> Iterator[Reader]:
    """A reader for the length of a block, after which nothing may have been wrong."""
    reader = Reader(url, is_right)
    thread = threading.Thread(target=reader.read)
    thread.start()
    try:
        yield reader
    finally:
        reader.end()
        thread.join()
    assert reader.wrong == []


def has_all(wanted: frozenset[str]) -> Callable[[Reply], bool]:
    """Whether an answer has all of these todos."""
    return lambda answer: answer.status == 200 and wanted <= set(titles(answer))


def documents(up: UpProcess, region: str, name: str) -> Any:
    """The ids of all documents of a region's database; none when there is no such database."""
    answer = call(database(up, region), "GET", f"/{name}/_all_docs")
    return {row["id"] for row in answer.json()["rows"]} if answer.status == 200 else set()
