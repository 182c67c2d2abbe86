"""What no manifest names does not exist; an unfinished run is found again and gone on with; one run at a time."""

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from s3sync.copying import job as migrate_job
from s3sync.planning import stage as planning
from s3sync.runs.lock import TargetLock
from tests.inventories import put_inventory
from tests.locks import lock_of, take_over
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Ended, Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"{'ab'[n % 2]}/{n:02}": f"body {n}".encode() for n in range(20)}


@pytest.fixture
def filled(s3: Any, pair: tuple[str, str]) -> tuple[str, ...]:
    """The options of a run over twenty objects."""
    source, target = pair
    for key, body in BODIES.items():
        s3.put_object(Bucket=source, Key=key, Body=body)
    return ("-s", source, "-t", target)


def uncommit(run: Path | None, *names: str) -> Path:
    """The run as if its driver had died before it wrote these files."""
    assert run is not None
    for name in names:
        (run / name).unlink()
    return run


def parts_of(run: Path, pattern: str) -> list[Path]:
    found = sorted(run.glob(pattern))
    assert found, pattern
    return found


def test_a_listing_without_records_is_made_again(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """C5: segments that no record names are no listing, whatever they hold."""
    run = uncommit(workplace.plan(*filled).folder, "listing-source/manifest.json", "plan/manifest.json")
    for records in ("rounds", "tasks"):
        shutil.rmtree(run / "listing-source" / records, ignore_errors=True)
    old = parts_of(run, "listing-source/*.parquet")
    (run / "listing-source" / "0001-9999-99999999-00000.parquet").write_bytes(b"half")
    s3.delete_object(Bucket=pair[0], Key="a/00")
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder) == (0, run)
    assert ended.summary["counts"]["listed"] == len(BODIES) - 1
    assert objects(pair[1]) == {key: body for key, body in BODIES.items() if key != "a/00"}
    manifest = (run / "listing-source/manifest.json").read_text()
    assert not [path for path in old if path.name in manifest]


