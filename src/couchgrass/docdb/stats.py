"""Counters of the server, and the answers that show them: ``_stats``, ``_prometheus`` and ``_system``.

Pure: the time and the facts about the process are arguments. A counter is a plain integer that the code it
is about adds to (``stats.document_writes += 5``). Under CPython's interpreter lock such a statement loses no
counts between threads. Histograms and `request_done` belong to the event loop, so what a writer thread
measures is observed where its answer arrives.

Names, types and shapes are those of CouchDB 3.5 (``couch_stats``, ``couch_prometheus``), as far as there is
something to count here. Beyond CouchDB, the sums and counts that ``_prometheus`` shows of a histogram never
go back, and the process is also shown under the names that every Prometheus client uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import msgspec

from couchgrass.docdb.histogram import PERCENTILES, Histogram
from couchgrass.exposition import Family, Sample, exposition

PROMETHEUS_CONTENT_TYPE = "text/plain; version=2.0"
"""What CouchDB says; the text is Prometheus' format 0.0.4 all the same."""

_METHODS = ("COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
_STATUSES = (
    *(200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 406, 409),
    *(412, 413, 414, 415, 416, 417, 500, 501, 503, 507),
)
"""Shown from the start; any other is from its first answer on."""

_HISTOGRAMS = {
    "request_time": ("couchdb.request_time", "time to answer a request, in ms"),
    "bulk_docs": ("couchdb.httpd.bulk_docs", "documents in a _bulk_docs request"),
    "dbinfo": ("couchdb.dbinfo", "time to gather the information on a database, in ms"),
    "db_open_time": ("couchdb.db_open_time", "time to open a database, in ms"),
    "fsync_time": ("fsync.time", "time that a commit waits for the disk, in ms"),
}
_GAUGES = frozenset(("open_databases", "open_os_files", "clients_requesting_changes"))
"""What can go down: ``_stats`` calls it a counter all the same."""


def _counter(path: str, description: str) -> Any:
    return field(default=0, metadata={"path": path, "desc": description})


@dataclass(slots=True, eq=False, repr=False)
class Stats:
    """What the server counts since it started. Fields are public: add to them."""

    interval_s: int = 10
    auth_cache_hits: int = _counter("couchdb.auth_cache_hits", "credentials found in the cache")
    auth_cache_misses: int = _counter("couchdb.auth_cache_misses", "credentials not found in the cache")
    password_hashing_fast: int = _counter("couchdb.password_hashing_fast", "passwords checked by the cache")
    password_hashing_slow: int = _counter("couchdb.password_hashing_slow", "passwords checked in full")
    database_reads: int = _counter("couchdb.database_reads", "documents read")
    database_writes: int = _counter("couchdb.database_writes", "commits that changed documents")
    database_purges: int = _counter("couchdb.database_purges", "purges of a database")
    document_inserts: int = _counter("couchdb.document_inserts", "new documents")
    document_writes: int = _counter("couchdb.document_writes", "documents written")
    local_document_writes: int = _counter("couchdb.local_document_writes", "_local documents written")
    document_purges_total: int = _counter("couchdb.document_purges.total", "purges of a document asked for")
    document_purges_success: int = _counter("couchdb.document_purges.success", "purges of a document done")
    document_purges_failure: int = _counter("couchdb.document_purges.failure", "purges of a document failed")
    open_databases: int = _counter("couchdb.open_databases", "databases that are open now")
    commits: int = _counter("couchdb.commits", "commits that wrote something")
    fsyncs: int = _counter("fsync.count", "waits for the disk, one a commit")
    requests: int = _counter("couchdb.httpd.requests", "HTTP requests answered")
    aborted_requests: int = _counter("couchdb.httpd.aborted_requests", "HTTP requests broken off")
    bulk_requests: int = _counter("couchdb.httpd.bulk_requests", "bulk requests")
    purge_requests: int = _counter("couchdb.httpd.purge_requests", "_purge requests")
    view_reads: int = _counter("couchdb.httpd.view_reads", "reads of a view")
    clients_requesting_changes: int = _counter(
        "couchdb.httpd.clients_requesting_changes", "changes feeds that are open now"
    )
    methods: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_METHODS, 0))
    statuses: dict[int, int] = field(default_factory=lambda: dict.fromkeys(_STATUSES, 0))
    request_time: Histogram = field(init=False)
    bulk_docs: Histogram = field(init=False)
    dbinfo: Histogram = field(init=False)
    db_open_time: Histogram = field(init=False)
    fsync_time: Histogram = field(init=False)

    def __post_init__(self) -> None:
        for name in _HISTOGRAMS:
            setattr(self, name, Histogram(self.interval_s))

    def request_done(self, method: str, status: int, *, took_ms: float, at_s: float) -> None:
        """Count an answered request; a method that is not HTTP's counts only as a request."""
        self.requests += 1
        if method in self.methods:
            self.methods[method] += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.request_time.observe(took_ms, at_s)


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the operating system and the interpreter say about the server's process."""

    uptime_s: float
    started_s: float
    """Seconds since the Unix epoch."""
    cpu_s: float
    resident_bytes: int
    virtual_bytes: int
    open_files: int
    open_files_max: int
    threads: int
    context_switches: int
    garbage_collections: int
    received_bytes: int
    sent_bytes: int
    databases: int


