"""The check job: see both sides, judge, look at what is left open, report.

    look at both buckets ─> find the unfinished check or begin one ─> [listings] ─> [judge] ─> [look] ─> [read] ─>
    findings, summary, report

Each stage in brackets ends with a commit and is skipped where the run has it. Nothing is written to either bucket.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession
from rich.console import Console

from s3sync.checking.batch_records import Stage, done_batches
from s3sync.checking.compare_stage import CheckRun, judged
from s3sync.checking.comparison import Judged, settled_moments
from s3sync.checking.object_stage import look_at_open, read_open
from s3sync.checking.prepare import CheckPreparation, prepare_check
from s3sync.checking.requeue import requeue
from s3sync.config.load import conf_file, describe
from s3sync.config.model import Config, IfLocked
from s3sync.emr.follow import announce_run
from s3sync.errors import Interrupted
from s3sync.model.estimate import Estimate
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.cost import bill, load_prices, look_estimate, read_estimate
from s3sync.report.check_summary import CheckSummary, check_view, verify_verdicts
from s3sync.report.check_tally import CheckTally
from s3sync.report.console import size_text
from s3sync.report.write import begin_report, report_store, write_check_report, write_findings_part
from s3sync.runs.folder import RunFolder, find_or_create, fingerprint
from s3sync.runs.follow_up import CHECK, FINDINGS, findings_of_check
from s3sync.runs.interrupts import interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import bucket_place, folder_place
from s3sync.runs.store import open_store
from s3sync.spark.session import open_session
from s3sync.spark.task import cancel_jobs

STOPPED = "stopped; the same command goes on from here"
STALE_AFTER = timedelta(hours=12)  # listings of an unfinished check that is older say too little about now
FILES_BY_DRIVER = 8


def check(config: Config, console: Console, *, is_mode: bool = False) -> int:
    """Run the check, or go on with it, and return its exit code. Raises S3SyncError where it ends before its end.

    Raises LockHeld, before it has begun, where a run works on the target and the configuration says to skip then.

    `is_mode`: asked for as `--mode check`, which sends findings to the dead-letter queue, as the tool of old did.
    """
    began = datetime.now(UTC)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    store = open_store(config.run.work_uri, config.access.work)
    prepared = prepare_check(config, store)
    begin_report(prepared.config, prepared.source_place, prepared.target_place, began)
    timeout_seconds = config.run.lock_timeout_seconds
    if config.run.if_locked is IfLocked.SKIP:  # a schedule's check: a target in the middle of a run only looks bad
        target = prepared.config.target
        place = bucket_place(config.access.target, target.bucket or "", target.prefix)
        TargetLock(store, place, None, timeout_seconds, say).await_free()
    options = _options(prepared)
    with TargetLock(store, folder_place(f"check {fingerprint(options)}"), None, timeout_seconds, say) as lock:
        folder, is_known = find_or_create(store, lock, options, None, began, lambda run: _is_fresh(run, began))
        lock.tell(folder.run_id)
        announce_run(store, config.run.submission_id, folder.run_id)
        epoch = folder.begin_epoch({"at": began.isoformat()})
        prepared = replace(prepared, moments=settled_moments(folder, prepared.moments))
        say(f"{'Going on with' if is_known else 'Beginning'} check {folder.run_id} in {folder.uri}")
        for line in prepared.left_out:
            say(line)
        spark = open_session(f"s3sync check {prepared.source_place} {prepared.target_place}", say)
        run = CheckRun(prepared, folder, lock, epoch, spark)
        return _carried_out(run, console, say, began, is_requeued=config.check.requeue or is_mode)


def _carried_out(
    run: CheckRun, console: Console, say: Callable[[str], None], began: datetime, *, is_requeued: bool
) -> int:
    found = _judged(run, say)
    say(_told(found))
    _look(run, found, console, say)
    run.lock.check()
    summary = _finished(run, found, began)
    if is_requeued:
        summary = _requeued(run, summary, say)
    run.folder.put("summary.json", summary.to_json().encode())
    where = _reported(run, summary)
    console.print(check_view(summary))
    say(f"The report is {where}/report.html")
    return summary.exit_code


def _look(run: CheckRun, found: Judged, console: Console, say: Callable[[str], None]) -> None:
    """Look at what the listings left open, and read what only the bodies can settle. Raises Interrupted."""
    if not found.open:
        return
    config = run.prepared.config
    asked = look_estimate(found.open_objects, found.part_requests, config.check, config.copy)
    say(f"That takes at most {_told_estimate(asked, run.prepared)}")
    if not look_at_open(run, found, console, say):
        raise Interrupted(STOPPED)
    left = [record.left for record in done_batches(run.folder, Stage.LOOKED).values() if record.left is not None]
    if not left:
        return
    objects, cost_bytes = sum(batch.tasks for batch in left), sum(batch.size_bytes for batch in left)
    asked = read_estimate(objects, cost_bytes, config.check, config.copy)
    say(
        f"Only their bodies can settle {objects:,} objects, of {size_text(cost_bytes)} to read. "
        f"That takes at most {_told_estimate(asked, run.prepared)}"
    )
    if not read_open(run, left, console, say):
        raise Interrupted(STOPPED)


def _options(prepared: CheckPreparation) -> dict[str, Any]:
    return {**describe(prepared.config), "command": CHECK, "of_run": prepared.of_run}


def _is_fresh(folder: RunFolder, now: datetime) -> bool:
    begun_at = datetime.fromisoformat((folder.described() or {})["created_at"])
    return now - begun_at <= STALE_AFTER


def _judged(run: CheckRun, say: Callable[[str], None]) -> Judged:
    def cancel() -> bool:
        cancel_jobs(run.spark)
        return False

    with interruptible(cancel, say, run.lock):
        return judged(run)


def _told(found: Judged) -> str:
    counts = found.counts
    return (
        f"Compared {counts.compared:,} objects by their listings ({counts.source_rows:,} rows of the source, "
        f"{counts.target_rows:,} of the target); to be looked at: {found.open_objects:,}"
    )


def _told_estimate(estimate: Estimate, prepared: CheckPreparation) -> str:
    """Requests and what they cost, before they are made."""
    prices = load_prices(conf_file("prices.yml"))
    access = prepared.config.access
    cost = bill(estimate, prices, crosses_regions=access.source.region_name != access.target.region_name)
    requests = ", ".join(f"{count:,} {name}" for name, count in sorted(estimate.by_operation.items()))
    read = estimate.read_bytes.total()
    bodies = f", which read {size_text(read)} of bodies" if read else ""
    total = cost.requests + cost.retrieval + cost.transfer
    return f"{requests}{bodies}: about {total:,.2f} {prices.currency} by conf/prices.yml"


def _finished(run: CheckRun, found: Judged, began: datetime) -> CheckSummary:
    """Add everything up, commit the findings and write the summary. Raises InvariantBroken."""
    prepared, tally = run.prepared, CheckTally()
    tally.add(found.tally)
    files = list(found.findings)
    for stage in Stage if found.open else ():
        for done in done_batches(run.folder, stage).values():
            tally.add(done.tally)
            files += [done.file] if done.file else []
    if found.listing_pages:
        tally.requests["ListObjectsV2"] += found.listing_pages
    verify_verdicts(found.counts, tally)
    summary = CheckSummary(
        run_id=run.folder.run_id,
        source=prepared.source_place,
        target=prepared.target_place,
        source_seen=prepared.seen(SIDE_SOURCE),
        target_seen=prepared.seen(SIDE_TARGET),
        started_at=began,
        ended_at=datetime.now(UTC),
        counts=found.counts,
        tally=tally,
        of_run=prepared.of_run,
        accept_unprovable=prepared.config.check.accept_unprovable,
        work_uri=run.folder.store.uri,
    )
    run.folder.commit(FINDINGS, {"files": files, "target_looked_at": prepared.target_began_at.isoformat()})
    return summary


def _requeued(run: CheckRun, summary: CheckSummary, say: Callable[[str], None]) -> CheckSummary:
    """Send what a copy settles, before the summary ends the check: a driver that dies in between sends it again."""
    config = run.prepared.config
    if config.sqs.dead_queue_name is None:
        say("Findings are sent to no queue: none is named; see --dead-queue-name")
        return summary
    sent = requeue(run.folder, config, run.prepared.of_run, run.prepared.target_began_at)
    say(f"Sent {sent.tasks:,} findings to {sent.queue}; `s3sync retry -n -1 -d` copies them")
    return replace(summary, requeued=sent.tasks)


def _reported(run: CheckRun, summary: CheckSummary) -> str:
    """Write the report, many files of findings by the workers, and return where it is."""
    config, folder = run.prepared.config, run.folder
    report, files = report_store(config, folder), findings_of_check(folder.store, folder.run_id)
    if len(files) <= FILES_BY_DRIVER:
        for place, file in enumerate(files):
            write_findings_part(folder, report, place, file)
    else:
        _parts_by_workers(run.spark, config, folder.run_id, files)
    write_check_report(report, summary, len(files))
    return report.uri


def _parts_by_workers(spark: SparkSession, config: Config, run_id: str, files: list[str]) -> None:
    def write(numbered: tuple[int, str]) -> None:
        folder = RunFolder(open_store(config.run.work_uri, config.access.work), run_id)
        write_findings_part(folder, report_store(config, folder), *numbered)

    spark.sparkContext.parallelize(list(enumerate(files)), len(files)).foreach(write)
