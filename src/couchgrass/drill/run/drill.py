"""One drill: load, a fault in the middle of it, healing, and what the databases have afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from couchgrass.drill.ledger import Missing, conflicts, missing
from couchgrass.drill.ops import Outcome
from couchgrass.drill.report import Fault, Loss, Report, grace_s
from couchgrass.drill.run.faults import Faults
from couchgrass.drill.run.load import Driver
from couchgrass.drill.run.watch import Watch
from couchgrass.drill.site import Site
from couchgrass.drill.timeline import by_method, failures, rto_s, served_between, slots
from couchgrass.errors import CouchgrassError
from couchgrass.serving.ticks import ticks

POLL_S: Final = 0.05

COMPARE_S: Final = 0.2
"""Between two comparisons of all databases with all that was acknowledged. They cost processor time, which
the regions need for catching up."""

RETURN_S_MAX: Final = 180.0
EQUAL_S_MAX: Final = 120.0
"""How long a region may take to come back, and all regions to be equal, before the drill gives up on it. What
takes seconds takes a busy machine a minute."""

FIRST_S_MAX: Final = 30.0
"""How long the fault waits for the first acknowledged write: without one there is nothing to lose."""

BEFORE, DURING = 0.25, 0.35
"""The shares of the time before the fault and while it lasts."""

Tell = Callable[[str], None]


class Drill:
    """`watches` are the regions' databases, `now` the drill's clock in seconds; `tell` hears what happens."""

    def __init__(
        self,
        site: Site,
        driver: Driver,
        watches: Mapping[str, Watch],
        now: Callable[[], float],
        tell: Tell,
        *,
        equal_s_max: float = EQUAL_S_MAX,
    ) -> None:
        self._site = site
        self._driver = driver
        self._watches = watches
        self._now = now
        self._tell = tell
        self._faults = Faults(site)
        self._equal_s_max = equal_s_max
        self._struck_s = 0.0
        self._late_s = 0.0
        self._returned_s: float | None = None
        self._ready_s: float | None = None
        self._unready_s = 0.0
        self._converged_s: float | None = None
        self._aborted = ""

    async def run(self, fault: Fault, rate: float, seconds: float) -> Report:
        """The report. Raises CouchgrassError when it can't begin; what broke is healed in any case."""
        for watch in self._watches.values():
            await watch.begin()
        load = asyncio.create_task(self._driver.run(rate))
        lateness = asyncio.create_task(self._measure_lateness())
        broke_s = healed_s = 0.0
        rpo: Loss | None = None
        try:
            self._tell(f"load of {rate:.0f} requests a second")
            await asyncio.sleep(seconds * BEFORE)
            await self._first_write()
            broke_s = self._now()
            self._tell(f"fault: {fault.kind}, {fault.how}, {fault.region}")
            self._faults.break_it(fault, seconds * DURING)
            self._struck_s = self._now()
            rpo = await self._loss(fault, broke_s)
            await asyncio.sleep(max(0.0, seconds * DURING - (self._now() - broke_s)))
            self._faults.heal()
            healed_s = self._now()
            self._tell("healed")
            await asyncio.gather(
                self._back(fault), asyncio.sleep(seconds * (1 - BEFORE - DURING)), self._converge()
            )
        finally:
            self._faults.heal()
            self._driver.end()
            await load
            lateness.cancel()
        lost = await self._equal()
        return self._report(fault, rate, broke_s, healed_s, rpo, lost, await self._digests())

    async def _first_write(self) -> None:
        deadline = self._now() + FIRST_S_MAX
        while self._now() < deadline and not any(one.acknowledged for one in self._driver.outcomes):
            await asyncio.sleep(POLL_S)

    async def _measure_lateness(self) -> None:
        async for late_s in ticks(POLL_S):
            self._late_s = max(self._late_s, late_s)

    async def _loss(self, fault: Fault, broke_s: float) -> Loss | None:
        """What the survivors lack of what was acknowledged when a region was lost."""
        if fault.kind not in ("region", "database"):
            return None
        others = [watch for name, watch in self._watches.items() if name != fault.region]
        await asyncio.gather(*(watch.look() for watch in others))
        lacking = [self._missing(watch, broke_s) for watch in others]
        worst = max(lacking, key=len, default=[])
        oldest = min((one.acknowledged_s for one in worst), default=broke_s)
        return Loss(len(worst), round(max(0.0, broke_s - oldest), 3))

    async def _back(self, fault: Fault) -> None:
        """Notes when the region's database answers again, when the region says that it is ready, and until
        when it certainly was not."""
        region = fault.region
        if not region or region not in self._watches:
            self._returned_s = self._ready_s = self._now()
            return
        deadline = self._now() + RETURN_S_MAX
        while self._now() < deadline:
            asked_s = self._now()
            health = await self._site.health(region)
            # Silence says nothing: it may be ready, and the answer late on a busy machine.
            if health is not None and not health.ready:
                self._unready_s = asked_s
            if health is not None and health.database and self._returned_s is None:
                self._returned_s = self._now()
                self._tell(f"{region} is back")
            if health is not None and health.ready:
                self._ready_s = self._now()
                self._returned_s = self._returned_s or self._ready_s
                self._tell(f"{region} is ready")
                return
            await asyncio.sleep(POLL_S)
        self._aborted = f"{region} did not become ready within {RETURN_S_MAX:.0f} s"

    async def _converge(self) -> None:
        """Notes when every region has all that was acknowledged until the return."""
        deadline = self._now() + RETURN_S_MAX + self._equal_s_max
        while self._now() < deadline and not self._aborted:
            if self._returned_s is None:
                await asyncio.sleep(POLL_S)
                continue
            if not any(await self._lacking(self._returned_s)):
                self._converged_s = self._now()
                self._tell("all regions have what was acknowledged")
                return
            deadline = min(deadline, self._returned_s + self._equal_s_max)
            await asyncio.sleep(COMPARE_S)

    async def _lacking(self, until_s: float) -> list[list[Missing]]:
        looked = await asyncio.gather(*(watch.look() for watch in self._watches.values()))
        found = []
        for answers, watch in zip(looked, self._watches.values(), strict=True):
            lacking = self._missing(watch, until_s)
            found.append(lacking if answers or lacking else _everything(self._driver.outcomes))
        return found

    def _missing(self, watch: Watch, until_s: float) -> list[Missing]:
        driver = self._driver
        return missing(driver.outcomes, watch.leaves, until_s=until_s, under_way=driver.under_way.values())

    async def _equal(self) -> list[Missing]:
        """Waits until all regions have all; what some region still lacks at the end."""
        deadline = self._now() + self._equal_s_max
        while True:
            lacking = [one for each in await self._lacking(self._now()) for one in each]
            if not lacking and len(set((await self._digests()).values())) == 1:
                return []
            if self._now() > deadline:
                return lacking
            await asyncio.sleep(COMPARE_S)

    async def _digests(self) -> dict[str, str]:
        found = {}
        for name, watch in self._watches.items():
            try:
                found[name] = await watch.digest()
            except CouchgrassError as refused:
                found[name] = f"unknown: {refused.reason}"
        return found

    def _report(
        self,
        fault: Fault,
        rate: float,
        broke_s: float,
        healed_s: float,
        rpo: Loss | None,
        lost: Sequence[Missing],
        digests: dict[str, str],
    ) -> Report:
        outcomes = self._driver.outcomes
        converged = None
        if self._converged_s is not None and self._returned_s is not None:
            converged = round(max(0.0, self._converged_s - self._returned_s), 3)
        early = 0
        if fault.kind == "region" and self._ready_s is not None:
            early = served_between(outcomes, fault.region, healed_s, self._unready_s)
        rto = rto_s(outcomes, broke_s)
        merged = {doc: leaves for watch in self._watches.values() for doc, leaves in watch.leaves.items()}
        return Report(
            fault=fault,
            seconds=round(max((one.ended_s for one in outcomes), default=0.0), 3),
            rate=rate,
            broke_s=round(broke_s, 3),
            healed_s=round(healed_s, 3),
            methods=by_method(outcomes, broke_s, self._struck_s + grace_s(fault) + self._late_s),
            rto_s=None if rto is None else round(rto, 3),
            rpo=rpo,
            lost=len({one.doc for one in lost}),
            lost_documents=tuple(sorted({one.doc for one in lost})[:20]),
            converged_s=converged,
            conflicts=conflicts(merged),
            early=early,
            digests=digests,
            slots=slots(outcomes),
            failures=failures(outcomes),
            late_s=round(self._late_s, 3),
            aborted=self._aborted,
        )


def _everything(outcomes: Sequence[Outcome]) -> list[Missing]:
    """For a database that does not answer: nothing is known to be there."""
    known = next((one for one in outcomes if one.acknowledged and one.doc), None)
    if known is None:
        return []
    return [Missing(known.doc, known.op.number, known.op.method, known.region, known.ended_s)]


async def settled(
    healthy: Callable[[], Awaitable[bool]], now: Callable[[], float], *, limit_s: float
) -> bool:
    """Waits until all is well, `limit_s` at the most."""
    deadline = now() + limit_s
    while not await healthy():
        if now() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True
