"""`s3sync list` in this process: each key of a bucket once, in every format, or an error and no proof (C5, C10)."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from s3sync.cli.options import parse
from s3sync.demo.inventory_writer import InventoryObject
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.errors import EXIT_DONE, EXIT_OTHER, EXIT_USER, Interrupted, S3SyncError
from s3sync.listing import job as list_job
from s3sync.listing.job import list_bucket
from s3sync.listing.state import ListedRange
from s3sync.model.key_range import KeyRange, tiles
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import LocalStore
from tests.conftest import drop_bucket
from tests.inventories import put_inventory
from tests.locks import take_over
from tests.servers import Server
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Workplace

FORMATS = ("parquet", "csv", "jsonl")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a listing ended, and what lies in its folder."""

    code: int
    said: str
    error: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Any] | None:
        path = self.folder / "_s3sync" / "manifest.json"
        return json.loads(path.read_text()) if path.exists() else None

    def rows(self) -> list[dict[str, Any]]:
        """By other readers than ours: the standard library's, and pyarrow's for Parquet."""
        found: list[dict[str, Any]] = []
        for path in sorted(self.folder.glob("*.*")):
            if path.suffix == ".parquet":
                found += pq.read_table(path).to_pylist()
            elif path.suffix == ".csv":
                with path.open(newline="", encoding="utf-8") as lines:
                    found += csv.DictReader(lines)
            else:
                with path.open(newline="\n", encoding="utf-8") as lines:
                    found += map(json.loads, lines)
        return sorted(found, key=lambda row: str(row["key"]))

    def keys(self) -> list[str]:
        return [row["key"] for row in self.rows()]

    def assert_proved(self, objects: int) -> None:
        """The ranges of the manifest tile the key space of each prefix, and tell of all objects."""
        manifest = self.manifest
        assert manifest is not None, self.error
        ranges = [ListedRange.from_json(row) for row in manifest["ranges"]]
        for prefix in manifest["prefixes"]:
            assert tiles(KeyRange(), [each.range for each in ranges if each.prefix == prefix])
        assert sum(each.objects for each in ranges) == objects
        assert sum(segment["rows"] for segment in manifest["segments"]) == len(self.rows())
        assert {segment["file"] for segment in manifest["segments"]} == {path.name for path in self.folder.glob("*.*")}


@dataclass(frozen=True, slots=True)
class Lists:
    """Where listings are begun from."""

    home: Path
    environ: Mapping[str, str]

    def run(self, *arguments: str, to: str = "listing") -> Ended:
        """`s3sync list ARGUMENTS -o FOLDER`."""
        out = StringIO()
        output = to if to.startswith("s3://") else str(self.home / to)
        argv = ["list", *arguments, "-o", output, "--work-uri", str(self.home / "work")]
        code, error = EXIT_DONE, ""
        try:
            code = list_bucket(parse(argv, self.environ, self.home).config, Console(file=out, width=200))
        except S3SyncError as raised:
            code, error = raised.exit_code, str(raised)
            assert "\n" not in error, error
        return Ended(code, out.getvalue(), error, self.home / to)


@pytest.fixture
def lists(_spark_settings: None, tmp_path: Path, server_env: dict[str, str]) -> Lists:
    return Lists(tmp_path, server_env)


@pytest.fixture(scope="module")
def held(server: Server) -> list[str]:
    return sorted(each.key for each in ODD_KEYS if each.name not in server.capabilities.cannot_hold)


@pytest.fixture(scope="module")
def odd(s3: Any, held: list[str]) -> Any:
    """A versioned bucket of odd keys, each with two versions, and a key that is deleted."""
    name = f"s3sync-odd-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in held:
        s3.put_object(Bucket=name, Key=key, Body=b"old")
        s3.put_object(Bucket=name, Key=key, Body=b"newer")
    s3.put_object(Bucket=name, Key="gone", Body=b"")
    s3.delete_object(Bucket=name, Key="gone")
    yield name
    drop_bucket(s3, name)


@pytest.fixture
def many(s3: Any, bucket_factory: Callable[..., str]) -> tuple[str, list[str]]:
    """A bucket of some pages, and its keys in order."""
    name = bucket_factory()
    keys = sorted(f"{'hot' if n % 3 else f'p{n % 7}'}/{n:05d}" for n in range(3_500))
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    return name, keys


@pytest.mark.parametrize("form", FORMATS)
def test_c10_odd_keys_in_every_format(lists: Lists, odd: str, held: list[str], form: str) -> None:
    ended = lists.run(f"s3://{odd}", "--format", form)
    assert (ended.code, ended.error) == (EXIT_DONE, "")
    assert ended.keys() == held
    assert {str(row["size"]) for row in ended.rows()} == {"5"}
    assert "owner" not in ended.rows()[0]
    ended.assert_proved(len(held))
    assert f"{len(held):,} objects" in ended.said
    assert "LIST requests" in ended.said
    assert "brought nothing" in ended.said


