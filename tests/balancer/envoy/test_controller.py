"""A real balancer in front of two regions: what a request goes through when a region breaks, and what not."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from couchgrass.balancer.envoy.folder import change_drained, read_drained
from couchgrass.testing.balancer import BalancerProcess
from couchgrass.testing.call import Reply
from couchgrass.testing.fake_gateway import GatewayProcess

from .conftest import LIMIT_S, SETTINGS, Running, until

SILENCE_S = (SETTINGS["probe_ms"] + SETTINGS["probe_timeout_ms"]) / 1000
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
LARGE = os.urandom(64 * 1024) * 72
"""4.5 MB, near the most that a gateway takes."""


def served_by(answer: Reply) -> str:
    return answer.headers["x-couchgrass-region"]


class Held:
    """A request that is in a region and is not answered there before it is let go."""

    def __init__(self, asked: Future[Reply], region: GatewayProcess, name: str) -> None:
        self._asked = asked
        self._region = region
        self._name = name

    @property
    def is_answered(self) -> bool:
        return self._asked.done()

    def let_go(self) -> None:
        self._region.let_go(self._name)

    def answer(self) -> Reply:
        return self._asked.result(LIMIT_S)


@contextmanager
def under_way(site: Running, region: GatewayProcess, method: str) -> Iterator[Held]:
    """A request that has arrived in the region."""
    name = f"held-{time.monotonic_ns()}"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(site.ask, method, f"/{name}?in={region.region}&hold={name}", b"body")
        held = Held(asked, region, name)
        try:
            until(lambda: region.requests(f"/{name}") != {})
            yield held
        finally:
            held.let_go()


@contextmanager
def frozen(*regions: GatewayProcess) -> Iterator[None]:
    """They say nothing for the length of a block."""
    stopped = [region.process for region in regions if region.process is not None]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


def lose_patience(site: Running) -> None:
    """Only where a region is frozen: a silence of the other one, on a busy machine, then has no witness."""
    site.balancer.write(probe_timeout_ms=450)


# --- what a request looks like ---------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_sent(site: Running) -> None:
    answer = site.ask(
        "POST",
        "/api//guest/a%2Fb?x=1&y=%20",
        b"hello",
        x_forwarded_for="203.0.113.9",
        x_forwarded_host="evil.example.org",
        x_forwarded_prefix="/evil",
        x_envoy_retry_on="5xx",
        x_envoy_upstream_rq_timeout_ms="1",
        authorization="Bearer me",
    )
    told = answer.json()
    assert answer.status == 200
    assert (told["region"], told["method"], told["target"]) == (
        "london",
        "POST",
        "/api//guest/a%2Fb?x=1&y=%20",
    )
    assert told["sha256"] == hashlib.sha256(b"hello").hexdigest()
    headers = told["headers"]
    assert headers["host"] == urlsplit(site.balancer.url).netloc
    assert headers["authorization"] == "Bearer me"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert not [name for name in headers if name.startswith("x-envoy") or ("host" in name and name != "host")]
    assert "x-forwarded-prefix" not in headers


def test_the_answer_says_who_served_it_and_nothing_of_envoy(site: Running) -> None:
    answer = site.ask("GET", "/todos")
    assert served_by(answer) == "london"
    assert not [name for name in answer.headers if "envoy" in name]


def test_what_regions_say_of_their_health_is_not_the_worlds(site: Running) -> None:
    assert site.ask("GET", "/_couchgrass/ready").status == 404


# --- retries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["cut=1", "status=500", "status=502", "status=503&not_run=1"])
@pytest.mark.parametrize("method", IDEMPOTENT)
def test_an_idempotent_request_is_answered_by_another_region(
    site: Running, method: str, failure: str
) -> None:
    answer = site.ask(method, f"/todos?in=london&{failure}", b"body" if method == "PUT" else None)
    assert (answer.status, served_by(answer)) == (200, "dallas")
    if method == "PUT":
        assert answer.json()["sha256"] == hashlib.sha256(b"body").hexdigest()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(("failure", "status"), [("cut=1", 503), ("status=502", 502), ("status=500", 500)])
def test_a_request_that_may_have_done_something_is_not_sent_again(
    site: Running, method: str, failure: str, status: int
) -> None:
    path = f"/once/{method}/{status}"
    answer = site.ask(method, f"{path}?in=london&{failure}", b"body")
    assert answer.status == status
    assert (site.london.requests(path), site.dallas.requests(path)) == ({method: 1}, {})


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("failure", ["cut=1", "status=502"])
def test_with_an_idempotency_key_it_is(site: Running, method: str, failure: str) -> None:
    answer = site.ask(method, f"/todos?in=london&{failure}", b"body", idempotency_key="k1")
    assert (answer.status, served_by(answer)) == (200, "dallas")
    assert answer.json()["headers"]["idempotency-key"] == "k1"


def test_an_actions_own_error_is_kept_for_its_key_and_not_made_twice(site: Running) -> None:
    answer = site.ask("POST", "/keyed?in=london&status=500", b"body", idempotency_key="k2")
    assert answer.status == 500
    assert (site.london.requests("/keyed"), site.dallas.requests("/keyed")) == ({"POST": 1}, {})


@pytest.mark.parametrize("body", [b"body", LARGE], ids=["small", "large"])
def test_what_was_not_run_is_sent_again_with_its_body(site: Running, body: bytes) -> None:
    answer = site.ask("POST", "/todos?in=london&status=503&not_run=1", body)
    assert (answer.status, served_by(answer)) == (200, "dallas")
    told = answer.json()
    assert (told["bytes"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_that_nothing_was_run_is_not_told_to_the_client(site: Running) -> None:
    answer = site.ask("POST", "/todos?status=503&not_run=1", b"body")
    assert answer.status == 503
    assert "x-couchgrass-not-run" not in answer.headers


def test_a_broken_half_of_an_answer_is_broken_for_the_client_too(site: Running) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        site.ask("GET", "/todos?in=london&half=1")


def test_a_slow_answer_is_waited_for(site: Running) -> None:
    answer = site.ask("GET", "/todos?wait_s=0.6")
    assert (answer.status, served_by(answer)) == (200, "london")


# --- regions that break ----------------------------------------------------------------------------------


class Load:
    """GETs and POSTs in turn on kept connections, from some threads, until it is ended."""

    def __init__(self, url: str, clients: int = 3) -> None:
        self._parts = urlsplit(url)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        self.failed: list[str] = []
        self.served: Counter[str] = Counter()
        self.reconnected = 0

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        try:
            until(lambda: self.served.total() > 10)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until_served_by(self, region: str, times: int = 10) -> None:
        before = self.served[region]
        until(lambda: self.served[region] >= before + times)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=LIMIT_S)
        number = 0
        while not self._stop.is_set():
            number += 1
            method = "POST" if number % 4 == 0 else "GET"
            try:
                connection.request(method, f"/load/{number}", b"x" if method == "POST" else None)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.served[answer.headers["x-couchgrass-region"]] += 1
                else:
                    self.failed.append(f"{method} {answer.status}")
                if answer.headers.get("connection") == "close":
                    self.reconnected += 1
            except (OSError, http.client.HTTPException) as lost:
                self.failed.append(f"{method} {lost!r}")
                connection.close()
            time.sleep(0.002)
        connection.close()


def test_the_death_of_a_region_fails_no_get_and_it_comes_back_when_it_is_ready(site: Running) -> None:
    with Load(site.balancer.url) as load:
        site.london.stop(signal.SIGKILL)
        site.balancer.until_regions(london="out", dallas="serving")
        load.until_served_by("dallas")
        site.london.start()
        site.balancer.until_regions(london="serving", dallas="standby")
        load.until_served_by("london")
    assert not [failure for failure in load.failed if failure.startswith("GET")]
    assert len(load.failed) <= 3, "a POST of each client was under way"


def test_a_region_that_lives_but_is_not_ready_stays_out_after_it_was_lost(site: Running) -> None:
    site.london.be(live=False, ready=False, reasons=["the database takes no write"])
    site.balancer.until(
        lambda state: (
            (state.regions["london"].state, state.regions["london"].reason)
            == ("out", "the database takes no write")
        )
    )
    site.london.be(live=True, reasons=["behind dallas"])
    site.balancer.until(lambda state: state.regions["london"].live)
    until(lambda: served_by(site.ask("GET", "/todos")) == "dallas")
    site.london.be(ready=True, reasons=[])
    site.balancer.until_regions(london="serving")
    until(lambda: served_by(site.ask("GET", "/todos")) == "london")


def test_a_get_under_way_in_a_region_that_freezes_is_answered_by_another_one(site: Running) -> None:
    with under_way(site, site.london, "GET") as held, frozen(site.london):
        lose_patience(site)
        assert served_by(held.answer()) == "dallas"
        state = site.balancer.until_regions(london="out", dallas="serving")
        assert state.regions["london"].reason == "its gateway does not answer in time"


def test_regions_that_are_silent_together_stay_and_end_what_they_have(site: Running) -> None:
    """As on a machine that is overloaded: the balancer hears nobody, and nobody is to blame."""
    since = site.balancer.until_regions(london="serving").regions["london"].since
    with under_way(site, site.london, "POST") as held:
        with frozen(site.london, site.dallas):
            until_s = time.monotonic() + 1.2 * SILENCE_S
            site.balancer.until(lambda state: time.monotonic() > until_s)
            assert site.balancer.until_regions(london="serving").regions["london"].since == since
            assert not held.is_answered
        held.let_go()
        assert (held.answer().status, served_by(held.answer())) == (200, "london")
    assert site.ask("GET", "/todos").status == 200


def test_a_post_under_way_there_is_told_at_once_that_it_failed(site: Running) -> None:
    with under_way(site, site.london, "POST") as held, frozen(site.london):
        lose_patience(site)
        assert held.answer().status == 503


def test_what_is_under_way_in_a_region_that_cant_serve_any_more_has_a_moment_to_end(site: Running) -> None:
    with under_way(site, site.london, "POST") as short, under_way(site, site.london, "GET") as long:
        site.london.be(live=False, ready=False)
        site.balancer.until_regions(london="out")
        short.let_go()
        assert (short.answer().status, served_by(short.answer())) == (200, "london")
        assert served_by(long.answer()) == "dallas"


def test_when_no_region_is_ready_the_least_stale_one_serves(site: Running) -> None:
    site.london.be(live=False, ready=False, lag_s=5.0)
    site.dallas.be(live=False, ready=False, lag_s=1.0)
    site.balancer.until_regions(london="out", dallas="out")
    until(lambda: site.ask("GET", "/todos").status == 503)
    assert site.ask("GET", "/todos").json()["status"] == 503
    site.dallas.be(live=True)
    assert "no region is ready" in site.balancer.until_regions(dallas="serving").regions["dallas"].reason
    until(lambda: site.ask("GET", "/todos").status == 200)


# --- what people do --------------------------------------------------------------------------------------


def test_a_drained_region_ends_what_it_has_and_gets_nothing_new(site: Running) -> None:
    with under_way(site, site.london, "POST") as held:
        change_drained(site.balancer.data, "london", is_drained=True)
        try:
            state = site.balancer.until_regions(london="draining", dallas="serving")
            assert state.regions["london"].reason == "drained by hand"
            until(lambda: served_by(site.ask("GET", "/todos")) == "dallas")
            assert not held.is_answered
            held.let_go()
            assert (held.answer().status, served_by(held.answer())) == (200, "london")
            assert site.balancer.until_regions(london="drained").regions["london"].requests == 0
        finally:
            change_drained(site.balancer.data, "london", is_drained=False)


def test_a_drained_region_that_leaves_the_file_comes_back_as_another_one(site: Running) -> None:
    gateways = dict(site.balancer.gateways)
    change_drained(site.balancer.data, "dallas", is_drained=True)
    try:
        site.balancer.until_regions(dallas="drained")
        del site.balancer.gateways["dallas"]
        site.balancer.write()
        until(lambda: not read_drained(site.balancer.data))
    finally:
        change_drained(site.balancer.data, "dallas", is_drained=False)
        site.balancer.gateways = gateways
        site.balancer.write()
    site.balancer.until_regions(london="serving", dallas="standby")


def test_the_files_change_without_a_dropped_connection(site: Running) -> None:
    with Load(site.balancer.url) as load:
        for changes in (
            {"hostname": "api.example.org", "request_timeout_s": 50.0},
            {"policy": "least-request"},
            {"policy": "weighted", "weights": {"london": 1, "dallas": 3}},
        ):
            site.balancer.write(**changes)
            policy = site.balancer.settings.get("policy", "failover")
            site.balancer.until(lambda state, policy=policy: state.policy == policy)  # type: ignore[misc]
            load.until_served_by("london")
        load.until_served_by("dallas")
        site.balancer.write(hostname="", policy="failover", weights={})
        site.balancer.until_regions(london="serving", dallas="standby")
        load.until_served_by("london")
    assert load.failed == []
    assert load.reconnected == 0


def test_a_file_that_went_wrong_changes_nothing(site: Running) -> None:
    good = site.balancer.file.read_text()
    site.balancer.file.write_text(good.replace("[balancer]", "[balancer]\npolicy = 'fastest'"))
    try:
        until(lambda: "can't be used, all stays as it is" in site.balancer.log.read_text())
        assert site.ask("GET", "/todos").status == 200
    finally:
        site.balancer.file.write_text(good)


def test_other_hosts_are_refused_when_there_is_a_hostname(site: Running) -> None:
    site.balancer.write(hostname="api.example.org")
    until(lambda: site.ask("GET", "/", host="evil.example.org").status == 421)
    assert site.ask("GET", "/", host="API.example.org:8080").status == 200
    assert site.ask("GET", "/").status == 200, "loopback is for the balancer's own machine"
    site.balancer.write(hostname="")
    until(lambda: site.ask("GET", "/", host="evil.example.org").status == 200)


def test_an_envoy_that_dies_is_started_again(site: Running) -> None:
    assert site.balancer.process is not None
    (envoy,) = children(site.balancer)
    os.kill(envoy, signal.SIGKILL)
    state = site.balancer.until(lambda state: state.envoy_restarts > 0 and state.envoy == "running")
    assert state.regions["london"].state == "serving"
    until(lambda: _answers(site))


def _answers(site: Running) -> bool:
    try:
        return site.ask("GET", "/todos").status == 200
    except OSError:
        return False


def children(balancer: BalancerProcess) -> list[int]:
    assert balancer.process is not None
    pid = balancer.process.pid
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found
