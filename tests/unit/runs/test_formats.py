"""Each file that an earlier version left is read, and says what it said then. Written once, never mended: a change that
fails here strands somebody's run."""

import json
from pathlib import Path

import pytest

from s3sync.config.load import describe
from s3sync.config.model import (
    Config,
    CopyConfig,
    PlanConfig,
    SourceConfig,
    TargetConfig,
)
from s3sync.copying.settings_file import recipe_of
from s3sync.listing.files import ListingFolder
from s3sync.model.limits import MIB
from s3sync.model.task import Method, Overwrite
from s3sync.queues.messages import from_text
from s3sync.report.check_summary import CheckSummary
from s3sync.runs.claims import OwnClaim
from s3sync.runs.finish import accounts_of, done_batches
from s3sync.runs.folder import RunFolder, fingerprint
from s3sync.runs.lock_place import LockPlace
from s3sync.runs.outcomes import read_parquet
from s3sync.runs.plan import Plan, looked_at, tasks_of
from s3sync.runs.store import LocalStore
from s3sync.runs.summary import Summary
from s3sync.runs.upload_log import UploadLog
from tests.samples import CHECK, PLANNED, RUN, SOURCE, TARGET, unpack

OBJECTS = 21


@pytest.fixture
def migrated(tmp_path: Path) -> RunFolder:
    return RunFolder(LocalStore(unpack("migrated", tmp_path)), RUN)


def test_a_run_is_known_by_the_fingerprint_that_was_written(tmp_path: Path) -> None:
    """A setting that came since, with its default, must not make it another run."""
    server = "http://server.test"
    sides = Config().access
    config = Config(
        source=SourceConfig(SOURCE),
        target=TargetConfig(TARGET),
        plan=PlanConfig(batch_objects=8),
        copy=CopyConfig(multipart_threshold_bytes=5 * MIB, part_size_bytes=5 * MIB, giant_threshold_bytes=5 * MIB),
        access=type(sides)(
            **{name: type(sides.source)(endpoint_url=server) for name in ("inventory", "source", "target")}
        ),
    )
    written = unpack("migrated", tmp_path)
    run = json.loads((written / "runs" / RUN / "run.json").read_text())
    assert describe(config) == run["options"]
    assert fingerprint(describe(config)) == run["fingerprint"] == "99ea3683fdea6c4c"


@pytest.mark.parametrize("name", ["migrated", "planned", "checked"])
def test_what_was_asked_for_says_the_same_today(tmp_path: Path, name: str) -> None:
    (described,) = unpack(name, tmp_path).glob("runs/*/run.json")
    run = json.loads(described.read_text())
    assert {"fingerprint", "options", "created_at", "follows", "run_id", "schema_version"} <= set(run)
    assert RunFolder(LocalStore(tmp_path), run["run_id"]).described() == run


def test_a_plan_and_its_rows(migrated: RunFolder) -> None:
    plan = Plan.from_json(migrated.manifest("plan") or {})
    assert (plan.source_bucket, plan.target_bucket, plan.counts.listed) == (SOURCE, TARGET, OBJECTS)
    assert looked_at(migrated) == plan.planned_at
    assert [batch.is_giant for batch in plan.batches].count(True) == 1
    tasks = [task for batch in plan.batches for task in tasks_of(read_parquet(migrated.get(batch.file)).to_batches())]
    assert len(tasks) == OBJECTS
    assert {task.method for task in tasks} <= {Method.COPY_OBJECT, Method.MULTIPART_COPY}
    assert all(task.etag and task.last_modified and task.size for task in tasks)


def test_a_plan_with_what_it_skips(tmp_path: Path) -> None:
    folder = RunFolder(LocalStore(unpack("planned", tmp_path)), PLANNED)
    plan = Plan.from_json(folder.manifest("plan") or {})
    skipped = [row for name in plan.skip_files for row in read_parquet(folder.get(name)).to_pylist()]
    assert (len(skipped), plan.counts.skips.objects, {row["action"] for row in skipped}) == (20, 20, {"skip"})


def test_outcomes_batch_records_and_later_attempts_add_up(migrated: RunFolder) -> None:
    """C1: one object failed, and a later attempt copied it."""
    plan = Plan.from_json(migrated.manifest("plan") or {})
    done = done_batches(migrated)
    assert done.keys() == {batch.batch_id for batch in plan.batches}
    accounts = accounts_of(migrated, plan, stopped_early=False)
    assert {status: amount.objects for status, amount in accounts.counts.outcomes.items() if amount.objects} == {
        "copied": OBJECTS
    }
    assert accounts.tally.requests["CopyObject"] == OBJECTS


def test_the_log_of_a_giant(migrated: RunFolder) -> None:
    (giant,) = (b for b in Plan.from_json(migrated.manifest("plan") or {}).batches if b.is_giant)
    log = UploadLog(migrated, giant.batch_id)
    generation, upload = log.current()
    assert upload is not None
    assert sorted(log.carried(generation).etags) == [1, 2]


def test_how_a_run_copies(migrated: RunFolder) -> None:
    settings = recipe_of(migrated)
    assert settings is not None
    assert (settings.source_bucket, settings.target_bucket, settings.overwrite) == (SOURCE, TARGET, Overwrite.ALWAYS)
    assert settings.planned_at == Plan.from_json(migrated.manifest("plan") or {}).planned_at


def test_a_message_of_version_1(migrated: RunFolder) -> None:
    (name,) = (name for name in migrated.names("retries/") if "tasks-" in name and name.endswith(".json"))
    text = migrated.get(name).decode()
    assert json.loads(text)["version"] == 1
    message = from_text(text)
    assert (message.run_id, message.source_bucket, message.target_bucket) == (RUN, SOURCE, TARGET)
    (queued,) = message.tasks
    assert (queued.task.source_key, queued.attempt, queued.error_code) == ("b/03", 1, "AccessDenied")


def test_summaries(tmp_path: Path, migrated: RunFolder) -> None:
    summary = Summary.from_json(migrated.get("summary.json").decode())
    assert (summary.run_id, summary.exit_code, summary.counts.remaining) == (RUN, 0, 0)
    checked = RunFolder(LocalStore(unpack("checked", tmp_path / "checked")), CHECK)
    assert CheckSummary.from_json(checked.get("summary.json").decode()).exit_code == 4


def test_segments_and_records_of_a_listing(tmp_path: Path) -> None:
    folder = ListingFolder(LocalStore(unpack("listed", tmp_path)), "", "", "_s3sync/")
    listing, following = folder.resume()
    assert (listing.objects, following, (folder.manifest() or {})["schema_version"]) == (OBJECTS, 1, 1)
    (segment,) = folder.segment_files()
    assert read_parquet((tmp_path / segment).read_bytes()).num_rows == OBJECTS


def test_a_lock_that_is_held(tmp_path: Path) -> None:
    place = LockPlace("aws", TARGET, "")
    (held,) = OwnClaim(LocalStore(unpack("locked", tmp_path)), place, 60, "mine").others()
    assert (held.place, held.told["run_id"], held.timeout_seconds) == (place, "20261130T000000Z-abcdef", 60)


def test_a_lock_that_was_given_back_is_over(tmp_path: Path) -> None:
    store = LocalStore(unpack("migrated", tmp_path))
    assert OwnClaim(store, LockPlace("server.test", TARGET, ""), 60, "mine").others() == []