@pytest.mark.parametrize("form", FORMATS)
def test_all_versions(lists: Lists, odd: str, held: list[str], form: str) -> None:
    ended = lists.run(f"s3://{odd}", "--all-versions", "--owners", "--format", form)
    assert ended.code == EXIT_DONE, ended.error
    rows = ended.rows()
    assert sorted(row["key"] for row in rows) == sorted([*held, *held, "gone", "gone"])
    assert len({(row["key"], row["version_id"]) for row in rows}) == len(rows)
    markers = [row["key"] for row in rows if str(row.get("is_delete_marker")).lower() == "true"]
    assert markers == ["gone"]
    assert all(row["owner"] for row in rows if row["key"] != "gone")
    ended.assert_proved(len(rows))


def test_filters_are_applied_in_the_worker_and_counted(lists: Lists, many: tuple[str, list[str]]) -> None:
    bucket, keys = many
    ended = lists.run(f"s3://{bucket}", "--prefix", "hot/", "--prefix", "p3/", "--include", "*1", "--exclude", "*11")
    assert ended.code == EXIT_DONE, ended.error
    inside = [key for key in keys if key.startswith(("hot/", "p3/"))]
    kept = [key for key in inside if key.endswith("1") and not key.endswith("11")]
    assert ended.keys() == kept
    ended.assert_proved(len(inside))
    assert ended.manifest is not None
    dropped = [count for segment in ended.manifest["segments"] for count in segment["dropped"].values()]
    assert sum(dropped) == len(inside) - len(kept)
    assert f"{len(kept):,} of them pass the filters" in ended.said


def test_owners_are_listed_where_they_are_asked_for(lists: Lists, s3: Any, many: tuple[str, list[str]]) -> None:
    bucket, keys = many
    ended = lists.run(f"s3://{bucket}", "--owners")
    assert ended.keys() == keys
    assert all(row["owner"] for row in ended.rows())
    me = s3.list_buckets()["Owner"]["ID"]
    mine = [row["key"] for row in ended.rows() if row["owner"] == me]  # on some servers nobody's objects are one's own
    assert lists.run(f"s3://{bucket}", "--owner", to="mine").keys() == mine
    assert lists.run(f"s3://{bucket}", "--no-owner", to="others").keys() == sorted(set(keys) - set(mine))


def test_the_output_may_lie_in_a_bucket(lists: Lists, s3: Any, odd: str, held: list[str], home: str) -> None:
    ended = lists.run(f"s3://{odd}", to=f"s3://{home}/lists/today")
    assert ended.code == EXIT_DONE, ended.error
    told = [entry["Key"] for entry in s3.list_objects_v2(Bucket=home, Prefix="lists/today/")["Contents"]]
    assert "lists/today/_s3sync/manifest.json" in told
    (file,) = [key for key in told if key.endswith(".parquet")]
    local = lists.home / "read.parquet"
    local.write_bytes(s3.get_object(Bucket=home, Key=file)["Body"].read())
    assert sorted(pq.read_table(local)["key"].to_pylist()) == held


def test_an_empty_bucket_is_listed_and_proved(lists: Lists, bucket_factory: Callable[..., str]) -> None:
    ended = lists.run(f"s3://{bucket_factory()}")
    assert (ended.code, ended.keys()) == (EXIT_DONE, [])
    ended.assert_proved(0)


BROKEN = {
    "denied": Fault(Action.DENIED, "ListObjectsV2", skip=2),
    "an error in a 200": Fault(Action.ERROR_IN_200, "ListObjectsV2", skip=2),
    "cut off": Fault(Action.CUT, "ListObjectsV2", skip=2),
}


@pytest.mark.parametrize("name", BROKEN)
def test_c5_a_page_that_cannot_be_had_ends_it_without_a_proof_and_it_goes_on(
    lists: Lists, faults: Faults, many: tuple[str, list[str]], name: str
) -> None:
    bucket, keys = many
    faults.add(BROKEN[name])
    arguments = (f"s3://{bucket}", "--max-attempts", "2")
    ended = lists.run(*arguments)
    assert ended.code == EXIT_OTHER
    assert f"s3://{bucket}/: cannot be listed" in ended.error
    assert ended.manifest is None
    faults.clear()
    again = lists.run(*arguments)
    assert again.code == EXIT_DONE, again.error
    assert "Going on with the listing" in again.said
    assert again.keys() == keys
    again.assert_proved(len(keys))
    drivers = {path.name.split("-")[2] for path in again.folder.glob("*.parquet")}
    assert drivers == {"0001", "0002"}  # what the first one had listed counts


def test_c5_pages_that_fail_now_and_then_cost_time_only(
    lists: Lists, faults: Faults, many: tuple[str, list[str]]
) -> None:
    bucket, keys = many
    for number, action in enumerate((Action.SLOW_DOWN, Action.INTERNAL_ERROR, Action.RESET, Action.CUT)):
        faults.add(Fault(action, "ListObjectsV2", bucket=bucket, skip=number, times=1))
    ended = lists.run(f"s3://{bucket}")
    assert ended.code == EXIT_DONE, ended.error
    assert faults.hits() == 4
    assert ended.keys() == keys
    ended.assert_proved(len(keys))