def test_a_committed_listing_is_not_made_again(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    uncommit(workplace.plan(*filled).folder, "plan/manifest.json")
    s3.put_object(Bucket=pair[0], Key="b/new", Body=b"since the listing")
    ended = workplace.run(*filled)
    assert (ended.code, ended.summary["counts"]["listed"]) == (0, len(BODIES))
    assert objects(pair[1]) == BODIES


def test_what_came_to_the_target_since_its_listing_is_not_overwritten(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """The plan is made later, by another driver, from the listings of the first one."""
    run = uncommit(workplace.plan(*filled, "-v").folder, "plan/manifest.json")
    looked = json.loads((run / "looked_at.json").read_text())["target_time"]
    earlier = (datetime.fromisoformat(looked) - timedelta(minutes=10)).isoformat()  # hours, for a large bucket
    (run / "looked_at.json").write_text(json.dumps({"target_time": earlier}))
    s3.put_object(Bucket=pair[1], Key="a/00", Body=b"somebody else's, since the listing")
    ended = workplace.run(*filled, "-v")
    assert (ended.folder, ended.plan["planned_at"]) == (run, earlier)
    assert (ended.code, ended.statuses) == (3, {"copied": len(BODIES) - 1, "failed": 1})
    assert ended.outcomes()["a/00"]["error_code"] == "TargetIsNewer"
    assert objects(pair[1])["a/00"] == b"somebody else's, since the listing"


@pytest.mark.parametrize("options", [(), ("--run-id", "one")], ids=["found", "named"])
def test_a_source_that_was_mended_after_a_key_had_no_target_is_listed_again(
    workplace: Workplace, s3: Any, pair: tuple[str, str], objects: Objects, options: tuple[str, ...]
) -> None:
    source, target = pair
    for key in ("a/", "a/x"):
        s3.put_object(Bucket=source, Key=key, Body=b"1")
    given = ("-s", source, "-t", target, "--prefix", "a/", "--strip-prefix", "a/", *options)
    refused = workplace.run(*given)
    assert (refused.code, "no target key would be left" in (refused.error or "")) == (2, True)
    s3.delete_object(Bucket=source, Key="a/")
    mended = workplace.run(*given)
    assert (mended.code, mended.folder, mended.error) == (0, refused.folder, None)
    assert objects(target) == {"x": b"1"}


def test_plan_files_that_no_manifest_names_are_not_carried_out(
    workplace: Workplace, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """C2, C3: a driver was killed while planning, and another attempt of a task left a file as well."""
    planned = workplace.plan(*filled)
    run = uncommit(planned.folder, "plan/manifest.json")
    (left,) = parts_of(run, "plan/batch-*.parquet")
    shutil.copy(left, run / "plan" / "batch-00099-000-0001-00000099.parquet")
    (run / "plan" / "batch-00098-000-0001-00000099.parquet").write_bytes(b"half")
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder, ended.statuses) == (0, run, {"copied": len(BODIES)})
    assert [batch[1] for batch in ended.plan["batches"]] != [left.relative_to(run).as_posix()]
    assert ended.summary["requests"]["CopyObject"] == len(BODIES)
    assert objects(pair[1]) == BODIES


def test_a_committed_plan_is_carried_out_as_it_is(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    planned = workplace.plan(*filled)
    s3.put_object(Bucket=pair[0], Key="b/new", Body=b"since the plan")
    ended = workplace.run(*filled)
    assert (ended.folder, ended.statuses) == (planned.folder, {"copied": len(BODIES)})
    assert set(objects(pair[1])) == set(BODIES)


def test_a_plan_that_another_driver_committed_meanwhile_counts(
    workplace: Workplace, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects, monkeypatch: Any
) -> None:
    """C1, C2: a driver that slept while another one took over plans into other batches, by the same names."""
    folder = workplace.plan(*filled, "--run-id", "one").folder
    assert folder is not None
    manifest = folder / "plan" / "manifest.json"
    others = manifest.read_bytes()
    manifest.unlink()
    account = planning._account

    def slowly(*given: Any) -> Any:
        manifest.write_bytes(others)
        return account(*given)

    monkeypatch.setattr(planning, "_account", slowly)
    ended = workplace.run(*filled, "--run-id", "one")
    assert (ended.code, ended.statuses) == (0, {"copied": len(BODIES)})
    assert manifest.read_bytes() == others
    files = {batch[1] for batch in json.loads(others)["batches"]}
    assert {path.name for path in folder.glob("plan/batch-*")} > {Path(file).name for file in files}
    assert objects(pair[1]) == BODIES


def test_a_driver_that_lost_the_lock_while_it_planned_copies_nothing(
    workplace: Workplace,
    server: Server,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
    monkeypatch: Any,
) -> None:
    plan = migrate_job.planned

    def robbed(run: Any, lock: TargetLock) -> Any:
        assert take_over(workplace.work)
        while lock.why_lost() is None:
            threading.Event().wait(0.05)
        return plan(run, lock)

    monkeypatch.setattr(migrate_job, "planned", robbed)
    ended = workplace.run(*filled, "--lock-timeout", "1s")
    assert (ended.code, ended.error) == (1, lost(server, pair[1]))
    assert ended.folder is not None
    assert not (ended.folder / "plan" / "manifest.json").exists()
    assert objects(pair[1]) == {}


def half_done(run: Path) -> set[str]:
    """The batch's outcomes as if its worker had died after half of them were written; the keys it wrote."""
    uncommit(run, "summary.json", "outcomes/manifest.json")
    for record in parts_of(run, "outcomes/*/*.done.json"):
        record.unlink()
    (part,) = parts_of(run, "outcomes/*/*.parquet")
    table = pq.read_table(part)
    pq.write_table(table.slice(0, table.num_rows // 2), part)
    return set(table["source_key"].to_pylist()[: table.num_rows // 2])


def test_c2_settled_tasks_of_a_dead_attempt_are_not_done_again(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    first = workplace.run(*filled)
    assert first.folder is not None
    written = half_done(first.folder)
    for key in written:
        s3.delete_object(Bucket=pair[1], Key=key)
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder, ended.statuses) == (0, first.folder, {"copied": len(BODIES)})
    assert set(objects(pair[1])) == set(BODIES) - written
    attempts = {key: row["attempt"] for key, row in ended.outcomes().items()}
    assert attempts == {key: 1 if key in written else 2 for key in BODIES}


def test_c2_tasks_that_a_dead_attempt_did_not_record_are_looked_at_first(
    workplace: Workplace, s3: Any, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    """What it copied is found; what it did not is copied; an object that somebody else wrote since stays."""
    first = workplace.run(*filled)
    assert first.folder is not None
    written = half_done(first.folder)
    gone, foreign, *_ = sorted(set(BODIES) - written)
    s3.delete_object(Bucket=pair[1], Key=gone)
    s3.put_object(Bucket=pair[1], Key=foreign, Body=b"somebody else's")
    planned = json.loads((first.folder / "plan/manifest.json").read_text())
    earlier = {**planned, "planned_at": "2025-01-01T00:00:00+00:00"}  # so that the copies are newer, by the second
    (first.folder / "plan/manifest.json").write_text(json.dumps(earlier))
    ended = workplace.run(*filled)
    outcomes = ended.outcomes()
    assert (ended.code, ended.statuses) == (3, {"copied": len(BODIES) - 1, "failed": 1})
    assert outcomes[foreign]["error_code"] == "TargetIsNewer"
    assert objects(pair[1]) == {**BODIES, foreign: b"somebody else's"}
    found = {key for key, row in outcomes.items() if row["reason"] == "found_on_target"}
    assert found == set(BODIES) - written - {gone, foreign}


def test_parts_that_came_too_late_do_not_count(workplace: Workplace, filled: tuple[str, ...]) -> None:
    """C1: an attempt that was thought dead writes its rows after the batch was committed."""
    first = workplace.run(*filled)
    assert first.folder is not None
    (part,) = parts_of(first.folder, "outcomes/*/*.parquet")
    shutil.copy(part, part.with_name("0009-00000099-0000.parquet"))
    uncommit(first.folder, "summary.json", "outcomes/manifest.json")
    ended = workplace.run(*filled)
    assert (ended.code, ended.folder, ended.statuses) == (0, first.folder, {"copied": len(BODIES)})
    assert len(ended.outcomes()) == len(BODIES)


def test_a_finished_run_is_told_by_its_id_and_followed_by_a_new_one_without(
    workplace: Workplace, filled: tuple[str, ...]
) -> None:
    first = workplace.run(*filled, "--run-id", "one")
    again = workplace.run(*filled, "--run-id", "one")
    assert (again.code, again.summary) == (0, first.summary)
    assert "Run one is finished; nothing to do" in again.said
    new = workplace.run(*filled)
    assert new.folder != first.folder
    assert new.code == 0
    assert "Run one with these options is finished; this one copies all again. -v copies what differs" in new.said
    assert "copies all again" not in first.said
    assert new.folder is not None
    (new.folder / "summary.json").unlink()  # as if it had been killed
    other = workplace.run(*filled, "--run-id", "other")
    assert other.code == 0
    assert "copies all again" not in other.said


@pytest.mark.parametrize(
    ("options", "is_same"),
    [
        ((), True),
        (("--in-flight", "7", "--max-attempts", "3", "--progress-interval", "9s"), True),
        (("--prefix", "a/"), False),
        (("--target-prefix", "x/"), False),
        (("-v",), False),
        (("--batch-objects", "7"), False),
        (("--no-tags",), False),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else None,
)
def test_options_that_shape_the_run_make_another_one(
    workplace: Workplace, filled: tuple[str, ...], options: tuple[str, ...], is_same: bool
) -> None:
    """Pace and display do not: the unfinished run is gone on with."""
    first = workplace.plan(*filled, "--run-id", "one")
    other = workplace.run(*filled, *options)
    assert (other.folder == first.folder) is is_same
    named = workplace.plan(*filled, *options, "--run-id", "one")
    assert named.code == (0 if is_same else 2)
    if not is_same:
        assert named.error is not None
        assert named.error.startswith("--run-id: run one was begun with other options (")


def test_changed_credentials_go_on_with_the_run(workplace: Workplace, server: Server, filled: tuple[str, ...]) -> None:
    require(server, "faults")  # only the embedded server takes any credentials
    first = workplace.plan(*filled)
    other = {"SOURCE_AWS_ACCESS_KEY_ID": "AKIAOTHER", "SOURCE_AWS_SECRET_ACCESS_KEY": "other"}
    ended = replace(workplace, environ={**workplace.environ, **other}).run(*filled)
    assert (ended.code, ended.folder) == (0, first.folder)


def lost(server: Server, target: str) -> str:
    service = server.s3_endpoint.partition("//")[2]
    return f"another command took over the lock of {service}/{target}/, so this one stopped"


def test_a_target_that_another_run_works_on_is_left_alone(
    workplace: Workplace, server: Server, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    with lock_of(workplace.work, server.s3_endpoint, pair[1], prefix="shared/"):
        ended = workplace.run(*filled, "--lock-timeout", "1s", "--target-prefix", "shared/")
        assert ended.code == 2
        assert ended.error is not None
        assert "the other run" in ended.error
        assert "is alive and works on this target" in ended.error
        assert objects(pair[1]) == {}
        assert ended.folder is None
        assert not (workplace.work / "fingerprints").exists()  # C18: it leaves no run for the holder to go on with
        for prefix in ("", "shared/deeper/"):
            overlapping = workplace.run(*filled, "--lock-timeout", "1s", "--target-prefix", prefix)
            assert (overlapping.code, "the other run" in (overlapping.error or "")) == (2, True)
        assert objects(pair[1]) == {}
        assert workplace.run(*filled, "--lock-timeout", "1s", "--target-prefix", "apart/").code == 0
    after = workplace.run(*filled, "--lock-timeout", "1s")
    assert (after.code, after.statuses) == (0, {"copied": len(BODIES)})


def test_a_lock_that_is_lost_stops_the_run(
    workplace: Workplace,
    server: Server,
    faults: Faults,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
) -> None:
    faults.add(Fault(Action.STALL, operation="CopyObject", bucket=pair[1], seconds=1.0))
    stolen: list[Path] = []

    def steal() -> None:
        while len(objects(pair[1])) < 2:
            threading.Event().wait(0.05)
        stolen.extend(take_over(workplace.work))

    thief = threading.Thread(target=steal)
    thief.start()
    ended = workplace.run(*filled, "--lock-timeout", "1s", "--in-flight", "1")
    thief.join()
    assert stolen
    assert (ended.code, ended.error) == (1, lost(server, pair[1]))
    assert 0 < len(objects(pair[1])) < len(BODIES)
    assert ended.folder is not None
    assert not (ended.folder / "summary.json").exists()  # C18: how the run ends is no longer this driver's to tell
    again = workplace.run(*filled)
    assert (again.code, again.folder, again.statuses) == (0, ended.folder, {"copied": len(BODIES)})


def test_runs_over_an_inventory_are_gone_on_with_too(
    workplace: Workplace, s3: Any, home: str, filled: tuple[str, ...], pair: tuple[str, str], objects: Objects
) -> None:
    from s3sync.demo.bucket import list_objects

    manifest = put_inventory(s3, list_objects(s3, pair[0]), pair[0], home)
    planned: Ended = workplace.plan("-m", manifest, "-t", pair[1])
    uncommit(planned.folder, "plan/manifest.json")
    ended = workplace.run("-m", manifest, "-t", pair[1])
    assert (ended.code, ended.folder) == (0, planned.folder)
    assert objects(pair[1]) == BODIES


@pytest.mark.parametrize("command", ["migrate", "check"])
def test_a_place_where_no_report_can_be_written_is_refused_before_anything_is_begun(
    workplace: Workplace,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
    tmp_path: Path,
    command: str,
) -> None:
    """It was found out when all was copied, or compared."""
    (tmp_path / "taken").write_bytes(b"no folder")
    ended = workplace.run(*filled, "--report-uri", str(tmp_path / "taken"), command=command)
    assert (ended.code, objects(pair[1]), ended.folder) == (2, {}, None)
    assert (ended.error or "").startswith("--report-uri: the report can't be written there: ")


def test_a_report_that_cannot_be_written_at_the_end_is_told_beside_how_the_run_ended(
    workplace: Workplace,
    filled: tuple[str, ...],
    pair: tuple[str, str],
    objects: Objects,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same command would copy everything again, so another way out is named."""
    copy = migrate_job.copy

    def meanwhile(*given: Any) -> Any:
        shutil.rmtree(tmp_path / "taken")
        (tmp_path / "taken").write_bytes(b"no folder")
        return copy(*given)

    monkeypatch.setattr(migrate_job, "copy", meanwhile)
    ended = workplace.run(*filled, "--report-uri", str(tmp_path / "taken"))
    assert ended.folder is not None
    assert (ended.code, ended.summary["state"], objects(pair[1])) == (1, "complete", BODIES)
    assert ended.error is not None
    assert ended.error.startswith("the run ended (complete), but its report could not be written: ")
    assert ended.error.endswith(
        f"; `s3sync report {ended.folder.name} --work-uri {ended.folder.parent.parent}` writes it again"
    )
