"""The pool's rules: capacity never exceeded, warm before cold, no starvation, each ticket ended once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from couchgrass.functions.pool import (
    IDLE_S,
    TURN_S,
    WAIT_S_MAX,
    Close,
    Command,
    Pool,
    Refuse,
    Run,
    Start,
    Wanted,
    Why,
)


def wanted(name: str, memory_mb: int = 256, *, namespace: str = "ns", made: int = 0) -> Wanted:
    return Wanted((namespace, name, memory_mb, made), namespace, name, memory_mb, made)


@dataclass
class World:
    """Does what the pool commands, and refuses commands that break a rule."""

    pool: Pool
    now: float = 0.0
    last: int = 0
    waiting: dict[int, Wanted] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    kinds: dict[int, Wanted] = field(default_factory=dict)
    starting: dict[int, int] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)
    idle: set[int] = field(default_factory=set)
    closing: set[int] = field(default_factory=set)
    freed: int | None = None

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Run(ticket, cell):
                    assert cell in self.idle or cell == self.freed
                    assert self.kinds[cell] == self.waiting.pop(ticket)
                    self.idle.discard(cell)
                    self.running[cell] = ticket
                    self.freed = None
                case Start(ticket, cell):
                    wants = self.waiting.pop(ticket)
                    assert cell not in self.kinds
                    assert not any(self.kinds[warm] == wants for warm in self.idle), "warm before cold"
                    self.kinds[cell] = wants
                    self.starting[cell] = ticket
                case Close(cell):
                    assert cell not in self.closing
                    assert cell not in self.running and cell not in self.starting
                    self.idle.discard(cell)
                    self.closing.add(cell)
                    if cell == self.freed:
                        self.freed = None
                case Refuse(ticket):
                    del self.waiting[ticket]
                    self.ended.add(ticket)
            assert sum(kind.memory_mb for kind in self.kinds.values()) <= self.pool.memory_mb
        if self.freed is not None:
            self.idle.add(self.freed)
            self.freed = None

    def ask(self, wants: Wanted) -> int:
        self.last += 1
        self.waiting[self.last] = wants
        self.do(self.pool.ask(self.last, wants, self.now))
        return self.last

    def ready(self, cell: int) -> None:
        self.running[cell] = self.starting.pop(cell)
        self.do(self.pool.ready(cell, self.now))

    def free(self, cell: int) -> None:
        self.ended.add(self.running.pop(cell))
        self.freed = cell
        self.do(self.pool.free(cell, self.now))

    def end(self, cell: int) -> None:
        ticket = self.running.pop(cell, None) or self.starting.pop(cell, None)
        if ticket is not None:
            self.ended.add(ticket)
        self.do(self.pool.end(cell, self.now))

    def closed(self, cell: int) -> None:
        self.closing.remove(cell)
        del self.kinds[cell]
        self.do(self.pool.closed(cell, self.now))

    def cancel(self, ticket: int) -> None:
        if self.waiting.pop(ticket, None) is not None:
            self.ended.add(ticket)
        self.do(self.pool.cancel(ticket, self.now))

    def tick(self) -> None:
        self.do(self.pool.tick(self.now))

    def step(self) -> None:
        """All that goes on comes to its end."""
        for cell in list(self.closing):
            self.closed(cell)
        for cell in list(self.starting):
            self.ready(cell)
        for cell in list(self.running):
            self.free(cell)
        self.tick()

    def warm(self, wants: Wanted) -> int:
        """An idle cell of this action."""
        ticket = self.ask(wants)
        (cell,) = [cell for cell, started in self.starting.items() if started == ticket]
        self.ready(cell)
        self.free(cell)
        return cell


MEMORY_MB = 1024
KINDS = [
    wanted(name, memory_mb, namespace=namespace, made=made)
    for namespace, name, memory_mb, made in (
        ("own", "canary", 0, 0),
        ("n1", "a", 128, 0),
        ("n1", "a", 128, 1),
        ("n1", "b", 256, 0),
        ("n1", "c", 512, 0),
        ("n2", "d", 128, 0),
        ("n2", "e", 1024, 0),
        ("n2", "f", 2048, 0),
        ("n3", "g", 256, 0),
    )
]


class AnyOrder(RuleBasedStateMachine):
    """Events in any order that a sound invoker may send."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Pool(MEMORY_MB, waiting_max=12, eager=2))

    def _pick(self, among: object, index: int) -> int:
        cells = sorted(among)  # type: ignore[call-overload]
        return int(cells[index % len(cells)])

    @rule(kind=st.sampled_from(KINDS), count=st.integers(1, 6))
    def ask(self, kind: Wanted, count: int) -> None:
        for _ in range(count):
            self.world.ask(kind)

    @precondition(lambda self: self.world.starting)
    @rule(index=st.integers(0, 99))
    def ready(self, index: int) -> None:
        self.world.ready(self._pick(self.world.starting, index))

    @precondition(lambda self: self.world.running)
    @rule(index=st.integers(0, 99))
    def free(self, index: int) -> None:
        self.world.free(self._pick(self.world.running, index))

    @precondition(lambda self: self.world.kinds)
    @rule(index=st.integers(0, 99))
    def end(self, index: int) -> None:
        self.world.end(self._pick(self.world.kinds, index))

    @precondition(lambda self: self.world.closing)
    @rule(index=st.integers(0, 99))
    def closed(self, index: int) -> None:
        self.world.closed(self._pick(self.world.closing, index))

    @precondition(lambda self: self.world.running and self.world.closing)
    @rule(index=st.integers(0, 99))
    def found_dead(self, index: int) -> None:
        """A warm cell is dead before it took the run: its ticket asks again."""
        cell = self._pick(self.world.running, index)
        ticket = self.world.running.pop(cell)
        self.world.do(self.world.pool.end(cell, self.world.now))
        self.world.waiting[ticket] = self.world.kinds[cell]
        self.world.do(self.world.pool.ask(ticket, self.world.kinds[cell], self.world.now, again=True))

    @precondition(lambda self: self.world.last)
    @rule(index=st.integers(0, 99))
    def cancel(self, index: int) -> None:
        self.world.cancel(1 + index % self.world.last)

    @rule(passed_s=st.sampled_from((0.001, 0.2, 1.0, 400.0)))
    def tick(self, passed_s: float) -> None:
        self.world.now += passed_s
        self.world.tick()

    @invariant()
    def the_pool_knows_what_there_is(self) -> None:
        world = self.world
        assert world.pool.waiting == len(world.waiting)
        assert world.pool.cells == len(world.kinds)
        assert world.pool.idle == len(world.idle)
        assert world.pool.used_mb == sum(kind.memory_mb for kind in world.kinds.values())

    @invariant()
    def nobody_waits_while_nothing_goes_on(self) -> None:
        world = self.world
        assert not world.waiting or world.starting or world.running or world.closing

    def teardown(self) -> None:
        for _ in range(200):
            self.world.now += 0.01
            self.world.step()
        assert len(self.world.ended) == self.world.last
        self.world.now += IDLE_S
        self.world.step()
        self.world.step()
        pool = self.world.pool
        assert pool.used_mb == pool.cells == 0
        assert not pool._actions and not pool._namespaces and not pool._ring and not pool._queued


