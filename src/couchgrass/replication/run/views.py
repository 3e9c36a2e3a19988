"""Jobs and documents as they are shown: to ``_scheduler``, to ``_active_tasks``, and as metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from couchgrass.exposition import Family, Sample
from couchgrass.replication.run.documents import Documents, Entry
from couchgrass.replication.run.job import Job
from couchgrass.replication.run.replicator import Replicator
from couchgrass.replication.status import Counts, Event, JobView, State


def job_view(job: Job) -> JobView:
    """One job."""
    wanted, life = job.wanted, job.life
    return JobView(
        id=job.key,
        source=wanted.source.shown,
        target=wanted.target.shown,
        source_proxy=wanted.source.shown_proxy,
        target_proxy=wanted.target.shown_proxy,
        state=life.state,
        start_time_s=job.added_at,
        last_updated_s=life.since,
        database=job.origin.database,
        doc_id=job.origin.doc_id,
        user=job.origin.user,
        continuous=wanted.continuous,
        pid=f"<0.{int(job.rep_id.base[:6], 16)}.0>" if life.state is State.RUNNING else None,
        history=_history(life.history),
        counts=_counts(job),
        error=job.error(),
        error_count=life.crashes,
        started_on_s=job.started_at or None,
        updated_on_s=job.updated_at(),
        checkpoint_interval_ms=int(wanted.checkpoint_interval_s * 1000),
        lag_s=_rounded(job.lag_s()),
        next_try_s=job.next_try(),
        dead_letters=len(job.letters),
    )


def _history(events: list[Event]) -> list[Event]:
    """Newest first."""
    return events[::-1]


def _rounded(lag_s: float | None) -> float | None:
    return None if lag_s is None else round(lag_s, 3)


def _counts(job: Job) -> Counts | None:
    run = job.run
    if run is None or run.progress is None:
        return None
    return Counts(
        **msgspec.structs.asdict(job.totals),
        changes_pending=run.changes_pending(),
        checkpointed_source_seq=run.checkpoints.last,
        source_seq=run.source_seq or run.checkpoints.last,
        through_seq=run.progress.through,
    )


def entry_view(entry: Entry, job: Job | None) -> JobView:
    """One document: its job, or what became of it."""
    if job is not None and not entry.state.is_terminal:
        return job_view(job)
    wanted = entry.wanted
    return JobView(
        id=None,
        source=None if wanted is None else wanted.source.shown,
        target=None if wanted is None else wanted.target.shown,
        state=entry.state,
        start_time_s=entry.start_at,
        last_updated_s=entry.updated_at,
        database=entry.database,
        doc_id=entry.doc_id,
        counts=None if entry.stats is None else entry_counts(entry),
        error=entry.error,
        error_count=entry.error_count,
        next_try_s=entry.next_try_at if entry.state is State.ERROR else None,
        dead_letters=entry.dead_letters,
    )


def entry_counts(entry: Entry) -> Counts:
    """The counts that were written into a document that is done."""
    stats = entry.stats or {}
    names = [name for name in Counts.__struct_fields__ if not name.endswith("_seq")]
    numbers = {name: stats[name] for name in names if isinstance(stats.get(name), int)}
    return Counts(**numbers)


def document_views(replicator: Replicator, documents: Documents) -> Iterator[JobView]:
    """All documents, by database and id."""
    for key in sorted(documents.entries):
        yield entry_view(documents.entries[key], replicator.by_document(*key))


def metrics(replicator: Replicator) -> Iterable[Family]:
    """What Prometheus is told of each job, by database and document or, for others, by its id."""
    jobs = sorted(replicator.jobs.values(), key=lambda job: job.key)
    states = dict.fromkeys(State, 0)
    lag: list[Sample] = []
    pending: list[Sample] = []
    letters: list[Sample] = []
    for job in jobs:
        states[job.life.state] += 1
        labels = {
            "database": job.origin.database or "",
            "doc_id": job.origin.doc_id or "",
            "id": job.key,
            "source": job.wanted.source.shown,
            "target": job.wanted.target.shown,
        }
        lag_s, behind = job.lag_s(), None if job.run is None else job.run.changes_pending()
        if lag_s is not None:
            lag.append(Sample(lag_s, labels))
        if behind is not None:
            pending.append(Sample(behind, labels))
        letters.append(Sample(len(job.letters), labels))
    by_state = [Sample(count, {"state": state.value}) for state, count in states.items()]
    prefix = "couchgrass_replication"
    return (
        Family(f"{prefix}_jobs", "gauge", "replication jobs by state", by_state),
        Family(
            f"{prefix}_crashes_total", "counter", "crashes of replication jobs", [Sample(replicator.crashes)]
        ),
        Family(f"{prefix}_lag_seconds", "gauge", "age of the oldest change that the target may lack", lag),
        Family(f"{prefix}_pending_changes", "gauge", "changes that are not copied yet", pending),
        Family(f"{prefix}_dead_letters", "gauge", "documents that the target refuses", letters),
    )
