"""After a drain: which runs it touched, what is said of it, and the exit code."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console

from s3sync.aws.store import Store
from s3sync.errors import EXIT_DONE, EXIT_INCOMPLETE
from s3sync.model.outcome import Status
from s3sync.report.console import summary_view
from s3sync.report.summary import State, Summary
from s3sync.runs.drain import DrainTally
from s3sync.runs.finish import finish_again
from s3sync.runs.folder import RunFolder


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