class _Count(NamedTuple):
    """One number: `path` as in ``_stats``, with dots; `field` is its name in `Stats`."""

    field: str
    path: str
    desc: str
    value: int


def stats_answer(stats: Stats, facts: ProcessFacts, *, at_s: float, path: Sequence[str] = ()) -> Any:
    """The answer of ``_stats``, or of ``_stats/couchdb/httpd/…``: None when nothing has that `path`."""
    tree: dict[str, Any] = {}
    for count in _counts(stats, facts):
        _plant(tree, count.path, count.value, "counter", count.desc)
    for method, number in stats.methods.items():
        _plant(tree, f"couchdb.httpd_request_methods.{method}", number, "counter", f"{method} requests")
    for status, number in sorted(stats.statuses.items()):
        _plant(
            tree, f"couchdb.httpd_status_codes.{status}", number, "counter", f"answers with status {status}"
        )
    for name, (where, desc) in _HISTOGRAMS.items():
        _plant(tree, where, getattr(stats, name).summary(at_s), "histogram", desc)
    found: Any = tree
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def system_answer(facts: ProcessFacts) -> dict[str, Any]:
    """The answer of ``_system``: of CouchDB's members those that mean something outside of Erlang.

    ``memory.processes`` is the resident memory, ``process_count`` the number of threads.
    """
    return {
        "uptime": int(facts.uptime_s),
        "memory": {"processes": facts.resident_bytes},
        "context_switches": facts.context_switches,
        "garbage_collection_count": facts.garbage_collections,
        "io_input": facts.received_bytes,
        "io_output": facts.sent_bytes,
        "os_proc_count": 0,
        "stale_proc_count": 0,
        "process_count": facts.threads,
        "message_queues": {},
        "internal_replication_jobs": 0,
        "distribution": {},
    }


def prometheus_answer(stats: Stats, facts: ProcessFacts, *, at_s: float, more: Iterable[Family] = ()) -> str:
    """The answer of ``_prometheus``, of the type `PROMETHEUS_CONTENT_TYPE`, with `more` at its end."""
    own = (*_count_families(stats, facts), *_summaries(stats, at_s), *_process_families(facts))
    return exposition((*own, *more))


def _counts(stats: Stats, facts: ProcessFacts) -> Iterator[_Count]:
    for counter in fields(stats):
        if counter.metadata:
            yield _Count(counter.name, value=getattr(stats, counter.name), **counter.metadata)
    yield _Count(
        "open_os_files", "couchdb.open_os_files", "files and sockets that are open now", facts.open_files
    )


