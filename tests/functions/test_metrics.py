"""What functions count is what Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from couchgrass.exposition import exposition
from couchgrass.functions.activation import Status
from couchgrass.functions.metrics import Counts, families
from couchgrass.functions.pool import Pool, Wanted


def read(counts: Counts, pool: Pool) -> dict[tuple[str, ...], float]:
    text = exposition(families(counts, pool))
    return {
        (one.name, *(value for name, value in sorted(one.labels.items()) if name != "le")): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_runs_are_counted_by_kind_and_status_warm_or_cold() -> None:
    counts = Counts()
    counts.ran("python:3", Status.SUCCESS, wait_s=0.0, init_ms=40, run_s=0.5)
    counts.ran("python:3", Status.SUCCESS, wait_s=0.25, init_ms=None, run_s=0.5)
    counts.ran("nodejs:20", Status.DEVELOPER_ERROR, wait_s=0.0, init_ms=None, run_s=1.0)
    counts.record("sequence", Status.SUCCESS)
    counts.refused += 1
    seen = read(counts, Pool(1024))
    expected = {
        ("activations_total", "python:3", "success"): 2,
        ("activations_total", "nodejs:20", "developer_error"): 1,
        ("activations_total", "sequence", "success"): 1,
        ("runs_total", "cold"): 1,
        ("runs_total", "warm"): 2,
        ("refused_total",): 1,
        ("wait_seconds_count",): 3,
        ("init_seconds_sum",): 0.04,
        ("run_seconds_sum",): 2.0,
    }
    assert (
        expected.items()
        <= {
            (name.removeprefix("couchgrass_functions_"), *labels): value
            for (name, *labels), value in seen.items()
        }.items()
    )


def test_the_pool_is_shown_as_it_is_now() -> None:
    pool = Pool(512)
    for ticket in (1, 2, 3):
        pool.ask(ticket, Wanted(f"a{ticket}", "ns", f"a{ticket}", 256), 0.0)
    seen = read(Counts(), pool)
    names = ("cells", "waiting", "idle_cells", "memory_bytes", "memory_max_bytes")
    shown = tuple(seen[f"couchgrass_functions_{name}",] for name in names)
    assert shown == (2, 1, 0, 512 << 20, 512 << 20)
