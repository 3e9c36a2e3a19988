"""Counters and the answers that show them."""

from __future__ import annotations

import math
import threading

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from couchgrass import json
from couchgrass.docdb.stats import (
    ProcessFacts,
    Stats,
    prometheus_answer,
    stats_answer,
    system_answer,
)
from couchgrass.exposition import Family, Sample

FACTS = ProcessFacts(
    uptime_s=61.5,
    started_s=1_700_000_000.0,
    cpu_s=2.25,
    resident_bytes=50_000_000,
    virtual_bytes=90_000_000,
    open_files=12,
    open_files_max=1024,
    threads=7,
    context_switches=99,
    garbage_collections=3,
    received_bytes=1000,
    sent_bytes=2000,
    databases=4,
)


def shown(stats: Stats, *path: str) -> object:
    return stats_answer(stats, FACTS, at_s=0, path=path)


def exposed(stats: Stats) -> dict[str, Metric]:
    text = prometheus_answer(stats, FACTS, at_s=0)
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(stats: Stats) -> dict[str, float]:
    """The exposition's samples, as the text has their names and labels."""
    lines = prometheus_answer(stats, FACTS, at_s=0).splitlines()
    parts = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in parts}


def test_a_counter_is_shown_with_value_type_and_desc() -> None:
    stats = Stats()
    stats.requests += 3
    shape = shown(stats, "couchdb", "httpd", "requests")
    assert shape == {"value": 3, "type": "counter", "desc": "HTTP requests answered"}


def test_a_path_selects_and_an_unknown_one_is_null() -> None:
    stats = Stats()
    assert shown(stats, "couchdb", "httpd", "requests", "value") == 0
    assert shown(stats, "couchdb", "nothing") is None
    assert shown(stats, "couchdb", "httpd", "requests", "value", "more") is None


@pytest.mark.parametrize(
    "path",
    [
        "couchdb.httpd.bulk_requests",
        "couchdb.httpd.view_reads",
        "couchdb.httpd.clients_requesting_changes",
        "couchdb.httpd_request_methods.COPY",
        "couchdb.httpd_status_codes.412",
        "couchdb.open_databases",
        "couchdb.open_os_files",
        "couchdb.database_reads",
        "couchdb.document_purges.total",
        "couchdb.auth_cache_hits",
        "couchdb.request_time",
        "fsync.time",
        "fsync.count",
    ],
)
def test_couchdbs_metrics_are_there_from_the_start(path: str) -> None:
    found = shown(Stats(), *path.split("."))
    assert isinstance(found, dict)
    assert set(found) == {"value", "type", "desc"}


def test_an_answered_request_counts_by_method_status_and_time() -> None:
    stats = Stats()
    stats.request_done("GET", 200, took_ms=1.5, at_s=0)
    stats.request_done("GET", 404, took_ms=1.5, at_s=0)
    stats.request_done("PROPFIND", 429, took_ms=1.5, at_s=0)
    assert shown(stats, "couchdb", "httpd", "requests", "value") == 3
    assert shown(stats, "couchdb", "httpd_request_methods", "GET", "value") == 2
    assert shown(stats, "couchdb", "httpd_request_methods", "PROPFIND") is None
    assert shown(stats, "couchdb", "httpd_status_codes", "429", "value") == 1
    assert shown(stats, "couchdb", "request_time", "value", "n") == 3


def test_the_whole_answer_is_json_of_two_trees() -> None:
    tree = json.decode(json.encode(shown(Stats())))
    assert set(tree) == {"couchdb", "fsync"}
    assert tree["couchdb"]["request_time"]["type"] == "histogram"
    assert tree["couchdb"]["request_time"]["value"]["percentile"][5] == [999, 0]


def test_threads_lose_no_counts() -> None:
    stats = Stats()

    def write() -> None:
        for _ in range(20_000):
            stats.document_writes += 1

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert stats.document_writes == 80_000


def test_prometheus_reads_the_exposition_under_couchdbs_names() -> None:
    stats = Stats()
    stats.auth_cache_hits += 5
    stats.auth_cache_misses += 2
    stats.document_purges_total += 1
    stats.open_databases += 6
    stats.request_done("PUT", 201, took_ms=2000, at_s=0)
    found = samples(stats)
    expected = {
        "couchdb_httpd_requests_total": 1,
        "couchdb_auth_cache_requests_total": 7,
        "couchdb_auth_cache_misses_total": 2,
        "couchdb_document_purges_total": 1,
        "couchdb_open_databases": 6,
        "couchdb_open_os_files": 12,
        'couchdb_httpd_request_methods{method="PUT"}': 1,
        'couchdb_httpd_status_codes{code="201"}': 1,
        "couchdb_request_time_seconds_count": 1,
        "couchdb_request_time_seconds_sum": 2.0,
        "couchdb_fsync_count_total": 0,
        "couchdb_uptime_seconds": 61,
        "couchdb_database_count": 4,
        'couchdb_erlang_memory_bytes{memory_type="total"}': 50_000_000,
        'couchdb_membership{nodes="cluster_nodes"}': 1,
        "process_open_fds": 12,
        "process_resident_memory_bytes": 50_000_000,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found['couchdb_request_time_seconds{quantile="0.5"}'] == pytest.approx(2, rel=1 / 8)


def test_prometheus_is_told_what_can_go_down() -> None:
    families = exposed(Stats())
    kinds = {name: families[name].type for name in ("couchdb_open_databases", "couchdb_open_os_files")}
    assert set(kinds.values()) == {"gauge"}
    assert families["couchdb_httpd_requests"].type == "counter"
    assert families["couchdb_request_time_seconds"].type == "summary"


def test_every_family_is_declared_once() -> None:
    lines = prometheus_answer(Stats(), FACTS, at_s=0).splitlines()
    declared = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(declared) == len(set(declared))


def test_the_system_answer_has_couchdbs_members() -> None:
    answer = system_answer(FACTS)
    assert answer["uptime"] == 61
    assert answer["memory"] == {"processes": 50_000_000}
    assert answer["process_count"] == 7
    assert (answer["io_input"], answer["io_output"]) == (1000, 2000)


LABELS = ["plain", 'a "quoted" name', "back\\slash", "two\nlines", "\\n", "grün", "", '{x="1"} 7']


@pytest.mark.parametrize("label", LABELS)
def test_families_of_others_come_last_with_any_text_in_their_labels(label: str) -> None:
    lag = Family("couchgrass_lag_seconds", "gauge", label, [Sample(1.5, {"link": label, "side": "a"})])
    text = prometheus_answer(Stats(), FACTS, at_s=0, more=[lag])
    *_, last = text_string_to_metric_families(text)
    assert (last.name, last.type, last.documentation) == (lag.name, "gauge", label)
    assert [(one.labels, one.value) for one in last.samples] == [({"link": label, "side": "a"}, 1.5)]


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (0, "0"), (1e21, "1e+21")]
)
def test_a_value_is_written_as_prometheus_writes_it(value: float, text: str) -> None:
    more = [Family("x", "gauge", "x", [Sample(value)])]
    assert prometheus_answer(Stats(), FACTS, at_s=0, more=more).endswith(f"\nx {text}\n")
