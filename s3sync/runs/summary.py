"""The summary of a run: what `summary.json` holds and the console shows, and the exit code that follows from it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from s3sync.errors import EXIT_DONE, EXIT_INCOMPLETE, EXIT_OTHER
from s3sync.model.accounting import Counts
from s3sync.model.outcome import ANNOTATIONS_LEFT, ErrorClass, Pinned, Status, Verified
from s3sync.model.tally import ErrorTally, Tally

SCHEMA_VERSION = 1


class State(StrEnum):
    COMPLETE = "complete"  # every planned object is copied, skipped or gone
    INCOMPLETE = "incomplete"  # finished, but some objects failed, changed or are archived
    INTERRUPTED = "interrupted"  # stopped by the user; the same command goes on
    ENQUEUED = "enqueued"  # tasks are in the queues, for executors; each of them may end the run
    CIRCUIT_OPEN = "circuit_open"  # stopped by itself, nearly everything failed for one reason (C15)


@dataclass(frozen=True, slots=True)
class Summary:
    """The fields of `summary.json`, whose names stay as they are; a reader ignores names it does not know.

    | field                                | what                                                                   |
    |--------------------------------------|------------------------------------------------------------------------|
    | schema_version                       | 1; grows when a field changes its meaning                              |
    | run_id, source, target               | the run, and both places as `s3://BUCKET/PREFIX`                       |
    | state, exit_code                     | see `State` and `exit_code`                                            |
    | started_at, ended_at                 | ISO 8601 with offset                                                   |
    | wall_seconds, worker_seconds         | time of all invocations of the run; time the workers spent copying     |
    | counts                               | `model.accounting.Counts`: objects and bytes from listing to outcome  |
    | statuses                             | objects and bytes by status, with what the plan skips                  |
    | remaining                            | planned objects without an outcome                                     |
    | requests, retries, throttled         | requests by S3 operation; repeats; answers that asked to slow down     |
    | throttled_by_prefix                  | those answers by `BUCKET/FOLDER/`, the ones with the most              |
    | errors                               | by error code: error_class, count, example_key, example_message        |
    | sent, unsent                         | tasks that went to the queues; those that did not, by the reason       |
    | pinned, unpinned                     | copies by how they were tied to what was listed; those not at all (C4) |
    | verified                             | copies by what their answers proved (C13)                              |
    | objects_per_second, bytes_per_second | copied ones, by wall_seconds                                           |
    | work_uri                             | where the run lies; null in summaries from before it was written       |
    | what_next                            | sentences for a person                                                 |
    """

    run_id: str
    source: str
    target: str
    state: State
    exit_code: int
    started_at: datetime
    ended_at: datetime
    wall_seconds: float
    worker_seconds: float
    counts: Counts
    requests: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    throttled: int = 0
    throttled_by_prefix: Mapping[str, int] = field(default_factory=dict)
    sent: int = 0
    unsent: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, ErrorTally] = field(default_factory=dict)
    pinned: Mapping[str, int] = field(default_factory=dict)
    verified: Mapping[str, int] = field(default_factory=dict)
    work_uri: str | None = None
    what_next: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        return named(self.run_id, self.work_uri)

    @property
    def unpinned(self) -> int:
        return self.pinned.get(Pinned.UNPINNED, 0)

    @property
    def proved_equal(self) -> int:
        return self.verified.get(Verified.ETAG_EQUAL, 0)

    @property
    def objects_per_second(self) -> float:
        return _rate(self.counts.settled[Status.COPIED].objects, self.wall_seconds)

    @property
    def bytes_per_second(self) -> float:
        return _rate(self.counts.settled[Status.COPIED].size_bytes, self.wall_seconds)

    def to_json(self) -> str:
        counts = self.counts
        value = {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "source": self.source,
            "target": self.target,
            "state": self.state,
            "exit_code": self.exit_code,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "wall_seconds": self.wall_seconds,
            "worker_seconds": self.worker_seconds,
            "counts": counts.to_json(),
            "statuses": {s: {"objects": a.objects, "bytes": a.size_bytes} for s, a in counts.settled.items()},
            "remaining": counts.remaining,
            "requests": dict(self.requests),
            "retries": self.retries,
            "throttled": self.throttled,
            "throttled_by_prefix": dict(self.throttled_by_prefix),
            "sent": self.sent,
            "unsent": dict(self.unsent),
            "errors": {code: asdict(error) for code, error in self.errors.items()},
            "pinned": dict(self.pinned),
            "unpinned": self.unpinned,
            "verified": dict(self.verified),
            "objects_per_second": round(self.objects_per_second, 3),
            "bytes_per_second": round(self.bytes_per_second, 3),
            "work_uri": self.work_uri,
            "what_next": list(self.what_next),
        }
        return json.dumps(value, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Summary":
        """Raises ValueError where the text is of a newer schema, KeyError where a field is missing."""
        value: dict[str, Any] = json.loads(text)
        if value["schema_version"] > SCHEMA_VERSION:
            raise ValueError(f"summary of schema version {value['schema_version']}, and {SCHEMA_VERSION} is known")
        same = ("run_id", "source", "target", "exit_code", "wall_seconds", "worker_seconds", "requests", "retries")
        return cls(
            **{name: value[name] for name in (*same, "throttled", "pinned", "verified")},
            state=State(value["state"]),
            started_at=datetime.fromisoformat(value["started_at"]),
            ended_at=datetime.fromisoformat(value["ended_at"]),
            counts=Counts.from_json(value["counts"]),
            throttled_by_prefix=value.get("throttled_by_prefix", {}),
            sent=value.get("sent", 0),
            unsent=value.get("unsent", {}),
            errors={code: ErrorTally(**error) for code, error in value["errors"].items()},
            work_uri=value.get("work_uri"),
            what_next=tuple(value["what_next"]),
        )


def named(run_id: str, work_uri: str | None) -> str:
    """A run as a command line names it: with its work location, so that the line can be pasted anywhere."""
    return run_id if work_uri is None else f"{run_id} --work-uri {shlex.quote(work_uri)}"


def exit_code(counts: Counts) -> int:
    """The exit code of a run that planned and copied.

    | failed + changed + archived | vanished           | planned without an outcome | exit code |
    |-----------------------------|--------------------|----------------------------|-----------|
    | none                        | up to a tenth      | none                       | 0         |
    | none                        | more than a tenth  | none                       | 3         |
    | some                        | any                | none                       | 3         |
    | any                         | any                | some                       | 1         |

    So much does not vanish by itself between a listing and a copy: the source was emptied, the inventory is old, or a
    server lists its keys otherwise than it takes them.
    """
    if counts.remaining:
        return EXIT_OTHER
    return EXIT_INCOMPLETE if unfinished(counts) or vanished_too_many(counts) else EXIT_DONE


VANISHED_MOST = 0.1


def vanished_too_many(counts: Counts) -> bool:
    return counts.settled[Status.VANISHED].objects > VANISHED_MOST * counts.planned_total.objects


def unfinished(counts: Counts) -> int:
    """How many objects have an outcome that leaves something to do."""
    return sum(amount.objects for status, amount in counts.settled.items() if not Status(status).is_complete)


def summarize(
    *,
    run_id: str,
    source: str,
    target: str,
    started_at: datetime,
    ended_at: datetime,
    wall_seconds: float,
    counts: Counts,
    tally: Tally,
    stopped: State | None = None,
    circuit_code: str | None = None,
    work_uri: str | None = None,
) -> Summary:
    """The summary of a run. `counts` holds the outcomes already; `stopped` says why it ended early, if it did, and
    `circuit_code` for which error code its circuit opened: that stands in no row, for these objects stay planned.
    `work_uri` is where the run lies, for the commands in `what_next`."""
    code = EXIT_OTHER if stopped else exit_code(counts)
    state = stopped or (State.COMPLETE if code == EXIT_DONE else State.INCOMPLETE)
    return Summary(
        run_id=run_id,
        source=source,
        target=target,
        state=state,
        exit_code=code,
        started_at=started_at,
        ended_at=ended_at,
        wall_seconds=wall_seconds,
        worker_seconds=tally.engine_seconds,
        counts=counts,
        requests=dict(tally.requests),
        retries=tally.retries,
        throttled=tally.throttled,
        throttled_by_prefix=dict(tally.throttled_by_prefix.most_common()),
        sent=tally.sent,
        unsent=dict(tally.unsent),
        errors=dict(tally.errors),
        pinned=dict(tally.pinned),
        verified=dict(tally.verified),
        work_uri=work_uri,
        what_next=tuple(_advice(counts, state, tally, named(run_id, work_uri), circuit_code)),
    )


def _advice(counts: Counts, state: State, tally: Tally, run: str, circuit_code: str | None) -> list[str]:
    """`run` is the run as a command line names it."""
    settled = counts.settled
    failed, changed, archived = (settled[s].objects for s in (Status.FAILED, Status.CHANGED, Status.ARCHIVED))
    lines = [*told_of_nothing(counts), *_told_of_vanished(counts)]
    if state is State.CIRCUIT_OPEN:
        why = f"with {circuit_code}" if circuit_code else "for one reason"
        lines.append(f"Nearly everything failed {why}. Mend the cause, then run the same command again.")
    elif counts.remaining and state is State.ENQUEUED:
        lines.append(f"In the queues, or lost from them: {counts.remaining:,}. `s3sync retry` takes them there.")
    elif counts.remaining:
        lines.append(f"Still to do: {counts.remaining:,}. Run the same command again to go on.")
    if failed:
        lines.append(f"Failed: {failed:,}. See the errors; once mended, `s3sync retry --from-run {run}`.")
    if any(error.error_class == ErrorClass.INVALID for error in tally.errors.values()):
        lines.append("A retry copies with the run's own options; where one of them is wrong, migrate anew.")
    if changed:
        lines.append(
            f"Changed since they were listed: {changed:,}. `s3sync retry --from-run {run}` copies them as they are."
        )
    if archived:
        lines.append(f"Archived: {archived:,}. Restore them, then `s3sync retry --from-run {run}`.")
    if failed + changed + archived:
        lines.extend(_told_of_queues(tally))
    lines.extend(_told_of_copies(tally))
    return lines


def _told_of_copies(tally: Tally) -> Iterator[str]:
    if left := tally.reasons[ANNOTATIONS_LEFT]:
        yield f"Copied without their annotations: {left:,}. The target's server knows none."
    if unpinned := tally.pinned[Pinned.UNPINNED]:
        yield f"Copied without a condition on the source: {unpinned:,}. `s3sync check` shows whether they are right."


def told_of_nothing(counts: Counts) -> Iterator[str]:
    """A slip in a prefix or a filter must not look like a bucket that is done."""
    if not counts.listed:
        yield "Nothing was listed: the bucket or the inventory is empty, or no key begins with a given --prefix."
    elif not counts.planned_total.objects:
        yield "Nothing was planned: all that was listed is left out; the counts of the listing say by what."


def _told_of_vanished(counts: Counts) -> Iterator[str]:
    if vanished_too_many(counts):
        vanished, planned = counts.settled[Status.VANISHED].objects, counts.planned_total.objects
        yield (
            f"Gone from the source since they were listed: {vanished:,} of {planned:,} planned. Look whether the "
            "source is what it should be and its listing new, then migrate anew."
        )


def _told_of_queues(tally: Tally) -> list[str]:
    """What of the failures is in the queues, and why the rest is not: that is never silent."""
    lines = [f"Sent to the queues: {tally.sent:,}. `s3sync retry` tries them again."] if tally.sent else []
    lines += [
        f"Not sent to the queues: {count:,} ({reason}). `s3sync retry --from-run` needs none."
        for reason, count in tally.unsent.most_common(5)
    ]
    return lines


def _rate(amount: int, seconds: float) -> float:
    return amount / seconds if seconds > 0 else 0.0
