"""All of it together: entities in a real database, records on a disk, actions in processes of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from couchgrass.clock import SystemClock
from couchgrass.couch.server import CouchServer, path
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.code import code_text
from couchgrass.functions.entity import BLACKBOX, SEQUENCE, Action, Exec, Rule, Trigger
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.run.invoker import Invoker, Job
from couchgrass.functions.runtimes.cell import Code
from couchgrass.functions.runtimes.local import LocalRuntimes
from couchgrass.functions.store.activations import Activations
from couchgrass.functions.store.entities import Entities
from couchgrass.functions.throttle import Throttle
from couchgrass.testing.server import ServerProcess
from tests.functions.run.inmemory import ME, awaited, result_of
from tests.functions.run.line_cells import LineRuntimes

INC = b"def main(message): return 200, json.dumps({'n': message['value'].get('n', 0) + 1})"
TWICE = b"""
def main(message):
    at = message['value'].get('at', 0)
    if at < 2:
        return 200, json.dumps({'action': 'inc', 'params': message['value'], 'state': {'at': at + 1}})
    return 200, json.dumps({'params': {'n': message['value']['n']}})
"""
KEY = b"def main(message): return 200, json.dumps({'key': os.environ.get('__OW_API_KEY')})"


class Site:
    """What a functions process is made of."""

    def __init__(self, entities: Entities, records: Activations, invoker: Invoker) -> None:
        self.entities = entities
        self.records = records
        self.invoker = invoker
        self.controller = Controller(
            entities,
            invoker,
            records,
            throttle=Throttle(),
            clock=SystemClock(),
            api_key=lambda namespace: f"key of {namespace}",
        )

    async def put(self, name: str, code: bytes, **annotations: Any) -> None:
        runs = Exec("python:3", digest=code_text(code.decode()).digest, size=len(code))
        await self.entities.put(Action("me", "", name, runs, annotations=annotations), code)

    async def call(self, name: str, payload: Any = None) -> Activation:
        invoked = await self.controller.invoke(
            ME, self.controller.resolve("me", "", name), payload, blocking=True, transaction_id="t"
        )
        assert invoked.activation is not None
        return invoked.activation


@asynccontextmanager
async def site(process: ServerProcess, folder: Path, database: str) -> AsyncIterator[Site]:
    clock, runtimes = SystemClock(), LineRuntimes()
    async with CouchServer(process.url, process.user, process.password) as server:
        entities = await Entities.open(server, database=database, cache=folder / "cache", clock=clock)
        records = await Activations.open(folder / "activations", clock=clock)
        invoker = Invoker(runtimes, entities.code, records, clock, memory_mb=2048)
        made = Site(entities, records, invoker)
        try:
            yield made
        finally:
            await made.controller.close()
            await invoker.close()
            await runtimes.close()
            await records.close()
            await entities.close()
            await server.ask("DELETE", path(database))


@awaited
async def _composed(process: ServerProcess, folder: Path, database: str) -> None:
    async with site(process, folder, database) as made:
        await made.put("inc", INC)
        await made.put("twice", TWICE, conductor=True)
        await made.entities.put(Action("me", "", "seq", Exec(SEQUENCE, components=("/_/inc", "/me/twice"))))
        record = await made.call("seq", {"n": 1})
        assert result_of(record) == {"n": 4}
        assert await made.records.get("me", record.activation_id) == record
        inner = [await made.records.get("me", child) for child in record.logs]
        assert [each.name for each in inner] == ["inc", "twice"]
        steps = [await made.records.get("me", child) for child in inner[1].logs]
        assert [each.name for each in steps] == ["twice", "inc", "twice", "inc", "twice"]
        assert {each.cause for each in steps} == {inner[1].activation_id}
        # Each action has one process, that was used again.
        assert made.invoker.pool.cells == 2
        listed = await made.records.list("me")
        assert len(listed) == 8


def test_sequences_and_conductors_run_in_processes_and_are_recorded(
    couch_server: ServerProcess, tmp_path: Path, db_name: str
) -> None:
    _composed(couch_server, tmp_path, db_name)


@awaited
async def _keys(process: ServerProcess, folder: Path, database: str) -> None:
    async with site(process, folder, database) as made:
        await made.put("with", KEY)
        await made.put("without", KEY, **{"provide-api-key": False})
        assert result_of(await made.call("with")) == {"key": "key of me"}
        assert result_of(await made.call("without")) == {"key": None}


def test_an_action_is_given_a_key_unless_it_is_said_not_to(
    couch_server: ServerProcess, tmp_path: Path, db_name: str
) -> None:
    _keys(couch_server, tmp_path, db_name)


@awaited
async def _fired(process: ServerProcess, folder: Path, database: str) -> None:
    async with site(process, folder, database) as made:
        await made.put("inc", INC)
        trigger = await made.entities.put(Trigger("me", "t"))
        await made.entities.put(Rule("me", "r", ("me", "t"), ("me", "", "inc")))
        fired = await made.controller.fire(ME, trigger, {"n": 6}, headers={}, transaction_id="t")
        assert fired is not None
        record = await made.records.get("me", fired)
        line = json.loads(record.logs[0])
        child = await made.records.get("me", line["activationId"])  # there at once, as it runs
        while child.end is None:
            await asyncio.sleep(0.005)
            child = await made.records.get("me", line["activationId"])
        assert child.status is Status.SUCCESS
        assert result_of(child) == {"n": 7}


def test_a_trigger_runs_its_rule_s_action(couch_server: ServerProcess, tmp_path: Path, db_name: str) -> None:
    _fired(couch_server, tmp_path, db_name)


@awaited
async def _killed(process: ServerProcess, folder: Path, database: str) -> None:
    async with site(process, folder, database) as made:
        await made.put("stuck", b"def main(message): hang()")
        invoked = await made.controller.invoke(
            ME, made.controller.resolve("me", "", "stuck"), {}, blocking=False, transaction_id="t"
        )
        # The controller gives it up; its record and that of the process say so, and nobody waits longer.
        await made.controller.close(drain_s=0)
        record = await made.records.get("me", invoked.activation_id)
        assert record.status is Status.INTERNAL_ERROR


def test_closing_ends_what_does_not_end(couch_server: ServerProcess, tmp_path: Path, db_name: str) -> None:
    _killed(couch_server, tmp_path, db_name)


@awaited
async def _by_image(folder: Path) -> None:
    inits: list[str] = []

    async def runtime(request: web.Request) -> web.Response:
        """OpenWhisk's contract in its shortest form: it takes code once."""
        body = await request.json()
        if request.path == "/run":
            return web.json_response({"ran": body["value"]})
        inits.append(body["value"]["code"])
        return web.json_response({}, status=200 if len(inits) == 1 else 403)

    runner = web.AppRunner(app := web.Application())
    app.router.add_post("/{path:.*}", runtime)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kinds = Kinds(images={"me/ruby": f"http://127.0.0.1:{runner.addresses[0][1]}"})
    runtimes = await LocalRuntimes.open(stems={}, externals=kinds.urls, notes=folder / "notes")
    records = await Activations.open(folder / "activations", clock=SystemClock())

    async def code(action: Action) -> Code:
        return Code(action.name, "main", b"puts 1", False, "digest")

    invoker = Invoker(runtimes, code, records, SystemClock(), memory_mb=2048)
    ruby = Action("me", "", "ruby", Exec(BLACKBOX, image="me/ruby:latest", digest="digest"))
    ran = [Job(ruby, {"n": n}, {}, ME, f"{n:032x}", "t") for n in range(3)]
    try:
        done = await asyncio.gather(*map(invoker.run, ran))
        assert [result_of(each) for each in done] == [{"ran": {"n": n}} for n in range(3)]
        assert inits == ["puts 1"]
    finally:
        await invoker.close()
        await runtimes.close()
        await records.close()
        await runner.cleanup()


def test_a_blackbox_is_run_by_the_runtime_of_its_image_which_is_loaded_once(tmp_path: Path) -> None:
    _by_image(tmp_path)
