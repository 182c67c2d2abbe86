"""What a worker that drains queues needs to know, and what it has to tell in the end.

After a drain: which runs it touched, what is said of it, and the exit code.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from s3sync.config.contradictions import NO_QUEUE
from s3sync.config.model import AccessConfig, Config
from s3sync.errors import EXIT_DONE, EXIT_INCOMPLETE, ConfigError
from s3sync.model.outcome import Status
from s3sync.queues.find import Queue, Queues, find_queues, sqs_client
from s3sync.report.console import summary_view
from s3sync.retry.one_task import RetryHow
from s3sync.runs.finish import finish_again
from s3sync.runs.folder import RunFolder, new_run_id
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.store import Store
from s3sync.runs.summary import State, Summary
from s3sync.s3.engine.per_process import EngineOptions

DRAIN_ATTRIBUTE = "s3sync-drain"


@dataclass(frozen=True, slots=True)
class DrainContext:
    """What any worker of a drain needs; it travels in the task's closure (C12).

    `queues` are all that there are: what fails again goes back to them. `take` are those to take from. `hub` is None
    where there is no driver. `deadline` is the end by `--max-minutes`.
    """

    drain_id: str
    access: AccessConfig
    store_uri: str
    engine: EngineOptions
    how: RetryHow
    queues: Queues
    take: tuple[Queue, ...]
    batch_num: int = 100
    max_receive_num: int = 10
    hold_seconds: float = 300.0
    wait_seconds: float = 20.0
    sleep_seconds: float = 10.0
    follow: bool = False
    attempts: int = 5
    delay_seconds: float = 10.0
    deadline: datetime | None = None
    hub: HubAddress | None = None

    @property
    def takes_dead(self) -> bool:
        return self.queues.dead in self.take

    @property
    def is_over(self) -> bool:
        return self.deadline is not None and datetime.now(UTC) >= self.deadline


def drain_context(config: Config, *, follow: bool, deadline: datetime | None) -> DrainContext:
    """Find the queues and read the options. Raises ConfigError and ServiceError; nothing is taken yet.

    `follow` is what the command does where the configuration says nothing.
    """
    sqs, retry = config.sqs, config.retry
    queues = find_queues(sqs_client(config.access.queue), sqs.queue_name_pattern or "", sqs.dead_queue_name)
    return DrainContext(
        drain_id=new_run_id(datetime.now(UTC)),
        access=config.access,
        store_uri=config.run.work_uri,
        engine=EngineOptions.of(config.copy),
        how=how_of(config),
        queues=queues,
        take=_taken(queues, retry.queue_number, including_dead=retry.including_dead),
        batch_num=sqs.batch_num,
        max_receive_num=sqs.max_receive_num,
        hold_seconds=sqs.visibility_seconds,
        wait_seconds=sqs.wait_seconds,
        sleep_seconds=retry.sleep_seconds,
        follow=follow if retry.follow is None else retry.follow,
        attempts=retry.attempts,
        delay_seconds=retry.delay_seconds,
        deadline=deadline,
    )


def how_of(config: Config) -> RetryHow:
    filters = config.filters
    return RetryHow(
        config.copy.mode,
        config.plan.verify,
        filters.modified_since,
        filters.not_modified_since,
        config.run.tmp_dir,
    )


# | -n    | -d  | taken from                       |
# |-------|-----|----------------------------------|
# | none  | no  | all work queues                  |
# | none  | yes | all work queues and the dead one |
# | a number | no | the work queue of that number  |
# | a number | yes | that one and the dead one     |
# | -1    | yes | the dead one                     |
# | -1    | no  | refused (config.check)           |
# | a number that no queue has | any | refused   |
def _taken(queues: Queues, number: int | None, *, including_dead: bool) -> tuple[Queue, ...]:
    dead = (queues.dead,) if including_dead and queues.dead is not None else ()
    if number is None:
        return (*queues.work, *dead)
    if number == NO_QUEUE:
        return dead
    chosen = tuple(queue for queue in queues.work if queue.number == number)
    if not chosen:
        known = ", ".join(str(queue.number) for queue in queues.work[:10])
        raise ConfigError("-n/--queue-num", f"there is no queue of number {number}; there are {known}")
    return (*chosen, *dead)


@dataclass(slots=True)
class DrainTally:
    """What one worker did: messages and tasks, never the authority, which the tables are.

    `by_status` counts attempts; `sent_back` and `dead` tasks that went to the work queues again and to the dead-letter
    queue; `poison` messages that can't be carried out, by code; `left` messages that stay in their queue, by reason;
    `troubles` what SQS refused, with how often. `runs` are those that got outcomes.
    """

    messages: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    sent_back: int = 0
    dead: int = 0
    poison: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    @property
    def tasks(self) -> int:
        return self.by_status.total()

    @property
    def failed(self) -> int:
        """Attempts that leave something to do."""
        return sum(count for status, count in self.by_status.items() if not Status(status).is_complete)

    @property
    def went_wrong(self) -> bool:
        return bool(self.dead or self.poison or self.left or self.troubles)

    def add(self, other: "DrainTally") -> None:
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, each.name, mine + theirs)

    def to_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DrainTally":
        known: dict[str, Any] = {name: Counter(v) if isinstance(v, dict) else v for name, v in value.items()}
        return cls(**known)


def drained_runs(store: Store, drain_id: str) -> Iterator[str]:
    """The runs that got outcomes, read back from the marks of the workers (C3)."""
    return (name.rpartition("/")[2] for name in store.names(f"drains/{drain_id}/"))


def finish_drained(store: Store, drain_id: str, began: datetime) -> list[Summary]:
    """The runs that the drain touched, finished anew. A run without a plan (tasks that a check found) has no summary:
    its outcomes lie in `retries/` only. Raises InvariantBroken."""
    folders = [RunFolder(store, run_id) for run_id in drained_runs(store, drain_id)]
    return [finish_again(folder, began) for folder in folders if folder.manifest("plan") is not None]


def exit_code_of(told: DrainTally, summaries: Sequence[Summary]) -> int:
    """
    | every run touched is complete | dead letters, poison, messages left, SQS in trouble | exit code |
    |-------------------------------|-----------------------------------------------------|-----------|
    | yes                           | none                                                | 0         |
    | no                            | any                                                 | 3         |
    | yes                           | some                                                | 3         |
    """
    is_complete = all(summary.state is State.COMPLETE for summary in summaries)
    return EXIT_DONE if is_complete and not told.went_wrong else EXIT_INCOMPLETE


def drain_lines(told: DrainTally) -> list[str]:
    """What a drain did, for a person; nothing that went wrong is left out."""
    statuses = ", ".join(f"{told.by_status[status]:,} {status}" for status in Status if told.by_status[status])
    lines = [f"Tried {told.tasks:,} tasks of {told.messages:,} messages{': ' if statuses else ''}{statuses}"]
    if told.sent_back:
        lines.append(f"Sent back, to be tried again: {told.sent_back:,}")
    if told.dead:
        lines.append(f"Sent to the dead-letter queue: {told.dead:,}. `s3sync queues --peek` shows why")
    lines += [f"Poison, in the dead-letter queue: {count:,} messages, {code}" for code, count in told.poison.items()]
    lines += [f"Left in their queue: {count:,} messages: {reason}" for reason, count in told.left.items()]
    lines += [f"Trouble with SQS, {count:,} times: {text}" for text, count in told.troubles.most_common(10)]
    return lines


def say_drained(console: Console, told: DrainTally, summaries: Sequence[Summary]) -> None:
    for summary in summaries:
        console.print(summary_view(summary))
    for line in drain_lines(told):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
