"""What an earlier version left on the work location is gone on with, or refused in a line that names the way out."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import drop_bucket
from tests.samples import CHECK, PLANNED, RUN, SMALL, SOURCE, TARGET, put_objects, unpack
from tests.servers import Server
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]
MIGRATE = (
    *("-s", SOURCE, "-t", TARGET, "--batch-objects", "8", "--giant-threshold", "5MiB"),
    *("--multipart-threshold", "5MiB", "--part-size", "5MiB"),
)
CHECKED = ("-s", SOURCE, "-t", TARGET, "--metadata", "--all-findings")
YEARS = ("--plan-max-age", "3650d")  # the samples grow older


@pytest.fixture(autouse=True)
def _buckets(s3: Any) -> Iterator[None]:
    for bucket in (SOURCE, TARGET):
        s3.create_bucket(Bucket=bucket)
    put_objects(s3)
    yield
    for bucket in (SOURCE, TARGET):
        drop_bucket(s3, bucket)


@pytest.fixture
def left(workplace: Workplace, server: Server) -> Callable[[str], Path]:
    """`left(name)`: the work location holds what an earlier version left; returns it."""
    return lambda name: unpack(name, workplace.work, server.s3_endpoint)


def unfinished(run: Path, *patterns: str) -> None:
    """As if the driver had been killed before these files were written."""
    for pattern in ("summary.json", "outcomes/manifest.json", *patterns):
        found = sorted(run.glob(pattern))
        assert found, pattern
        for path in found:
            path.unlink()


def test_an_unfinished_run_is_gone_on_with(workplace: Workplace, left: Callable[[str], Path], objects: Objects) -> None:
    run = left("migrated") / "runs" / RUN
    unfinished(run, "outcomes/00000-000/*", "outcomes/00001-g000/*.done.json", "outcomes/00001-g000/*.parquet")
    shutil.rmtree(run / "retries")
    rows = {batch[0]: batch[2] for batch in json.loads((run / "plan/manifest.json").read_text())["batches"]}
    ended = workplace.run(*MIGRATE)
    assert (ended.folder, f"Going on with run {RUN}" in ended.said) == (run, True), ended.said
    assert "made from what its version did not write down" in ended.said
    assert (ended.code, ended.statuses) == (0, {"copied": 21})
    assert len(objects(TARGET)) == rows["00000-000"] + rows["00001-g000"]  # the others' copies were made elsewhere


def test_a_plan_is_carried_out_where_its_age_is_consented_to(
    workplace: Workplace, left: Callable[[str], Path], objects: Objects
) -> None:
    run = left("planned") / "runs" / PLANNED
    manifest = run / "plan" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("2026-11-", "2025-11-"))
    given = ("-s", SOURCE, "-t", TARGET, "-v", "--batch-objects", "8")
    refused = workplace.run(*given)
    assert (refused.code, (refused.error or "").partition(": ")[0]) == (2, "--plan-max-age")
    ended = workplace.run(*given, *YEARS)
    assert (ended.code, ended.folder, ended.statuses) == (0, run, {"copied": 1, "skipped": 20}), ended.error
    assert objects(TARGET) == {"a/00": SMALL["a/00"]}


def test_what_failed_is_retried_from_its_tables(
    workplace: Workplace, left: Callable[[str], Path], objects: Objects
) -> None:
    run = left("migrated") / "runs" / RUN
    shutil.rmtree(run / "retries")
    ended = workplace.run("--from-run", RUN, command="retry")
    assert (ended.code, ended.statuses) == (0, {"copied": 21}), ended.error
    assert objects(TARGET) == {"b/03": SMALL["b/03"]}


def test_a_check_that_was_not_ended_is_gone_on_with(workplace: Workplace, left: Callable[[str], Path]) -> None:
    """Where it is fresh: an old one has listings that say too little, and a new check begins."""
    run = left("checked") / "runs" / CHECK
    for name in ("summary.json", "findings/manifest.json", "looked/manifest.json"):
        (run / name).unlink()
    described = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**described, "created_at": datetime.now(UTC).isoformat()}))
    ended = workplace.run(*CHECKED, command="check")
    assert (ended.code, ended.folder) == (4, run), ended.error
    verdicts = {name: amount["objects"] for name, amount in ended.summary["verdicts"].items() if amount["objects"]}
    assert verdicts == {"match": 20, "missing_on_target": 1, "missing_on_source": 1}


def test_the_findings_of_a_check_are_copied(
    workplace: Workplace, left: Callable[[str], Path], objects: Objects
) -> None:
    left("checked")
    ended = workplace.run("--from-findings", CHECK)
    assert (ended.code, ended.statuses) == (0, {"copied": 1}), ended.error
    assert objects(TARGET) == {"a/00": SMALL["a/00"]}


def test_a_run_is_checked(workplace: Workplace, left: Callable[[str], Path]) -> None:
    left("migrated")
    ended = workplace.run("--run-id", RUN, "--listings-only", command="check")
    assert (ended.code, ended.summary["of_run"]) == (4, RUN), ended.error
    verdicts = {name: amount["objects"] for name, amount in ended.summary["verdicts"].items() if amount["objects"]}
    assert verdicts == {"changed_since": 21}  # its objects were put again, for this test


def test_a_listing_that_was_not_ended_is_gone_on_with(
    workplace: Workplace, server: Server, s3: Any, tmp_path: Path
) -> None:
    listed = unpack("listed", tmp_path / "listed", server.s3_endpoint)
    (listed / "_s3sync" / "manifest.json").unlink()
    s3.delete_object(Bucket=SOURCE, Key="a/00")  # what was listed is not listed again
    ended = workplace.run(f"s3://{SOURCE}/", "-o", str(listed), command="list")
    assert (ended.code, f"Going on with the listing of s3://{SOURCE}" in ended.said) == (0, True), ended.error
    assert json.loads((listed / "_s3sync" / "manifest.json").read_text())["ranges"]
    assert "21 objects of " in ended.said


def test_a_listing_that_was_ended_is_refused(workplace: Workplace, server: Server, tmp_path: Path) -> None:
    listed = unpack("listed", tmp_path / "listed", server.s3_endpoint)
    ended = workplace.run(f"s3://{SOURCE}/", "-o", str(listed), command="list")
    assert (ended.code, "holds a finished listing already; name another folder" in (ended.error or "")) == (2, True)


def test_a_run_that_a_newer_version_began_is_refused(workplace: Workplace, left: Callable[[str], Path]) -> None:
    run = left("planned") / "runs" / PLANNED
    described = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**described, "schema_version": 2}))
    ended = workplace.run("-s", SOURCE, "-t", TARGET, "-v", "--batch-objects", "8")
    assert ended.code == 2
    assert (ended.error or "").startswith("--work-uri: cannot be used: ")
    assert "use the version that began the run, or a newer one" in (ended.error or "")
