"""How soon the pages can be used, beside Fauxton in the same browser on the same machine.

    python -m bench.pages [--rounds N] [--docs N]

Ours is the dashboard at `/_utils/` of a database server, the peer `pouchdb-server` with the Fauxton that it
brings. Each figure is the median of rounds with an empty cache, taken in turns. Prints JSON:

- `usable_s`: from the address typed until the list of databases is seen, by somebody who is signed in.
- `documents_s`: the same for the documents of a database that has many.
- `again_s`: the list of databases with what the browser kept.
- `received_kB`: all that was sent for the first of them, compressed as it was; `requests`: in how many
  answers.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page
from tests.clients.pouchdb_server import PouchdbServer

from bench.server import scratch
from couchgrass.testing.browser import running_browser
from couchgrass.testing.call import call
from couchgrass.testing.server import running

TARGET = {"usable_s": 1.0, "dashboard_kB": 250}
DATABASE = "benched"
BULK = 1000
WAIT_MS = 60_000

_RECEIVED = """() => {
  const all = ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind));
  return [all.reduce((sum, one) => sum + (one.transferSize || 0), 0), all.length];
}"""


class Site(NamedTuple):
    """A server with pages. `url` has credentials, `bare` none; `list` and `documents` are addresses."""

    name: str
    url: str
    bare: str
    list: str
    documents: str


@contextmanager
def sites(folder: Path, docs: int) -> Iterator[list[Site]]:
    """Ours and the peer, each with a database of so many documents."""
    peer = PouchdbServer(folder / "pouchdb")
    with running(folder / "ours") as server:
        peer.start()
        try:
            bare = f"http://127.0.0.1:{peer.port}"
            both = [
                Site("couchgrass", server.auth_url, server.url, "#/databases", f"#/databases/{DATABASE}"),
                Site("fauxton", peer.url, bare, "#/_all_dbs", f"#/database/{DATABASE}/_all_docs"),
            ]
            for site in both:
                _fill(site.url, docs)
            yield both
        finally:
            peer.stop()


def _fill(url: str, docs: int) -> None:
    assert call(url, "PUT", f"/{DATABASE}").status == 201
    for start in range(0, docs, BULK):
        some = [{"_id": f"doc-{n:08}", "n": n, "title": f"todo {n}"} for n in range(start, start + BULK)]
        assert call(url, "POST", f"/{DATABASE}/_bulk_docs", {"docs": some}).status == 201


def _signed_in(browser: Browser, site: Site) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    name, _, password = site.url.removeprefix("http://").partition("@")[0].partition(":")
    form = {"name": name, "password": password}
    answer = context.request.post(f"{site.bare}/_session", data=form)
    assert answer.ok, answer.text()
    return context


def _seen(page: Page, site: Site, where: str, text: str) -> float:
    began = time.perf_counter()
    page.goto(f"{site.bare}/_utils/{where}", wait_until="commit")
    page.get_by_text(text).first.wait_for()
    return time.perf_counter() - began


def _round(browser: Browser, site: Site) -> dict[str, float]:
    context = _signed_in(browser, site)
    try:
        page = context.new_page()
        usable = _seen(page, site, site.list, DATABASE)
        received, requests = page.evaluate(_RECEIVED)
        page.goto("about:blank")
        again = _seen(page, site, site.list, DATABASE)
    finally:
        context.close()
    context = _signed_in(browser, site)
    try:
        documents = _seen(context.new_page(), site, site.documents, "doc-00000001")
    finally:
        context.close()
    return {
        "usable_s": usable,
        "again_s": again,
        "documents_s": documents,
        "received_kB": received / 1000,
        "requests": requests,
    }


def _median(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}


def measured(rounds: int, docs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All figures."""
    found: dict[str, list[dict[str, float]]] = {}
    with scratch() as folder, sites(Path(folder), docs) as both, running_browser() as browser:
        for number in range(rounds + 1):
            for site in both:
                one = _round(browser, site)
                if number:  # the first one warms the servers
                    found.setdefault(site.name, []).append(one)
            tell(f"round {number} of {rounds}")
    ours, peer = (_median(found[site]) for site in ("couchgrass", "fauxton"))
    ratios = {name: round(peer[name] / ours[name], 2) for name in ours if ours[name]}
    return {"ours": ours, "fauxton": peer, "ratio": ratios}


def main() -> None:
    """Prints JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docs", type=int, default=20_000)
    asked = parser.parse_args()
    found = measured(asked.rounds, asked.docs, lambda text: print(text, file=sys.stderr))
    told = {"machine": platform.platform(), "docs": asked.docs, "target": TARGET, **found}
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