TestAnyOrder = AnyOrder.TestCase


@given(
    capacity=st.sampled_from((256, 512, 1024, 2048)),
    greedy=st.lists(st.tuples(st.sampled_from((128, 256)), st.integers(1, 12)), min_size=1, max_size=6),
    memory_mb=st.sampled_from((128, 256)),
    run_s=st.sampled_from((0.001, 0.03, 0.7)),
)
def test_an_action_without_a_cell_gets_one_however_greedy_the_others_are(
    capacity: int, greedy: list[tuple[int, int]], memory_mb: int, run_s: float
) -> None:
    world = World(Pool(capacity))
    kinds = [wanted(f"greedy{index}", size) for index, (size, _) in enumerate(greedy)]
    for kind, (_, callers) in zip(kinds, greedy, strict=True):
        for _ in range(callers):
            world.ask(kind)
    for _ in range(3):
        world.now += run_s
        world.step()
        for kind, (_, callers) in zip(kinds, greedy, strict=True):
            for _ in range(callers):
                world.ask(kind)
    ticket = world.ask(wanted("meek", memory_mb, namespace="other"))
    asked = world.now
    while ticket in world.waiting:
        world.now += run_s
        world.step()
        for kind, (_, callers) in zip(kinds, greedy, strict=True):
            for _ in range(callers):
                world.ask(kind)
        # Namespaces take turns, so at most one other comes before it and has its turn, and a run to its end.
        assert world.now - asked <= 2 * (TURN_S + 4 * run_s) + 1


