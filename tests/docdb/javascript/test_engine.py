"""The threads of the JavaScript engine: who waits, what is kept, what is given up."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from couchgrass.docdb.javascript import engine as engine_module
from couchgrass.docdb.javascript.context import Context, ContextBroken, FunctionFailed, Program
from couchgrass.docdb.javascript.engine import (
    CONTEXTS_MAX,
    KEPT_BYTES_MAX,
    LOST_MAX,
    STUCK_S,
    TEXTS_MAX,
    Engine,
)
from couchgrass.errors import ServiceUnavailable


def program(function: str, name: str = "x") -> Program:
    return Program((name,), json.dumps({"filters": {"f": function}}))


class Gate(logging.Handler):
    """Holds each thread whose function logs, once the function has returned, until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.open = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.open.wait(60)


@pytest.fixture
def gate(caplog: pytest.LogCaptureFixture) -> Iterator[Gate]:
    caplog.set_level(logging.INFO, "couchgrass.javascript")
    gate = Gate()
    logging.getLogger("couchgrass.javascript").addHandler(gate)
    yield gate
    gate.open.set()
    logging.getLogger("couchgrass.javascript").removeHandler(gate)


def run(work: Callable[[Engine], Awaitable[None]], **options: Any) -> None:
    async def inside() -> None:
        engine = Engine(**options)
        try:
            await work(engine)
        finally:
            engine.close()

    asyncio.run(inside())


def test_the_answers_for_many_documents_come_in_their_order_whatever_the_slices() -> None:
    slow = (
        "doc => { var until = Date.now() + (doc.slow ? 30 : 0); while (Date.now() < until); return doc.n; }"
    )
    docs = [{"n": number % 3, "slow": number in (2, 5, TEXTS_MAX)} for number in range(TEXTS_MAX * 2 + 1)]

    async def work(engine: Engine) -> None:
        texts = [json.dumps(doc).encode() for doc in docs]
        assert await engine.run_each(program(slow), "filter", "f", texts, "{}") == [
            doc["n"] != 0 for doc in docs
        ]
        assert await engine.run_each(program(slow), "filter", "f", [], "{}") == []

    run(work)


def test_a_large_document_goes_alone() -> None:
    async def work(engine: Engine) -> None:
        texts = [b'{"n":1,"x":"%b"}' % (b"x" * size) for size in (10, 3_000_000, 10)]
        assert await engine.run_each(program("doc => doc.n"), "filter", "f", texts, "{}") == [True] * 3

    run(work)


def test_the_event_loop_goes_on_while_a_function_runs() -> None:
    async def work(engine: Engine) -> None:
        endless = asyncio.ensure_future(
            engine.run(program("() => { for (;;); }"), "filter", "f", "[{}]", "{}")
        )
        turns = 0
        while not endless.done():
            await asyncio.sleep(0.005)
            turns += 1
        assert turns > 3
        with pytest.raises(ContextBroken):
            endless.result()

    run(work, call_s=0.1)


def test_a_context_that_broke_starts_anew_and_the_others_stay() -> None:
    counting = (
        "function (doc) { n = typeof n == 'number' ? n + 1 : 1; if (doc.die) for (;;); return n > doc.n; }"
    )

    async def work(engine: Engine) -> None:
        async def more_than(count: int, name: str, die: str = "false") -> bytes:
            text = f'[{{"n":{count},"die":{die}}}]'
            return await engine.run(program(counting, name), "filter", "f", text, "{}")

        assert await more_than(0, "a") == await more_than(1, "a") == await more_than(0, "b") == b"[true]"
        with pytest.raises(ContextBroken):
            await more_than(0, "a", "true")
        assert await more_than(1, "a") == b"[false]"
        assert await more_than(1, "b") == b"[true]"

    run(work, threads=1, call_s=0.1)


def test_so_many_contexts_are_kept_and_the_one_used_longest_ago_goes_first() -> None:
    counting = "function () { n = typeof n == 'number' ? n + 1 : 1; return n > 1; }"

    async def work(engine: Engine) -> None:
        async def is_kept(name: str) -> bool:
            found: list[bool] = json.loads(
                await engine.run(program(counting, name), "filter", "f", "[{}]", "{}")
            )
            return found[0]

        names = [str(number) for number in range(CONTEXTS_MAX)]
        for name in names:
            assert not await is_kept(name)
        assert await is_kept("0")
        assert not await is_kept("one more")
        assert await is_kept("0")
        assert not await is_kept("1")

    run(work, threads=1)


