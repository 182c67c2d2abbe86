"""The main job: look, lock, list, plan, copy, account, summarise.

    look at both sides ─> lock the target ─> find the unfinished run or begin one ─> [listing] ─> [plan] ─> [copy] ─>
    summary

Each stage in brackets ends with a commit and is skipped where the run has it. So the same command goes on. Which run it
works on is found out, and written down, under the lock only (C18).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console

from s3sync.config.load import describe
from s3sync.config.model import Config
from s3sync.copying.stage import copy, written_recipe
from s3sync.doctor.examine import examine
from s3sync.doctor.symptom import Health
from s3sync.emr.follow import announce_run
from s3sync.errors import EXIT_DONE, CircuitOpen, ConfigError, Interrupted, JavaLost, StoreError
from s3sync.model.task import Overwrite
from s3sync.planning.context import Preparation, RunContext, prepare
from s3sync.planning.plan_age import is_begun, plan_goes_on, plan_lines, refuse_if_too_old
from s3sync.planning.stage import figures, planned
from s3sync.queues.enqueue import enqueue_run
from s3sync.queues.find import find_queues, sqs_client
from s3sync.report.console import plan_view, summary_view
from s3sync.report.write import begin_report, report_store, write_migration_report
from s3sync.runs.finish import finish_run
from s3sync.runs.folder import RunFolder, find_or_create, find_or_refuse
from s3sync.runs.interrupts import interruptible
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import bucket_place
from s3sync.runs.plan import Plan
from s3sync.runs.store import Store, open_store
from s3sync.runs.summary import State, Summary
from s3sync.spark.session import open_session

_STATES = {Interrupted: State.INTERRUPTED, JavaLost: State.INTERRUPTED, CircuitOpen: State.CIRCUIT_OPEN}


def migrate(config: Config, console: Console) -> int:
    """Run the job, or go on with it, and return its exit code. Raises S3SyncError where it ends before its summary,
    or stopped early."""
    began = datetime.now(UTC)
    prepared = prepare(config)
    work = _Work(prepared, open_store(config.run.work_uri, config.access.work), console)
    if (told := work.finished_before()) is not None:
        return told
    begin_report(prepared.config, prepared.source_place, prepared.target_place, began)
    with work.begun() as (run, lock, is_known):
        if not is_known:
            _look_first(run)
        plan = _planned(run, lock)
        _tell_age(run, plan)
        acts, skips = plan.counts.planned_total.objects - plan.counts.skips.objects, plan.counts.skips.objects
        run.say(f"The plan: objects to copy: {acts:,}, to skip: {skips:,}; batches: {len(plan.batches):,}")
        reason = copy(run, plan, console, lock)
        stopped = _STATES[type(reason)] if reason is not None else None
        code = reason.code if isinstance(reason, CircuitOpen) else None
        summary = finish_run(run.folder, plan, prepared.source_place, prepared.target_place, began, stopped, code)
        console.print(summary_view(summary))
        run.say(f"The run's tables and summary.json lie in {run.folder.uri}/")
        trouble = _reported(run, summary)
        if reason is not None and summary.counts.remaining:
            if trouble is not None:
                run.say(str(trouble))
            raise reason
        if trouble is not None:
            raise trouble
        return summary.exit_code


def _reported(run: RunContext, summary: Summary) -> StoreError | None:
    """Write the report where one is asked for; returns what to raise where it could not be written. The run has ended
    all the same: the same command would begin another one."""
    if run.config.report.uri is None:
        return None
    report = report_store(run.config, run.folder)
    try:
        write_migration_report(report, run.folder, summary)
    except StoreError as error:
        return StoreError(
            f"the run ended ({summary.state}), but its report could not be written: {error}; "
            f"`s3sync report {summary.named}` writes it again"
        )
    run.say(f"The report is {report.uri}/report.html")
    return None


def _look_first(run: RunContext) -> None:
    """The quick part of `s3sync doctor`, for those who never call it. What is wrong is said, and the run goes on: what
    would really fail, fails with its own words."""
    for symptom in examine(run.config, quick=True):
        if symptom.health in (Health.WARNING, Health.PROBLEM):
            run.say(f"{symptom.health.capitalize()}: {symptom.topic}: {symptom.found}; {symptom.todo}")


def plan_only(config: Config, console: Console) -> int:
    """Make a fresh plan and show it; `migrate` with the same options carries it out. A run that was begun keeps its
    plan, and so does one that `--run-id` names; its age is said."""
    work = _Work(prepare(config), open_store(config.run.work_uri, config.access.work), console, is_planning=True)
    if (code := work.finished_before()) is not None:
        return code
    with work.begun() as (run, lock, _):
        plan = _planned(run, lock)
        console.print(plan_view(figures(run, plan)))
        _tell_age(run, plan)
        if is_begun(run.folder):
            run.say(f"Run {run.folder.run_id} was begun and goes by this plan; --run-id NAME plans another run")
        run.say(f"The plan lies in {run.folder.uri}/plan/; `s3sync migrate` with the same options carries it out.")
        return EXIT_DONE


def enqueue(config: Config, console: Console) -> int:
    """Make the plan and send its tasks to the queues: executors carry them out, and no driver waits for them.

    Raises as `migrate`, and ConfigError and ServiceError where there are no queues, before anything is listed."""
    find_queues(sqs_client(config.access.queue), config.sqs.queue_name_pattern or "", config.sqs.dead_queue_name)
    work = _Work(prepare(config), open_store(config.run.work_uri, config.access.work), console)
    if (code := work.finished_before()) is not None:
        return code
    with work.begun() as (run, lock, _):
        plan = _planned(run, lock)
        _tell_age(run, plan)
        written_recipe(run, plan)
        enqueue_run(run.folder, config, run.say, lock, again=False)
        return EXIT_DONE


def _planned(run: RunContext, lock: TargetLock) -> Plan:
    def cancel() -> bool:
        run.cancel()
        return False

    with interruptible(cancel, run.say, lock):
        return planned(run, lock)


def _tell_age(run: RunContext, plan: Plan) -> None:
    for line in plan_lines(plan, run.prepared.target.server_time, run.prepared.manifests):
        run.say(line)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a run is begun from; nothing is locked or started yet. `is_planning`: nothing is to be carried out."""

    prepared: Preparation
    store: Store
    console: Console
    is_planning: bool = False

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def finished_before(self) -> int | None:
        """The exit code of the run that `--run-id` names, where that is finished."""
        run_id = self.prepared.config.run.run_id
        if run_id is None:
            return None
        with self._usable():
            folder = RunFolder(self.store, run_id)
            summary = folder.get_json("summary.json") if folder.is_finished else None
            if summary is None:
                return None
            find_or_refuse(folder, describe(self.prepared.config))
            announce_run(self.store, self.prepared.config.run.submission_id, run_id)
        self.say(f"Run {run_id} is finished; nothing to do. See {folder.uri}/summary.json")
        return int(summary["exit_code"])

    @contextmanager
    def begun(self) -> Iterator[tuple[RunContext, TargetLock, bool]]:
        """Lock the target, find the run or begin it, count this start, open Spark; also tells whether the run was
        there before. Raises LockHeld, and ConfigError where the work location can't be used."""
        config = self.prepared.config
        place = bucket_place(config.access.target, config.target.bucket or "", config.target.prefix)
        lock = TargetLock(self.store, place, config.run.run_id, config.run.lock_timeout_seconds, self.say)
        with ExitStack() as stack:
            with self._usable():
                stack.enter_context(lock)
                folder, is_known = find_or_create(
                    self.store, lock, describe(config), config.run.run_id, datetime.now(UTC), self._goes_on
                )
                if not self.is_planning:
                    refuse_if_too_old(folder, self.prepared.target.server_time, config.plan.max_age_seconds)
                lock.tell(folder.run_id)
                announce_run(self.store, config.run.submission_id, folder.run_id)
                epoch = folder.begin_epoch({"at": datetime.now(UTC).isoformat()})
            self.say(f"{'Going on with' if is_known else 'Beginning'} run {folder.run_id} in {folder.uri}")
            for line in self.prepared.left_out:
                self.say(line)
            if not is_known:
                self._tell_of_earlier_run(folder)
            spark = open_session(f"s3sync {config.source.bucket} to {config.target.bucket}", self.say)
            yield RunContext(self.prepared, folder, epoch, spark, self.say), lock, is_known

    def _goes_on(self, folder: RunFolder) -> bool:
        max_age_seconds = self.prepared.config.plan.max_age_seconds
        return not self.is_planning or plan_goes_on(folder, self.prepared.target.server_time, max_age_seconds)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise ConfigError("--work-uri", f"cannot be used: {error}") from error

    def _tell_of_earlier_run(self, folder: RunFolder) -> None:
        """Who gives the same command again may mean to go on, not to copy all once more."""
        follows = (folder.described() or {}).get("follows")
        if follows is None or self.prepared.config.plan.overwrite is not Overwrite.ALWAYS:
            return
        if RunFolder(self.store, follows).is_finished:
            self.say(f"Run {follows} with these options is finished; this one copies all again. -v copies what differs")