def test_a_slow_action_leaves_room_for_others() -> None:
    world = World(Pool(8 * 256))
    slow, other = wanted("slow"), wanted("other")
    for _ in range(50):
        world.ask(slow)
    for _ in range(10):
        world.now += 1
        for cell in list(world.starting):
            world.ready(cell)
        world.tick()
    assert 4 <= len(world.running) < 8
    world.ask(other)
    assert [world.kinds[cell] for cell in world.starting] == [other]


def test_many_callers_of_a_short_action_share_few_cells() -> None:
    world = World(Pool(64 * 256, eager=4))
    short = wanted("short")
    world.warm(short)
    for _ in range(32):
        world.ask(short)
    for _ in range(200):
        world.now += 0.0005
        for cell in list(world.running):
            world.free(cell)
            world.ask(short)
        for cell in list(world.starting):
            world.ready(cell)
        assert len(world.kinds) <= 6
    assert len(world.kinds) >= 4


def test_many_callers_of_a_long_action_get_many_cells_soon() -> None:
    world = World(Pool(64 * 256, eager=4))
    long = wanted("long")
    for _ in range(32):
        world.ask(long)
    for _ in range(4):
        world.now += 0.05
        for cell in list(world.starting):
            world.ready(cell)
    assert len(world.running) == 32


def test_the_last_used_cell_is_taken_first_and_the_one_idle_longest_makes_room() -> None:
    world = World(Pool(4 * 256))
    first, second = world.warm(wanted("a")), world.warm(wanted("b"))
    world.ask(wanted("a"))
    assert world.running == {first: 3}
    world.free(first)
    world.ask(wanted("c", 768))
    assert world.closing == {second}
    world.closed(second)
    assert [world.kinds[cell].path for cell in world.starting] == ["c"]


def test_an_idle_cell_goes_after_its_time_and_not_before() -> None:
    world = World(Pool(1024))
    cell = world.warm(wanted("a"))
    world.now = IDLE_S - 1
    world.tick()
    assert not world.closing
    world.now = IDLE_S
    world.tick()
    assert world.closing == {cell}


def test_cells_of_an_older_version_go_once_a_newer_one_is_asked_for() -> None:
    world = World(Pool(4096))
    idle = world.warm(wanted("a", made=1))
    world.ask(wanted("a", made=1))
    world.ask(wanted("a", made=2))
    assert world.running == {idle: 2}
    world.free(idle)
    assert world.closing == {idle}


def test_nobody_fills_the_queue() -> None:
    world = World(Pool(256, waiting_max=90))
    for _ in range(200):
        world.ask(wanted("a"))
    assert world.pool.waiting == 45
    for _ in range(200):
        world.ask(wanted("b"))
    assert world.pool.waiting == 60
    ticket = world.ask(wanted("c", namespace="other"))
    assert ticket in world.waiting


def test_what_waited_too_long_or_is_larger_than_the_pool_is_refused_and_says_why() -> None:
    pool = Pool(256)
    assert pool.ask(1, wanted("a", 512), 0) == [Refuse(1, Why.LARGE)]
    assert pool.ask(2, wanted("a"), 0) == [Start(2, 1)]
    assert pool.ask(3, wanted("a"), 0) == []
    assert pool.tick(WAIT_S_MAX - 1) == []
    assert pool.tick(WAIT_S_MAX) == [Refuse(3, Why.LATE)]


def test_a_ticket_that_asks_again_comes_first() -> None:
    pool = Pool(256)
    assert pool.ask(1, wanted("a"), 0) == [Start(1, 1)]
    pool.ready(1, 0)
    pool.ask(2, wanted("a"), 0)
    assert pool.end(1, 0) == [Close(1)]
    assert pool.ask(1, wanted("a"), 0, again=True) == []
    assert pool.closed(1, 0) == [Start(1, 2)]


def test_a_cell_without_memory_waits_for_none_and_makes_no_room_by_going() -> None:
    world = World(Pool(256))
    canary = wanted("canary", 0, namespace="own")
    world.ask(wanted("long"))
    world.ask(wanted("waits"))
    cell = world.warm(canary)  # all memory is taken, and somebody waits for it
    assert cell in world.idle, "it does not yield to who waits for memory"
    world.ask(wanted("more"))
    assert world.ask(canary) == world.running[cell]
