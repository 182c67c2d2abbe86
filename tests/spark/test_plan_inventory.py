"""From inventory reports to a committed plan: what is listed, left out and planned adds up (C1)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from s3sync.demo.inventory_writer import ALL_FIELDS, InventoryObject, OptionalField
from s3sync.inventory.manifest import FileFormat
from s3sync.planning import read_stage as rows
from s3sync.selection.mapping import KeyMapping
from tests.inventories import put_inventory
from tests.spark.workplace import Ended, Workplace

WHEN = datetime(2025, 6, 1, 12, tzinfo=UTC)
PlanOf = Callable[..., Ended]


def obj(key: str, **changed: Any) -> InventoryObject:
    return replace(InventoryObject(key, 3, "e" * 32, WHEN), **changed)


def version(key: str, number: int, **changed: Any) -> InventoryObject:
    return obj(key, version_id=f"v{number}", **{"is_latest": False, **changed})


def marker(key: str, number: int, **changed: Any) -> InventoryObject:
    return version(key, number, size=None, etag=None, storage_class=None, is_delete_marker=True, **changed)


@pytest.fixture
def plan_of(workplace: Workplace, s3: Any, home: str, bucket_factory: Callable[..., str]) -> PlanOf:
    """`plan_of(rows, *options, **report)`: `s3sync plan` of a report that lists these rows."""
    source, target = bucket_factory(), bucket_factory()

    def plan(rows: list[InventoryObject], *options: str, **report: Any) -> Ended:
        manifest = put_inventory(s3, rows, source, home, **report)
        return workplace.plan("-m", manifest, "-t", target, *options)

    return plan


def adds_up(counts: dict[str, Any]) -> bool:
    planned = sum(amount["objects"] for amount in counts["planned"].values())
    parts = counts["duplicates"] + counts["delete_markers"] + sum(counts["filtered"].values()) + planned
    return bool(counts["listed"] == parts)


@pytest.mark.parametrize("file_format", FileFormat)
def test_c1_many_rows_of_many_files_are_as_many_tasks(plan_of: PlanOf, file_format: FileFormat) -> None:
    """Several portions and batches; `python -m benchmarks.plan_formats` does the same with a million rows."""
    rows = [obj(f"día={n % 7}/a b+{n * 7919 % 30_000:06d}%", size=n, etag=f"{n:032x}") for n in range(30_000)]
    ended = plan_of(rows, "--batch-objects", "4000", file_format=file_format, files=5)
    planned = ended.planned()
    assert {key: (row["size"], row["etag"]) for key, row in planned.items()} == {o.key: (o.size, o.etag) for o in rows}
    assert len({row["task_id"] for row in planned.values()}) == len(rows)
    assert [batch[2] for batch in ended.plan["batches"] if batch[2] > 4_000] == []
    assert adds_up(ended.counts)


@pytest.mark.parametrize("file_format", FileFormat)
def test_c1_a_report_of_versions_becomes_the_current_objects(plan_of: PlanOf, file_format: FileFormat) -> None:
    rows = [
        version("kept", 1, etag="a" * 32),
        version("kept", 2, is_latest=True, etag="b" * 32),
        obj("never versioned", etag="c" * 32),
        version("deleted", 1),
        marker("deleted", 2, is_latest=True),
        marker("restored", 1),
        version("restored", 2, is_latest=True, etag="d" * 32),
    ]
    ended = plan_of(rows, versioned=True, file_format=file_format)
    assert ended.code == 0, ended.error
    planned = ended.planned()
    assert {key: row["etag"] for key, row in planned.items()} == {
        "kept": "b" * 32,
        "never versioned": "c" * 32,
        "restored": "d" * 32,
    }
    assert {row["version_id"] for row in planned.values()} == {None}  # C4: a current object is copied without one
    counts = ended.counts
    assert (counts["listed"], counts["delete_markers"], counts["filtered"]) == (7, 2, {"noncurrent": 2})
    assert adds_up(counts)


def test_c1_reports_that_overlap_give_each_object_once_the_newest(
    workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]
) -> None:
    source, target = pair
    older = [obj(f"k{n}", etag="a" * 32) for n in range(6)]
    newer = [obj(f"k{n}", etag="b" * 32, last_modified=WHEN + timedelta(hours=1)) for n in range(3, 9)]
    manifests = [
        put_inventory(s3, rows, source, home, file_format, config_id=config_id)
        for rows, file_format, config_id in ((older, FileFormat.CSV, "one"), (newer, FileFormat.ORC, "two"))
    ]
    ended = workplace.plan("-m", manifests[0], "-m", manifests[1], "-t", target)
    assert ended.code == 0, ended.error
    assert {key: row["etag"][0] for key, row in ended.planned().items()} == {f"k{n}": "aaabbbbbb"[n] for n in range(9)}
    assert (ended.counts["listed"], ended.counts["duplicates"]) == (12, 3)
    assert adds_up(ended.counts)


def test_reports_of_two_buckets_are_refused(workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]) -> None:
    source, target = pair
    manifests = [put_inventory(s3, [obj("k")], bucket, home) for bucket in (source, target)]
    ended = workplace.plan("-m", manifests[0], "-m", manifests[1], "-t", "elsewhere")
    assert ended.code == 2
    assert ended.error is not None
    assert f"is an inventory of '{target}', but the source is '{source}'" in ended.error


FILTERED = {  # a row for each filter, which no other one leaves out
    "prefix": obj("elsewhere/a.txt"),
    "include": obj("in/a.jpg"),
    "exclude": obj("in/tmp-a.txt"),
    "size": obj("in/too small.txt", size=1),
    "size ": obj("in/too large.txt", size=100),
    "modified": obj("in/old.txt", last_modified=WHEN - timedelta(days=9)),
    "modified ": obj("in/new.txt", last_modified=WHEN + timedelta(days=9)),
    "storage_class": obj("in/cold.txt", storage_class="GLACIER"),
}


@pytest.mark.parametrize("file_format", FileFormat)
def test_c1_each_filter_leaves_out_its_own(plan_of: PlanOf, file_format: FileFormat) -> None:
    kept = [obj("in/a.txt"), obj("in/b.txt", size=10), obj("in/sub/c.txt", last_modified=WHEN + timedelta(seconds=1))]
    options = "--prefix in/ --include *.txt --exclude */tmp-* --min-size 2B --max-size 99B"
    classes = ("--only-storage-class", "STANDARD", "--only-storage-class", "STANDARD_IA")
    times = ("--modified-since", "2025-05-31T00:00:00Z", "--not-modified-since", "2025-06-02T00:00:00Z")
    ended = plan_of([*FILTERED.values(), *kept], *options.split(), *classes, *times, file_format=file_format)
    assert ended.code == 0, ended.error
    assert set(ended.planned()) == {row.key for row in kept}
    assert ended.counts["filtered"] == {
        "prefix": 1, "include": 1, "exclude": 1, "size": 2, "modified": 2, "storage_class": 1,
    }  # fmt: skip
    assert adds_up(ended.counts)


def test_several_prefixes_and_globs(plan_of: PlanOf) -> None:
    rows = [obj(key) for key in ("a/1.txt", "a/2.jpg", "b/3.txt", "c/4.txt", "ab/5.txt")]
    ended = plan_of(rows, "--prefix", "a/", "--prefix", "b/", "--include", "*.txt", "--include", "a/*")
    assert set(ended.planned()) == {"a/1.txt", "a/2.jpg", "b/3.txt"}
    assert ended.counts["filtered"] == {"prefix": 2}


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (("--min-size", "2B"), OptionalField.SIZE),
        (("--modified-since", "2025-05-31T00:00:00Z"), OptionalField.LAST_MODIFIED_DATE),
    ],
)
def test_a_filter_on_a_column_that_is_not_there_is_refused(
    plan_of: PlanOf, options: tuple[str, ...], missing: OptionalField
) -> None:
    columns = [field for field in ALL_FIELDS if field is not missing]
    ended = plan_of([obj("k")], *options, columns=columns)
    assert ended.code == 2
    assert ended.error is not None
    assert f"add {missing} to the inventory's fields" in ended.error


def test_a_report_with_the_least_columns(plan_of: PlanOf) -> None:
    ended = plan_of([obj("a"), obj("b")], columns=())
    assert ended.code == 0, ended.error
    row = ended.planned()["a"]
    assert [row[name] for name in ("size", "etag", "last_modified", "storage_class", "method")] == [
        None, None, None, None, "copy_object",
    ]  # fmt: skip


def test_the_report_of_an_empty_bucket(plan_of: PlanOf) -> None:
    ended = plan_of([])
    assert ended.code == 0, ended.error
    assert (ended.counts["listed"], ended.plan["batches"]) == (0, [])


def test_target_keys_have_their_prefixes_changed(plan_of: PlanOf) -> None:
    rows = [obj("in/a"), obj("in/sub/b"), obj("in/")]
    ended = plan_of(rows, "--prefix", "in/", "--strip-prefix", "in/", "--target-prefix", "out/")
    assert {key: row["target_key"] for key, row in ended.planned().items()} == {
        "in/a": "out/a", "in/sub/b": "out/sub/b", "in/": "out/",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (["k" * 100], ["--target-prefix", "p" * 1000], "longer than 1,024 bytes"),
        (["é" * 500], ["--target-prefix", "p" * 100], "longer than 1,024 bytes"),
        (["in/a", "out/b"], ["--strip-prefix", "in/"], "'out/b' does not start with target.strip_prefix 'in/'"),
        (["in/a", "in/"], ["--strip-prefix", "in/"], "no target key would be left of it"),
    ],
)
def test_a_mapping_that_can_not_be_is_found_in_the_plan(
    plan_of: PlanOf, rows: list[str], options: list[str], says: str
) -> None:
    ended = plan_of([obj(key) for key in rows], *options)
    assert ended.code == 2
    assert ended.error is not None
    assert says in ended.error
    assert ended.folder is not None
    assert not (ended.folder / "plan" / "manifest.json").exists()


class Folding(KeyMapping):
    """A mapping that makes two keys one, which those of s3sync never do."""

    def target_keys(self, source_keys: pa.Array) -> pa.Array:
        return pc.utf8_lower(source_keys)


def test_two_source_keys_on_one_target_key_are_found_in_the_plan(
    plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KeyMapping", Folding)
    ended = plan_of([obj("photos/A"), obj("photos/a"), obj("photos/b")])
    assert ended.code == 2
    assert ended.error == (
        "1 target keys have more than one source, such as 'photos/a' from 'photos/A' and 'photos/a'; "
        "change target.prefix or the filters"
    )


def test_packing_is_the_same_each_time(workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]) -> None:
    source, target = pair
    manifest = put_inventory(s3, [obj(f"{n:04}", size=n * 1000) for n in range(700)], source, home, files=5)
    options = ("-m", manifest, "-t", target, "--batch-objects", "100")
    plans = [workplace.plan(*options, "--run-id", run_id) for run_id in ("one", "two")]
    assert [ended.code for ended in plans] == [0, 0]
    batches = [[(b[0], b[2], b[3]) for b in ended.plan["batches"]] for ended in plans]
    rows = [[(key, row["task_id"]) for key, row in ended.planned().items()] for ended in plans]
    assert batches[0] == batches[1]
    assert rows[0] == rows[1]
    assert len(batches[0]) >= 7
    assert max(tasks for _, tasks, _ in batches[0]) <= 100
