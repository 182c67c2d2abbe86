"""A drain's options, its sums, what it says and its exit code; and how a run's way of copying is kept."""

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe, recipe_of
from s3sync.errors import ConfigError
from s3sync.model.accounting import Amount, Counts
from s3sync.model.outcome import Outcome, Status
from s3sync.model.tally import Tally
from s3sync.model.task import Overwrite
from s3sync.queues.find import Queue, Queues
from s3sync.queues.send_failures import NOT_CONFIGURED, FailureQueues, FailureSender
from s3sync.retry.consumer import _is_name
from s3sync.retry.drain import DrainTally, _taken, drain_lines, exit_code_of
from s3sync.runs.folder import RunFolder
from s3sync.runs.store import LocalStore
from s3sync.runs.summary import State, Summary, summarize
from tests.unit.runs.test_retry_outcomes import outcome
from tests.unit.scripted import a_task

WORK = tuple(Queue(f"q-{number}", f"url-{number}", number) for number in (0, 1, 7))
DEAD = Queue("q-dead", "url-dead")
QUEUES = Queues(WORK, DEAD)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "dead", "taken"),
    [
        (None, False, WORK),
        (None, True, (*WORK, DEAD)),
        (7, False, (WORK[2],)),
        (7, True, (WORK[2], DEAD)),
        (-1, True, (DEAD,)),
    ],
)
def test_which_queues_are_taken_from(number: int | None, dead: bool, taken: tuple[Queue, ...]) -> None:
    assert _taken(QUEUES, number, including_dead=dead) == taken


def test_a_number_that_no_queue_has() -> None:
    with pytest.raises(ConfigError, match=r"no queue of number 2; there are 0, 1, 7"):
        _taken(QUEUES, 2, including_dead=False)


def summary(state: str) -> Summary:
    count = Amount(1)
    outcomes = {"copied" if state == "complete" else "failed": count}
    return summarize(
        run_id="r",
        source="s",
        target="t",
        started_at=NOW,
        ended_at=NOW,
        wall_seconds=1.0,
        counts=Counts(listed=1, planned={"copy/copy_object": count}, outcomes=outcomes),
        tally=Tally(),
        stopped=State.ENQUEUED if state == "enqueued" else None,
    )


@pytest.mark.parametrize(
    ("told", "states", "code"),
    [
        (DrainTally(), [], 0),
        (DrainTally(sent_back=3), ["complete", "complete"], 0),
        (DrainTally(), ["complete", "incomplete"], 3),
        (DrainTally(), ["enqueued"], 3),
        (DrainTally(dead=1), ["complete"], 3),
        (DrainTally(poison=Counter(Unreadable=1)), [], 3),
        (DrainTally(left=Counter(why=1)), [], 3),
        (DrainTally(troubles=Counter(why=1)), ["complete"], 3),
    ],
)
def test_the_exit_code(told: DrainTally, states: list[str], code: int) -> None:
    assert exit_code_of(told, [summary(state) for state in states]) == code


def test_nothing_that_went_wrong_is_left_unsaid() -> None:
    told = DrainTally(
        messages=9,
        by_status=Counter({Status.COPIED: 5, Status.FAILED: 2}),
        sent_back=1,
        dead=1,
        poison=Counter(OtherVersion=1),
        left=Counter({"the run is elsewhere": 2}),
        troubles=Counter({"queue q-0: AccessDenied": 4}),
    )
    said = "\n".join(drain_lines(told))
    for words in (
        "7 tasks of 9 messages: 5 copied, 2 failed",
        "again: 1",
        "dead-letter queue: 1",
        "1 messages, OtherV",
    ):
        assert words in said
    assert "2 messages: the run is elsewhere" in said
    assert "4 times: queue q-0: AccessDenied" in said


def test_tallies_add_up_and_survive_json() -> None:
    one = DrainTally(3, Counter(copied=2), 1, 0, Counter(a=1), Counter(b=2), Counter(), Counter(r=2))
    assert DrainTally.from_json(one.to_json()) == one
    two = DrainTally()
    two.add(one)
    two.add(one)
    assert (two.messages, two.by_status, two.left, two.runs) == (6, {"copied": 4}, {"b": 4}, {"r": 4})


def test_how_a_run_copies_is_kept_whole(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    assert recipe_of(folder) is None
    plain = CopySettings("from-bucket", "to-bucket", planned_at=NOW)
    other: dict[str, Any] = {
        field.name: not value if isinstance(value, bool) else "x"
        for field in fields(plain)
        if field.init and ((value := getattr(plain, field.name)) is None or isinstance(value, bool))
    }
    for settings in (plain, replace(plain, **other, overwrite=Overwrite.NEVER, part_size_bytes=7)):
        put_recipe(folder, settings)
        assert recipe_of(folder) == settings


def test_a_recipe_of_a_later_version_is_read(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(tmp_path), "run")
    put_recipe(folder, CopySettings("from-bucket", "to-bucket", planned_at=NOW))
    folder.put_json("copy.json", {**(folder.get_json("copy.json") or {}), "new": 1})
    assert recipe_of(folder) == CopySettings("from-bucket", "to-bucket", planned_at=NOW)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("20260101T000000Z-abc", True),
        ("a.b_c-1", True),
        ("../x", False),
        ("a/b", False),
        (".x", False),
        ("a" * 101, False),
    ],
)
def test_a_run_of_a_message_leads_nowhere_else(name: str, is_one: bool) -> None:
    assert _is_name(name) is is_one


def sender(queues: FailureQueues) -> tuple[FailureSender, list[Outcome]]:
    made = FailureSender(None, queues, "run", ("from", "to"))  # type: ignore[arg-type]
    rows = [outcome(1, Status.FAILED), outcome(2), outcome(3, Status.CHANGED), outcome(4, Status.ARCHIVED)]
    for row in rows:
        made.note(a_task(task_id=row.task_id), row)
    return made, rows


def test_what_is_not_sent_is_counted_with_the_reason() -> None:
    made, rows = sender(FailureQueues())
    told = made.send(rows)
    assert told is not None
    assert (told.sent, told.unsent) == (0, {NOT_CONFIGURED: 3})
    assert made.send(rows) is None  # each once
    assert made.send([outcome(2)]) is None