def test_what_kept_contexts_hold_together_is_bounded() -> None:
    """A context that was let go has forgotten what its function kept."""
    hoarding = """() => {
        if (typeof kept == 'object') return true;
        kept = [];
        for (var n = 0; n < 30; n++) kept.push(new Array(65536).fill(n));
        return false;
    }"""

    async def work(engine: Engine) -> None:
        async def is_kept(name: str) -> bool:
            found: list[bool] = json.loads(
                await engine.run(program(hoarding, name), "filter", "f", "[{}]", "{}")
            )
            return found[0]

        each = 30 * 65536 * 16
        fitting = KEPT_BYTES_MAX // each
        names = [str(number) for number in range(fitting)]
        for name in names:
            assert not await is_kept(name)
        assert all([await is_kept(name) for name in names[1:]])
        assert not await is_kept("one more")
        assert not await is_kept("0")

    run(work, threads=1)


def test_a_broken_context_is_let_go_with_its_memory_although_its_error_lives_on() -> None:
    function = "() => { var all = []; while (true) all.push(new Array(65536).fill(0)); }"
    hoarding = program(function, "hoarding")

    def is_its_context(kept: object) -> bool:
        # Not isinstance: that fails over a weak reference of somebody else's that leads nowhere.
        return type(kept) is Context and kept.program == hoarding

    async def work(engine: Engine) -> None:
        gc.collect()
        gc.disable()
        try:
            with pytest.raises(ContextBroken) as broken:
                await engine.run(hoarding, "filter", "f", "[{}]", "{}")
            assert broken.value.reason == "out of memory"
            assert not [kept for kept in gc.get_objects() if is_its_context(kept)]
        finally:
            gc.enable()

    run(work, threads=1)


def test_a_call_whose_caller_gave_up_is_not_begun(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    async def work(engine: Engine) -> None:
        first, second, third = (
            asyncio.ensure_future(
                engine.run(program(f"() => log('{name}')", name), "filter", "f", "[{}]", "{}")
            )
            for name in ("first", "second", "third")
        )
        await asyncio.to_thread(gate.reached.wait, 60)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open.set()
        await asyncio.gather(first, third)

    run(work, threads=1)
    assert [record.getMessage() for record in caplog.records] == ["'first': 'first'", "'third': 'third'"]


def test_a_thread_that_can_not_be_stopped_is_given_up_with_what_waits_behind_it_moved(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The engine can't end the loop inside `join`; behind it the gate holds the thread for as long as we look.
    stuck = program("() => { log('stuck'); new Array(6e6).join('x'); }", "stuck")

    async def work(engine: Engine) -> None:
        lost = asyncio.ensure_future(engine.run(stuck, "filter", "f", "[{}]", "{}"))
        await asyncio.sleep(0)
        behind = asyncio.ensure_future(engine.run(program("() => 1"), "filter", "f", "[{}]", "{}"))
        with pytest.raises(ContextBroken):
            await lost
        engine._stuck_s = STUCK_S  # else what is merely slow on a busy machine would be given up too
        assert await behind == b"[true]"
        monkeypatch.setattr(engine_module, "LOST_MAX", 1)
        with pytest.raises(ServiceUnavailable):
            await engine.run(program("() => 1"), "filter", "f", "[{}]", "{}")
        gate.open.set()
        await asyncio.to_thread(engine._lost[0]._thread.join, 60)  # it would write into other tests' logs

    assert LOST_MAX > 1
    run(work, threads=1, stuck_s=0.05)


def test_an_error_is_raised_and_the_context_stays_of_use() -> None:
    async def work(engine: Engine) -> None:
        failing = program("function (doc) { if (doc.bad) throw new Error('b'); return true; }")
        with pytest.raises(FunctionFailed):
            await engine.run(failing, "filter", "f", '[{"bad":1}]', "{}")
        assert await engine.run(failing, "filter", "f", "[{}]", "{}") == b"[true]"

    run(work)
