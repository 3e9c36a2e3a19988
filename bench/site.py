"""The pages of two regions: how soon they can be used, and what an open one costs.

    python -m bench.site [--rounds N] [--docs N] [--watch SECONDS] [--only start|watch|idle]

`couchgrass up` with London, Dallas, the balancer and the todo app, and a browser on the same machine. Prints
JSON:

- `usable_s`, medians of rounds with an empty cache, signed in, from the address typed until it is seen:
  `overview` (a region's card), `overview_again` (with what the browser kept), `todo` (the list, at the
  balancer), `documents` (the first page of a database with many) and `next_page` (the next, by a click).
- `watched`: the overview, open for so long. `page_cpu` is the share of a processor that its main thread
  takes, `browser_cpu` that of all of the browser, by kind of process; there is no graphics processor, so
  pictures are drawn by this one. `heap_MB` is what its scripts hold after a garbage collection, twice, that
  long apart.
- `pages`: what each page asks while nobody touches it, seen and hidden, in requests a second.
- `servers_cpu`: shares of a processor by command, both regions together: `idle`, with the overview open
  (`overview`) and with the todo client open (`todo`). `dashboard_MB`, `gateway_MB`: resident memory of one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from bench.server import scratch
from bench.start import below
from couchgrass.cli.up import example_app, example_pages
from couchgrass.testing.browser import WIDE, running_browser
from couchgrass.testing.call import call
from couchgrass.testing.up import UpProcess, running_up

REGION = "london"
DATABASE = "benched"
BULK = 5000
TITLE = "water the grass"
SETTLE_S = 3.0
IDLE_S = 10.0
PARTS = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
PAGES = ("overview", "databases", "databases/" + DATABASE, "replication", "tasks", "functions", "apis",
         "balancer", "drills")  # fmt: skip

_HIDE = """() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def _fill(up: UpProcess, docs: int) -> None:
    admin = up.admin(REGION)
    url = f"http://{admin.name}:{admin.password}@127.0.0.1:{up.region(REGION).database.port}"
    assert call(url, "PUT", f"/{DATABASE}").status == 201
    for start in range(0, docs, BULK):
        some = [{"_id": f"doc-{n:08}", "n": n, "title": f"todo {n}"} for n in range(start, start + BULK)]
        assert call(url, "POST", f"/{DATABASE}/_bulk_docs", {"docs": some}).status == 201
    assert call(up.url, "POST", "/v1/todo", {"title": TITLE}).status in (200, 201)


def _signed_in(browser: Browser, up: UpProcess) -> BrowserContext:
    context = browser.new_context(viewport=WIDE)
    admin = up.admin(REGION)
    form = {"name": admin.name, "password": admin.password}
    headers = {"x-couchgrass-dashboard": "1"}
    answer = context.request.post(f"{up.dashboard(REGION)}/couch/_session", data=form, headers=headers)
    assert answer.ok, answer.text()
    return context


# --- how soon ----------------------------------------------------------------------------------------------


def _took(act: Callable[[], Any], seen: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    seen()
    return time.perf_counter() - began


def _card(page: Page) -> None:
    page.get_by_label(REGION, exact=True).first.wait_for()


def _round(browser: Browser, up: UpProcess) -> dict[str, float]:
    home = up.dashboard(REGION)
    found = {}
    context = _signed_in(browser, up)
    page = context.new_page()
    found["overview"] = _took(lambda: page.goto(home, wait_until="commit"), lambda: _card(page))
    page.goto("about:blank")
    found["overview_again"] = _took(lambda: page.goto(home, wait_until="commit"), lambda: _card(page))
    context.close()
    context = _signed_in(browser, up)
    page = context.new_page()
    found["documents"] = _took(
        lambda: page.goto(f"{home}/#/databases/{DATABASE}", wait_until="commit"),
        lambda: page.get_by_text("doc-00000001").first.wait_for(),
    )
    first = page.get_by_label("Pages of the table").inner_text().split("–")[0]
    found["next_page"] = _took(
        lambda: page.get_by_role("button", name="Next").click(),
        lambda: page.wait_for_function(
            "(first) => !document.querySelector('nav.pager').innerText.startsWith(first + '–')", arg=first
        ),
    )
    context.close()
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    found["todo"] = _took(
        lambda: page.goto(up.url, wait_until="commit"), lambda: page.get_by_text(TITLE).first.wait_for()
    )
    context.close()
    return found


def _usable(browser: Browser, up: UpProcess, rounds: int) -> dict[str, float]:
    _round(browser, up)  # warms the servers
    all_of = [_round(browser, up) for _ in range(rounds)]
    return {name: round(statistics.median(one[name] for one in all_of), 3) for name in all_of[0]}


# --- what it costs -----------------------------------------------------------------------------------------


def _counted(session: CDPSession) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def _processes(browser: Browser) -> dict[str, float]:
    """Processor seconds of the browser's processes, by kind."""
    session = browser.new_browser_cdp_session()
    found: dict[str, float] = {}
    for one in session.send("SystemInfo.getProcessInfo")["processInfo"]:
        found[one["type"]] = found.get(one["type"], 0.0) + one["cpuTime"]
    session.detach()
    return found


def _heap_mb(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(round(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, 2))


def _watched(browser: Browser, up: UpProcess, seconds: float) -> dict[str, Any]:
    context = _signed_in(browser, up)
    page = context.new_page()
    page.goto(up.dashboard(REGION))
    _card(page)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    heaps = []
    for _ in range(2):
        counted, used = _counted(session), _processes(browser)
        page.wait_for_timeout(seconds * 1000)
        took = {name: _counted(session)[name] - counted[name] for name in PARTS}
        spent = {name: more - used.get(name, 0.0) for name, more in _processes(browser).items()}
        heaps.append(_heap_mb(session))
    nodes = _counted(session)["Nodes"]
    context.close()
    return {
        "page_cpu": {name: round(took[name] / seconds, 4) for name in PARTS},
        "browser_cpu": {name: round(one / seconds, 4) for name, one in spent.items()},
        "heap_MB": heaps,
        "nodes": nodes,
    }


def _asked(browser: Browser, up: UpProcess) -> dict[str, Any]:
    context = _signed_in(browser, up)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(up.dashboard(REGION))))
    found = {}
    for name in PAGES:
        page.goto("about:blank")
        page.goto(f"{up.dashboard(REGION)}/#/{name}")
        found[name] = _quiet(page, asked)
    context.close()
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(up.url)))
    page.goto(up.url)
    found["todo client"] = _quiet(page, asked)
    context.close()
    return found


