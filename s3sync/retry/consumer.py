"""Drain queues in one process: take messages, carry out their tasks, commit, send back what failed, delete.

    receive ──> tasks ──> engine ──> outcomes ──> 1. part of the run   2. failed ones to a queue   3. delete
                  ^ every second: prolong what is worked on, commit what is settled, hear whether to stop

The order of 1 to 3 is what loses nothing: a process that dies in between leaves a message that comes again, and a
task that is done again does no harm, for the target is looked at first (C2, C8).
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from s3sync.config.model import Mode
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import recipe_of
from s3sync.errors import ServiceError
from s3sync.model.keys import printable
from s3sync.model.outcome import Outcome
from s3sync.model.tally import Tally
from s3sync.queues.find import sqs_client
from s3sync.queues.messages import REASON_ATTRIBUTE, Packed, PoisonError, QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.queues.sqs import DELAY_MOST_SECONDS, Received, hold, send
from s3sync.retry.drain import DRAIN_ATTRIBUTE, DrainContext, DrainTally
from s3sync.retry.one_task import retry_task
from s3sync.retry.receive import Delivery, Intake, Load
from s3sync.runs.folder import RunFolder
from s3sync.runs.retry_outcomes import RetryLog
from s3sync.runs.store import Store, open_store
from s3sync.runs.worker import WorkerSession
from s3sync.s3.engine.operation import Operation

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOOK_AFTER = timedelta(minutes=5)
COMMIT_TASKS = 20_000
HOLDS_PER_VISIBILITY = 3
NAP_SECONDS = 0.5
UNKNOWN_RUN = "the run is not in this work location"

Tag = tuple[Delivery, QueuedTask]


class RunInWork:
    """A run whose tasks this process tries: how it copies, and where its outcomes go."""

    def __init__(self, store: Store, run_id: str, drain_id: str, worker: str, settings: CopySettings) -> None:
        self.run_id = run_id
        self.settings = settings
        self.buckets = (settings.source_bucket, settings.target_bucket)
        self.log = RetryLog(RunFolder(store, run_id), drain_id, worker)
        self._mark = (store, f"drains/{drain_id}/{run_id}")

    def put(self, outcomes: list[Outcome], engine: Tally) -> None:
        """Write a part. The first one leaves a mark by which the driver finds the runs to finish (C3)."""
        store, path = self._mark
        if not self.log.written:
            store.put(path, b"")
        self.log.put(outcomes, engine)


class Drain:
    """One worker. `should_stop` is asked about once a second, and `tell` given what was done so far, with the bytes;
    `run` may be called once."""

    def __init__(
        self,
        context: DrainContext,
        worker: str,
        should_stop: Callable[[], bool] = lambda: False,
        tell: Callable[[DrainTally, int], None] = lambda _told, _size_bytes: None,
        clock: Callable[[], float] = time.monotonic,
        nap: Callable[[float], object] = time.sleep,
    ) -> None:
        self.tally = DrainTally()
        self._context = context
        self._worker = worker
        self._asked_to_stop = should_stop
        self._tell = tell
        self._clock = clock
        self._nap = nap
        self._sqs: SQSClient = sqs_client(context.access.queue)
        self._store = open_store(context.store_uri, context.access.work)
        self._session = WorkerSession(
            context.access, context.engine, context.hub, worker, context.drain_id, clock=clock
        )
        self._intake = Intake(self._sqs, context, self.tally.troubles, clock)
        self._runs: dict[str, RunInWork | None] = {}
        self._held: list[Received] = []
        self._held_at = clock()
        self._is_stopping = False

    def run(self) -> DrainTally:
        """Until the queues are empty, or for ever where the context says to follow, or until it is over.

        Raises ServiceError where no queue can be read, StoreError where outcomes can't be written.
        """
        with self._session:
            self._take_and_work()
        self._tell(self.tally, self._session.size_bytes)
        return self.tally

    def _take_and_work(self) -> None:
        while not self._stops():
            load = self._intake.next_load()
            if load.messages:
                self._work(load)
            elif not self._intake.usable and not self._context.follow:
                raise ServiceError("; ".join(self.tally.troubles) or "there is no queue to take from")
            elif not self._context.follow and self._intake.is_drained():
                break
            else:
                self._rest(self._context.sleep_seconds if self._context.follow else NAP_SECONDS)
        hold(self._sqs, self._intake.own, 0)

    def _stops(self) -> bool:
        asked = self._asked_to_stop() or self._context.is_over or self._session.stop or not self._intake.may_delete
        self._is_stopping = self._is_stopping or asked
        return self._is_stopping

    def _rest(self, seconds: float) -> None:
        if self._context.follow:
            self._intake.forgive()
        until = self._clock() + seconds
        while not self._stops() and self._clock() < until:
            self._nap(min(NAP_SECONDS, max(0.0, until - self._clock())))
            self._tick()

    def _work(self, load: Load) -> None:
        self.tally.messages += load.messages
        self._held = [delivery.received for delivery in load.deliveries]
        self._held_at = self._clock()
        for received, error in load.poison:
            self._bury(received, error)
        by_run: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in load.deliveries:
            by_run[delivery.message.run_id].append(delivery)
        for run_id, deliveries in by_run.items():
            run = self._run(run_id)
            if run is None:
                self._leave([delivery.received for delivery in deliveries], UNKNOWN_RUN)
                continue
            mine = [delivery for delivery in deliveries if self._belongs(delivery, run)]
            self._carry_out(run, mine)
        self._held = []

    def _run(self, run_id: str) -> RunInWork | None:
        if run_id not in self._runs:
            settings = recipe_of(RunFolder(self._store, run_id)) if _is_name(run_id) else None
            self._runs[run_id] = (
                RunInWork(self._store, run_id, self._context.drain_id, self._worker, settings) if settings else None
            )
        return self._runs[run_id]

    def _belongs(self, delivery: Delivery, run: RunInWork) -> bool:
        """Buries a message that names other buckets than its run: nobody's word but the run's own counts."""
        named = (delivery.message.source_bucket, delivery.message.target_bucket)
        if named == run.buckets:
            return True
        problem = f"leads from {named[0]} to {named[1]}, its run from {run.buckets[0]} to {run.buckets[1]}"
        self._bury(delivery.received, PoisonError("ForeignBucket", problem))
        return False

    def _carry_out(self, run: RunInWork, deliveries: list[Delivery]) -> None:
        open_ones = list(deliveries)
        settled = 0

        def commit() -> None:
            nonlocal settled
            ready = [delivery for delivery in open_ones if delivery.is_settled]
            if ready:
                open_ones[:] = [delivery for delivery in open_ones if not delivery.is_settled]
                self._commit(run, ready)
                settled = 0

        def tick() -> None:
            self._tick()
            self._prolong()
            if settled >= COMMIT_TASKS:
                commit()

        twins: defaultdict[str, list[Tag]] = defaultdict(list)
        for delivery in deliveries:
            for queued in delivery.message.tasks:
                twins[queued.task.task_id].append((delivery, queued))
        operations = self._operations(run, twins)
        for task_id, outcome in self._session.run(operations, flush=commit, on_tick=tick, should_stop=self._stops):
            for delivery, queued in twins[task_id]:
                delivery.settled.append((queued, outcome))
                settled += 1
            self.tally.by_status[outcome.status] += 1
            self._session.settle(outcome.copied_bytes, is_failed=not outcome.status.is_complete)
        self._commit(run, open_ones)

    def _operations(self, run: RunInWork, twins: Mapping[str, list[Tag]]) -> Iterator[tuple[str, Operation[Outcome]]]:
        """One operation for each task, in however many messages it is."""
        for task_id, tags in twins.items():
            delivery, queued = max(tags, key=lambda tag: tag[1].attempt)
            look_first = len(tags) > 1 or _may_be_done(queued, delivery.received, run.settings.planned_at)
            attempt = queued.attempt + 1
            yield task_id, retry_task(queued.task, run.settings, attempt, self._context.how, look_first=look_first)

    def _commit(self, run: RunInWork, deliveries: list[Delivery]) -> None:
        """Outcomes, then what goes back, then the messages. Those that are not settled are let go."""
        settled = [pair for delivery in deliveries for pair in delivery.settled]
        if settled:
            run.put(list({outcome.task_id: outcome for _, outcome in settled}.values()), self._session.counted())
            self.tally.runs[run.run_id] += len(settled)
            self._intake.note_progress()
        whole = [delivery for delivery in deliveries if delivery.is_settled]
        ended = sorted((pair for each in whole for pair in each.settled), key=lambda pair: pair[0].forgiven)
        failed = {o.task_id: (q, o) for q, o in ended if not o.status.is_complete}  # of twins the one redriven last
        if failed and not self._send_back(run, list(failed.values())):
            # They come again by themselves, with the attempt not counted: better than not at all.
            kept = [d for d in whole if any(not o.status.is_complete for _, o in d.settled)]
            self._leave([delivery.received for delivery in kept], "what failed could not be sent back")
            whole = [delivery for delivery in whole if delivery not in kept]
        self._intake.delete([delivery.received for delivery in whole])
        hold(self._sqs, [delivery.received for delivery in deliveries if not delivery.is_settled], 0)
        self._let_go([delivery.received for delivery in deliveries])

    # | mode check | attempts that count | goes to                                  |
    # |------------|---------------------|------------------------------------------|
    # | yes        | any                 | the dead-letter queue                    |
    # | no         | under `attempts`    | a work queue, after a pause that doubles |
    # | no         | as many             | the dead-letter queue                    |
    def _send_back(self, run: RunInWork, failed: list[tuple[QueuedTask, Outcome]]) -> bool:
        """True where all could be sent."""
        context, queues = self._context, self._context.queues
        is_check = context.how.mode is Mode.CHECK
        by_attempt: defaultdict[int, list[QueuedTask]] = defaultdict(list)
        for queued, outcome in failed:
            after = QueuedTask.after(queued.task, outcome, queued.forgiven)
            is_last = is_check or after.counted >= context.attempts
            by_attempt[0 if is_last and queues.dead else after.counted].append(after)
        went = True
        for attempt, tasks in by_attempt.items():
            is_dead = attempt == 0 and queues.dead is not None
            to = (queues.dead,) if attempt == 0 and queues.dead is not None else queues.work
            route = Route(to, run.run_id, run.buckets, context.batch_num)
            marks = {DRAIN_ATTRIBUTE: context.drain_id, REASON_ATTRIBUTE: _reason(tasks)} if is_dead else None
            delay = 0.0 if is_dead else min(DELAY_MOST_SECONDS, context.delay_seconds * 2.0 ** min(attempt - 1, 20))
            sent = send_tasks(self._sqs, route, tasks, marks, delay)
            if is_dead:
                self.tally.dead += sent.tasks
            else:
                self.tally.sent_back += sent.tasks
                self._intake.note_sent_back(delay)
            if sent.trouble:
                self.tally.troubles[sent.trouble] += 1
                went = False
        return went

    def _bury(self, received: Received, error: PoisonError) -> None:
        """To the dead-letter queue, as it came, with the reason; what is there already stays there."""
        dead = self._context.queues.dead
        self.tally.poison[error.code] += 1
        if dead is None or received.queue == dead:
            self._leave([received], f"{error.code}: {error}")
            return
        # Printable, for SQS refuses what XML can't hold, and the text may show what was in the message.
        marks = {DRAIN_ATTRIBUTE: self._context.drain_id, REASON_ATTRIBUTE: f"{error.code}: {printable(str(error))}"}
        sent = send(self._sqs, dead, [Packed(received.body, 1)], marks)
        if sent.left:
            self._leave([received], sent.trouble or error.code)
        else:
            self._intake.delete([received])
            self._let_go([received])

    def _leave(self, messages: list[Received], reason: str) -> None:
        """They stay hidden for their time, so that nobody takes them again at once."""
        self.tally.left[reason] += len(messages)
        self._intake.left.update(received.message_id for received in messages)
        self._let_go(messages)

    def _let_go(self, messages: list[Received]) -> None:
        """What is no longer prolonged."""
        gone = {received.receipt for received in messages}
        self._held = [received for received in self._held if received.receipt not in gone]

    def _prolong(self) -> None:
        if self._held and self._clock() - self._held_at > self._context.hold_seconds / HOLDS_PER_VISIBILITY:
            self._held_at = self._clock()
            if lost := hold(self._sqs, self._held, self._context.hold_seconds).messages:
                self.tally.troubles["messages could not be held; they may be delivered twice"] += len(lost)

    def _tick(self) -> None:
        self._tell(self.tally, self._session.size_bytes)
        self._session.tick()


def _may_be_done(queued: QueuedTask, received: Received, planned_at: datetime) -> bool:
    """Whether the target must be looked at first: the copy may have been made, or somebody may have written there. A
    message may be young and its task old: a long check sends what it found at its end."""
    return queued.attempt > 0 or received.receives > 1 or datetime.now(UTC) - planned_at > LOOK_AFTER


def _reason(tasks: list[QueuedTask]) -> str:
    codes = Counter(task.error_code or str(task.status) for task in tasks)
    return ", ".join(f"{code} ({count})" for code, count in codes.most_common(5))[:256]


def _is_name(run_id: str) -> bool:
    """A run's id is a part of a path: one from a message must not lead out of the work location."""
    return len(run_id) <= 100 and run_id[0].isalnum() and all(c.isalnum() or c in "_.-" for c in run_id)  # noqa: PLR2004
