"""Outcomes are written in parts and committed once; what another attempt settled is taken over (C1, C2)."""

from collections import Counter
from pathlib import Path

from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.model.tally import Tally, tally
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import OutcomeLog, outcome_table, read_prior
from s3sync.runs.store import LocalStore


def outcome(number: int, status: Status = Status.COPIED) -> Outcome:
    failed = status is Status.FAILED
    return Outcome(
        task_id=f"{number:032d}",
        source_key=f"key-{number}",
        target_key=f"key-{number}",
        attempt=1,
        status=status,
        reason="copied",
        error_code="AccessDenied" if failed else None,
        error_class=ErrorClass.DENIED if failed else None,
        message="no" if failed else None,
        size=10,
        target_etag=None,
        pinned=None,
        verified=None,
        requests=1,
        milliseconds=1,
    )


def engine(requests: int) -> Tally:
    return Tally(requests=Counter(CopyObject=requests), engine_seconds=1.0)


def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(LocalStore(tmp_path), "run")


def test_a_batch_done_in_one_go(tmp_path: Path) -> None:
    log = OutcomeLog(folder(tmp_path), "00001-000", "0001-00000001")
    prior = log.begin()
    assert not prior.was_begun
    for number in range(5):
        log.add(outcome(number, Status.FAILED if number == 0 else Status.COPIED))
    log.flush(engine(6))
    done = log.finish(5)
    assert done.tally.objects == {"copied": 4, "failed": 1}
    assert done.tally.requests == {"CopyObject": 6}
    assert done.tally.errors["AccessDenied"].example_key == "key-0"
    again = read_prior(folder(tmp_path), "00001-000")
    assert (again.done, again.tally, again.parts) == (done, done.tally, done.parts)


def test_c2_a_second_attempt_takes_over_what_the_first_wrote(tmp_path: Path) -> None:
    first = OutcomeLog(folder(tmp_path), "00001-000", "0001-00000001")
    first.begin()
    first.add(outcome(0))
    first.add(outcome(1))
    first.flush(engine(2))
    first.add(outcome(2))  # known, but never written: the worker dies here

    second = OutcomeLog(folder(tmp_path), "00001-000", "0002-00000009")
    prior = second.begin()
    assert prior.was_begun
    assert prior.settled == {f"{0:032d}", f"{1:032d}"}
    second.add(outcome(2))
    second.flush(engine(2))
    done = second.finish(3)
    assert done.tally.objects == {"copied": 3}
    assert done.tally.requests == {"CopyObject": 4}
    assert len(done.parts) == 2


def test_c1_a_part_that_comes_late_from_a_dead_attempt_does_not_count(tmp_path: Path) -> None:
    zombie = OutcomeLog(folder(tmp_path), "b", "0001-00000001")
    zombie.begin()
    second = OutcomeLog(folder(tmp_path), "b", "0002-00000002")
    second.begin()
    second.add(outcome(0))
    second.flush(engine(1))
    zombie.add(outcome(0))
    zombie.flush(engine(1))
    assert second.finish(1).tally.objects == {"copied": 1}
    third = read_prior(folder(tmp_path), "b")
    assert third.done is not None
    assert third.done.tally.objects == {"copied": 1}


def test_c1_parts_that_overlap_are_not_counted_twice(tmp_path: Path) -> None:
    for attempt in ("0001-00000001", "0001-00000002"):
        log = OutcomeLog(folder(tmp_path), "b", attempt)
        log._folder.put(f"outcomes/b/{attempt}.begun", b"")
        log.add(outcome(0))
        log.flush(engine(1))
    prior = read_prior(folder(tmp_path), "b")
    assert prior.tally.objects == {"copied": 1}
    assert len(prior.parts) == 1


def test_rows_kept_back_are_not_written(tmp_path: Path) -> None:
    log = OutcomeLog(folder(tmp_path), "b", "0001-00000001")
    log.begin()
    log.add(outcome(0, Status.FAILED))
    log.add(outcome(1))
    log.flush(engine(2), keep_back=lambda row: row.status is Status.FAILED)
    assert log.pending == 1
    assert read_prior(folder(tmp_path), "b").tally.objects == {"copied": 1}
    assert log.drop_pending() == 1


def test_what_must_come_before_a_commit_comes_before_it(tmp_path: Path) -> None:
    seen: list[tuple[int, list[str]]] = []
    place = folder(tmp_path)

    def before_commit(rows: list[Outcome]) -> None:
        seen.append((len(rows), [name for name in place.names("outcomes/b/") if name.endswith(".parquet")]))

    log = OutcomeLog(place, "b", "0001-00000001", before_commit)
    log.begin()
    log.add(outcome(0, Status.FAILED))
    log.flush(engine(1))
    assert seen == [(1, [])]


def test_a_tally_survives_json_and_adds_up() -> None:
    rows = [outcome(n, Status.FAILED if n % 3 == 0 else Status.COPIED) for n in range(10)]
    one, two = tally(outcome_table(rows[:4])), tally(outcome_table(rows[4:]))
    assert Tally.from_json(one.to_json()) == one
    one.add(two)
    whole = tally(outcome_table(rows))
    assert one.objects == whole.objects == {"copied": 6, "failed": 4}
    assert one.errors["AccessDenied"].count == 4
    assert one.size_bytes["copied"] == 60
