"""The end of a run, or of one driver's part in it: account for every task, commit the outcomes, write the summary."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from s3sync.errors import UserError
from s3sync.model.accounting import Counts, verify_outcomes
from s3sync.model.tally import Tally
from s3sync.runs.folder import RunFolder
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.merge_retries import fold_retries
from s3sync.runs.outcomes import BatchDone, read_prior
from s3sync.runs.plan import Plan
from s3sync.runs.summary import State, Summary, summarize
from s3sync.runs.upload_log import UploadLog

END_LOCK_SECONDS = 60.0
END_PATIENCE_SECONDS = 600.0  # of very many tasks the fold takes minutes
_STOPPED = frozenset({State.INTERRUPTED, State.CIRCUIT_OPEN, State.ENQUEUED})


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of each planned task, later attempts included."""

    done: Mapping[str, BatchDone]
    counts: Counts
    tally: Tally


def done_batches(folder: RunFolder) -> dict[str, BatchDone]:
    """The batches that are committed, whoever did them. Of several records of one batch the first attempt's counts."""
    done: dict[str, BatchDone] = {}
    for name in folder.names("outcomes/"):
        if name.endswith(".done.json"):
            record = BatchDone.from_json(folder.get_json(name) or {})
            done.setdefault(record.batch_id, record)
    return done


def accounts_of(folder: RunFolder, plan: Plan, *, stopped_early: bool) -> Accounts:
    """Add up the outcomes, with the later attempts folded in. Raises InvariantBroken where they do not add up (C1), and
    LockHeld as `finish_run` does."""
    with _alone(folder):
        return _accounts_of(folder, plan, stopped_early=stopped_early)


def _accounts_of(folder: RunFolder, plan: Plan, *, stopped_early: bool) -> Accounts:
    done = done_batches(folder)
    tally = Tally(requests=Counter(ListObjectsV2=plan.listing_pages) if plan.listing_pages else Counter())
    for batch in plan.batches:
        tally.add(done[batch.batch_id].tally if batch.batch_id in done else read_prior(folder, batch.batch_id).tally)
        if batch.is_giant and batch.batch_id not in done:
            tally.add(UploadLog(folder, batch.batch_id).counted())
    tally = fold_retries(folder, plan, done, tally)
    counts = plan.counts + Counts.of_outcomes(tally)
    verify_outcomes(counts, stopped_early=stopped_early)
    return Accounts(done, counts, tally)


def finish_run(
    folder: RunFolder,
    plan: Plan,
    source: str,
    target: str,
    began: datetime,
    stopped: State | None,
    circuit_code: str | None = None,
) -> Summary:
    """Check that the outcomes add up (C1), commit them where all are there, and write `summary.json`.

    `source` and `target` are places for people; `began` is when this driver started; `circuit_code` is what the circuit
    opened for, where it is known. Raises InvariantBroken, and LockHeld where another command adds the run up for long.
    """
    with _alone(folder):
        accounts = _accounts_of(folder, plan, stopped_early=stopped is not None)
        counts = accounts.counts
        if all(batch.batch_id in accounts.done for batch in plan.batches):
            _commit_outcomes(folder, plan, accounts.done)
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
            tally=accounts.tally,
            stopped=stopped if counts.remaining else None,
            circuit_code=circuit_code,
            work_uri=folder.store.uri,
        )
        folder.put("summary.json", summary.to_json().encode())
        return summary


def _alone(folder: RunFolder) -> TargetLock:
    """Of those who add up a run at once, such as many executors, each counts all that was written before it began."""
    place = folder_place(f"run {folder.run_id}")
    return TargetLock(
        folder.store, place, folder.run_id, END_LOCK_SECONDS, lambda _: None, patience_seconds=END_PATIENCE_SECONDS
    )


def finish_again(folder: RunFolder, began: datetime) -> Summary:
    """The summary of a run after later attempts at its tasks, written anew. `began` is when these attempts did.

    Raises UserError where the run has no plan, InvariantBroken.
    """
    plan = folder.manifest("plan")
    if plan is None:
        raise UserError(f"{folder.uri}: the run has no plan yet, so there is nothing to finish")
    before, described = folder.get_json("summary.json"), folder.get_json("run.json") or {"options": {}}
    options = described["options"]
    known = Plan.from_json(plan)
    return finish_run(
        folder,
        known,
        before["source"] if before else f"s3://{known.source_bucket}/{', '.join(options['source.prefixes'][:3])}",
        before["target"] if before else f"s3://{known.target_bucket}/{options['target.prefix']}",
        began,
        _state_while_unfinished(before["state"] if before else None),
    )


def _state_while_unfinished(before: str | None) -> State:
    """A run that stopped early stays so while tasks are left; one that had no end yet waits for its executors."""
    return State(before) if before in _STOPPED else State.ENQUEUED


def _commit_outcomes(folder: RunFolder, plan: Plan, done: Mapping[str, BatchDone]) -> None:
    parts = [part for batch in plan.batches for part in done[batch.batch_id].parts]
    folder.commit("outcomes", {"parts": parts, "skip_files": list(plan.skip_files)})
