"""The end of a run, or of one driver's part in it: account for every task, commit the outcomes, write the summary."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from s3sync.report.accounting import Counts, verify_outcomes
from s3sync.report.summary import State, Summary, summarize
from s3sync.report.tally import Tally
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcome_log import BatchDone, read_prior
from s3sync.runs.plan import Plan


def done_batches(folder: RunFolder) -> dict[str, BatchDone]:
    """The batches that are committed, whoever did them. Of several records of one batch the first attempt's counts."""
    done: dict[str, BatchDone] = {}
    for name in folder.names("outcomes/"):
        if name.endswith(".done.json"):
            record = BatchDone.from_json(folder.get_json(name) or {})
            done.setdefault(record.batch_id, record)
    return done


def finish_run(
    folder: RunFolder, plan: Plan, source: str, target: str, began: datetime, stopped: State | None
) -> Summary:
    """Check that the outcomes add up (C1), commit them where all are there, and write `summary.json`.

    `source` and `target` are places for people; `began` is when this driver started. Raises InvariantBroken.
    """
    done = done_batches(folder)
    tally = Tally(requests=Counter(ListObjectsV2=plan.listing_pages) if plan.listing_pages else Counter())
    for batch in plan.batches:
        tally.add(done[batch.batch_id].tally if batch.batch_id in done else read_prior(folder, batch.batch_id).tally)
    counts = plan.counts + Counts.of_outcomes(tally)
    verify_outcomes(counts, stopped_early=stopped is not None)
    if not counts.remaining:
        _commit_outcomes(folder, plan, done)
    before = folder.get_json("summary.json") or {"wall_seconds": 0.0, "started_at": began.isoformat()}
    ended = datetime.now(UTC)
    summary = summarize(
        run_id=folder.run_id,
        source=source,
        target=target,
        started_at=datetime.fromisoformat(before["started_at"]),
        ended_at=ended,
        wall_seconds=before["wall_seconds"] + (ended - began).total_seconds(),
        counts=counts,
        tally=tally,
        stopped=stopped if counts.remaining else None,
    )
    folder.put("summary.json", summary.to_json().encode())
    return summary


def _commit_outcomes(folder: RunFolder, plan: Plan, done: Mapping[str, BatchDone]) -> None:
    parts = [part for batch in plan.batches for part in done[batch.batch_id].parts]
    folder.commit("outcomes", {"parts": parts, "skip_files": list(plan.skip_files)})