def test_of_two_listings_into_one_folder_the_later_one_counts(
    lists: Lists, many: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5: neither removes what the other's proof names."""
    bucket, keys = many
    begin = list_job.ListingStage.run

    def overtaken(stage: Any) -> Any:
        found = begin(stage)
        stage.place.open().begin_epoch()  # another driver starts
        return found

    with monkeypatch.context() as patched:
        patched.setattr(list_job.ListingStage, "run", overtaken)
        first = lists.run(f"s3://{bucket}")
    assert (first.code, "another `s3sync list` has begun" in first.error) == (EXIT_USER, True)
    assert first.manifest is None
    second = lists.run(f"s3://{bucket}")
    assert second.code == EXIT_DONE, second.error
    assert second.keys() == keys
    second.assert_proved(len(keys))


def test_a_folder_that_another_listing_works_on_is_refused(lists: Lists, many: tuple[str, list[str]]) -> None:
    """C5: the first one goes on, and nobody touches its files."""
    bucket, keys = many
    folder, arguments = lists.home / "listing", (f"s3://{bucket}", "--lock-timeout", "2s")
    locks = LocalStore(folder / "_s3sync")
    with TargetLock(locks, folder_place(str(folder)), "of another driver", 1.0, lambda _: None):
        refused = lists.run(*arguments)
    assert (refused.code, "run of another driver" in refused.error) == (EXIT_USER, True), refused.error
    assert [path.name for path in folder.glob("**/*") if path.is_file() and "locks" not in path.parts] == []
    ended = lists.run(*arguments)
    assert ended.code == EXIT_DONE, ended.error
    assert ended.keys() == keys


def test_a_listing_whose_lock_is_lost_stops(
    lists: Lists, many: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, keys = many
    begin = list_job.ListingStage.run

    def robbed(stage: Any) -> Any:
        assert take_over(lists.home / "listing" / "_s3sync")
        assert stage.stopping.wait(30)
        return begin(stage)

    with monkeypatch.context() as patched:
        patched.setattr(list_job.ListingStage, "run", robbed)
        stopped = lists.run(f"s3://{bucket}", "--lock-timeout", "1s")
    assert (stopped.code, "took over the lock" in stopped.error) == (Interrupted.exit_code, True), stopped.error
    assert stopped.manifest is None
    assert lists.run(f"s3://{bucket}").keys() == keys


def test_c5_a_file_that_is_gone_is_no_part_of_a_proof(
    lists: Lists, many: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, _ = many
    begin = list_job.ListingStage.run

    def bereft(stage: Any) -> Any:
        found = begin(stage)
        stage.place.open().drop_segment(found.segments[0].file)
        return found

    monkeypatch.setattr(list_job.ListingStage, "run", bereft)
    ended = lists.run(f"s3://{bucket}")
    assert (ended.code, "1 files of the listing are gone" in ended.error) == (EXIT_OTHER, True), ended.error
    assert ended.manifest is None


def test_a_folder_holds_one_listing(lists: Lists, odd: str) -> None:
    assert lists.run(f"s3://{odd}").code == EXIT_DONE
    finished = lists.run(f"s3://{odd}")
    assert (finished.code, "holds a finished listing already" in finished.error) == (EXIT_USER, True)
    other = lists.run(f"s3://{odd}", "--all-versions")
    assert (other.code, "holds a listing with other options" in other.error) == (EXIT_USER, True)


@pytest.mark.parametrize(
    ("place", "says"),
    [("s3://logs--use1-az4--x-s3", "directory bucket"), ("s3://s3sync-there-is-no-such-bucket", "there is no bucket")],
)
def test_what_cannot_be_listed_is_refused_in_plain_words(lists: Lists, place: str, says: str) -> None:
    ended = lists.run(place)
    assert (ended.code, says in ended.error, ended.folder.exists()) == (EXIT_USER, True, False)


def test_a_hint_may_be_wrong_and_costs_only_time(
    lists: Lists, workplace: Workplace, s3: Any, home: str, odd: str, many: tuple[str, list[str]]
) -> None:
    """A previous listing, one of another bucket, a run that listed, an old inventory, and what the last listing left by
    itself."""
    bucket, keys = many
    planned = workplace.plan("-s", bucket, "-t", home)
    assert planned.folder is not None, planned.error
    first = lists.run(f"s3://{bucket}")
    assert lists.run(f"s3://{odd}", to="odd").code == EXIT_DONE
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [InventoryObject(key.replace("hot", "hit"), 1, "0" * 32, long_ago) for key in keys]
    inventory = put_inventory(s3, rows, bucket, home)
    hints = [None, first.folder, lists.home / "odd", planned.folder, planned.folder / "listing-source", inventory]
    for number, hint in enumerate(hints):
        ended = lists.run(f"s3://{bucket}", *(("--hint", str(hint)) if hint else ()), to=f"hinted-{number}")
        assert ended.code == EXIT_DONE, ended.error
        assert ended.keys() == keys
        ended.assert_proved(len(keys))
    nothing = lists.run(f"s3://{bucket}", "--hint", str(lists.home / "none"), to="hinted-none")
    assert (nothing.code, "holds no finished listing" in nothing.error) == (EXIT_USER, True)