def _quiet(page: Page, asked: list[str]) -> dict[str, Any]:
    page.wait_for_timeout(SETTLE_S * 1000)
    asked.clear()
    page.wait_for_timeout(IDLE_S * 1000)
    seen = list(asked)
    page.evaluate(_HIDE)
    page.wait_for_timeout(SETTLE_S * 1000)
    asked.clear()
    page.wait_for_timeout(SETTLE_S * 1000)
    paths = sorted({one.partition("?")[0] for one in seen})
    return {"per_s": round(len(seen) / IDLE_S, 2), "hidden": len(asked), "paths": paths}


def _shares(up: UpProcess, seconds: float, wait: Callable[[float], None]) -> dict[str, float]:
    def spent() -> dict[str, float]:
        assert up.process is not None
        found: dict[str, float] = {}
        for one in below(up.process.pid):
            found[one.name or "others"] = found.get(one.name or "others", 0.0) + one.cpu_s
        return found

    before = spent()
    wait(seconds)
    shares = {name: (used - before.get(name, 0.0)) / seconds for name, used in spent().items()}
    return {name: round(share, 4) for name, share in shares.items()} | {"all": round(sum(shares.values()), 4)}


def _memory_mb(up: UpProcess, name: str) -> float:
    assert up.process is not None
    pids = [one.pid for one in below(up.process.pid) if one.name == name]
    pages = [int(open(f"/proc/{pid}/statm").read().split()[1]) for pid in pids]  # noqa: PTH123, SIM115
    return round(statistics.mean(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _servers(browser: Browser, up: UpProcess, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {"idle": _shares(up, seconds, time.sleep)}
    context = _signed_in(browser, up)
    page = context.new_page()
    for name, url in (("overview", up.dashboard(REGION)), ("todo", up.url)):
        page.goto(url)
        page.wait_for_timeout(SETTLE_S * 1000)
        found[name] = _shares(up, seconds, lambda wait_s: page.wait_for_timeout(wait_s * 1000))
    context.close()
    return {
        "servers_cpu": found,
        "dashboard_MB": _memory_mb(up, "dashboard"),
        "gateway_MB": _memory_mb(up, "gateway"),
    }


def main() -> None:
    """Prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", type=int, default=200_000)
    parser.add_argument("--watch", type=float, default=60.0)
    parser.add_argument("--only", choices=("start", "watch", "idle"), action="append")
    asked = parser.parse_args()
    parts = asked.only or ("start", "watch", "idle")
    told: dict[str, Any] = {"machine": platform.platform(), "docs": asked.docs}
    with (
        scratch() as folder,
        running_browser() as browser,
        running_up(folder / "up", app=example_app(), pages=example_pages()) as up,
    ):
        _fill(up, asked.docs)
        if "start" in parts:
            told["usable_s"] = _usable(browser, up, asked.rounds)
            print("measured the start", file=sys.stderr)
        if "watch" in parts:
            told["watched"] = _watched(browser, up, asked.watch)
            told |= _servers(browser, up, asked.watch / 2)
            print("measured an open page", file=sys.stderr)
        if "idle" in parts:
            told["pages"] = _asked(browser, up)
    told["load"] = os.getloadavg()[0]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