def _plant(tree: dict[str, Any], path: str, value: Any, kind: str, desc: str) -> None:
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = {"value": value, "type": kind, "desc": desc}


def _exposed_name(path: str) -> str:
    return "couchdb_" + path.removeprefix("couchdb.").replace(".", "_")


def _count_families(stats: Stats, facts: ProcessFacts) -> Iterator[Family]:
    for count in _counts(stats, facts):
        name, value, desc = _exposed_name(count.path), count.value, count.desc
        if count.field in _GAUGES:
            yield Family(name, "gauge", desc, [Sample(value)])
            continue
        if count.field == "auth_cache_hits":
            name, value = "couchdb_auth_cache_requests", value + stats.auth_cache_misses
            desc = "credentials looked up in the cache"
        yield Family(name.removesuffix("_total") + "_total", "counter", desc, [Sample(value)])
    for name, label, numbers in (
        ("couchdb_httpd_request_methods", "method", stats.methods),
        ("couchdb_httpd_status_codes", "code", stats.statuses),
    ):
        samples = [Sample(number, {label: str(key)}) for key, number in numbers.items()]
        yield Family(name, "counter", f"HTTP requests by {label}", samples)


def _summaries(stats: Stats, at_s: float) -> Iterator[Family]:
    """Histograms in seconds; CouchDB divides by 1000 whatever was measured, also numbers of documents."""
    for field_name, (path, desc) in _HISTOGRAMS.items():
        histogram: Histogram = getattr(stats, field_name)
        samples = [
            Sample(value / 1000, {"quantile": str(PERCENTILES[percentile])})
            for percentile, value in histogram.summary(at_s)["percentile"]
        ]
        samples += [Sample(histogram.total / 1000, suffix="_sum"), Sample(histogram.count, suffix="_count")]
        yield Family(_exposed_name(path) + "_seconds", "summary", desc.removesuffix(", in ms"), samples)


def _process_families(facts: ProcessFacts) -> Iterator[Family]:
    for name, kind, desc, value in (
        ("couchdb_uptime_seconds", "counter", "time since the start", int(facts.uptime_s)),
        ("couchdb_database_count", "gauge", "databases there are", facts.databases),
        ("couchdb_internal_replication_jobs", "gauge", "changes to copy between nodes", 0),
        ("couchdb_erlang_processes", "gauge", "threads", facts.threads),
        ("couchdb_erlang_context_switches_total", "counter", "context switches", facts.context_switches),
        ("couchdb_erlang_gc_collections_total", "counter", "garbage collections", facts.garbage_collections),
        ("couchdb_erlang_io_recv_bytes_total", "counter", "bytes received", facts.received_bytes),
        ("couchdb_erlang_io_sent_bytes_total", "counter", "bytes sent", facts.sent_bytes),
        ("process_cpu_seconds_total", "counter", "processor time used", facts.cpu_s),
        ("process_start_time_seconds", "gauge", "start, in seconds since the Unix epoch", facts.started_s),
        ("process_resident_memory_bytes", "gauge", "resident memory", facts.resident_bytes),
        ("process_virtual_memory_bytes", "gauge", "virtual memory", facts.virtual_bytes),
        ("process_open_fds", "gauge", "open file descriptors", facts.open_files),
        ("process_max_fds", "gauge", "most file descriptors that can be open", facts.open_files_max),
    ):
        yield Family(name, kind, desc, [Sample(value)])
    memory = [Sample(facts.resident_bytes, {"memory_type": kind}) for kind in ("total", "processes")]
    yield Family("couchdb_erlang_memory_bytes", "gauge", "resident memory", memory)
    nodes = [Sample(1, {"nodes": kind}) for kind in ("cluster_nodes", "all_nodes")]
    yield Family("couchdb_membership", "gauge", "nodes of the cluster", nodes)
