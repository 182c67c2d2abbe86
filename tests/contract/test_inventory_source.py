"""Finding and fetching S3 Inventory reports on a live server."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from s3sync.config import model
from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.errors import ConfigError, InventoryError, ServiceError, StoreError
from s3sync.inventory import locate as inventory_source
from s3sync.inventory.data_file import read_data_file
from s3sync.inventory.locate import fetch_data_file, find_manifest
from s3sync.inventory.manifest import DataFile, FileFormat, Manifest
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.sources import find_manifests
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults

KEYS = ["a", "a b+c%", *(odd.key for odd in ODD_KEYS)]
Fetch = Callable[..., Path]


@pytest.fixture
def reports(bucket_factory: Callable[..., str]) -> str:
    return bucket_factory()


def put(s3: Any, bodies: dict[str, bytes], bucket: str) -> str:
    """Put a report; the URI of its folder."""
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    return f"s3://{bucket}/{next(reversed(bodies)).rpartition('/')[0]}"


def report(bucket: str, day: int = 1, file_format: FileFormat = FileFormat.CSV, **changed: Any) -> dict[str, bytes]:
    when = datetime(2025, 6, day, 1, tzinfo=UTC)
    options = {"prefix": "inv", "config_id": "daily", "created_at": when, "source_bucket": "source"}
    objects = [InventoryObject(key, 3, "e" * 32, when) for key in KEYS]
    return write_inventory(objects, file_format=file_format, destination_bucket=bucket, **options | changed)


def without(bodies: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {key: body for key, body in bodies.items() if not key.endswith(name)}


@pytest.fixture
def fetch(s3: Any, tmp_path: Path) -> Fetch:
    def call(manifest: Manifest, file: DataFile | None = None, verify_md5: bool = True) -> Path:
        return fetch_data_file(s3, manifest, file or manifest.files[0], tmp_path, verify_md5, pause=lambda _: None)

    return call


def fault_of(call: Callable[[], object], kind: type[Exception] = InventoryError) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("file_format", FileFormat)
def test_from_the_bucket_to_the_rows(s3: Any, reports: str, fetch: Fetch, file_format: FileFormat) -> None:
    """C10: keys come through unchanged, in each format."""
    manifest = find_manifest(s3, put(s3, report(reports, file_format=file_format), reports))
    rows = []
    for file in manifest.files:
        path = fetch(manifest, file)
        assert path.stat().st_size == file.size_bytes
        rows += [key for batch in read_data_file(path, manifest, file) for key in batch.column("key").to_pylist()]
    assert rows == KEYS


@pytest.mark.parametrize(
    "named",
    [
        "inv/source/daily/2025-06-02T01-00Z/manifest.json",
        "inv/source/daily/2025-06-02T01-00Z/",
        "inv/source/daily/2025-06-02T01-00Z",
        "inv/source/daily/",
        "inv/source/daily",
        "inv/source/",
        "inv",
    ],
)
def test_each_way_to_name_a_report(s3: Any, reports: str, named: str) -> None:
    """Row by row the table of find_manifest; the folders beside the dated ones are passed over."""
    put(s3, report(reports, day=1), reports)
    put(s3, report(reports, day=2), reports)
    for beside in ("hive/dt=2025-06-03-01-00/symlink.txt", "data/2025-06-09T01-00Z/manifest.json", "2025-06-04/x"):
        s3.put_object(Bucket=reports, Key=f"inv/source/daily/{beside}", Body=b"")
    manifest = find_manifest(s3, f"s3://{reports}/{named}")
    assert manifest.uri == f"s3://{reports}/inv/source/daily/2025-06-02T01-00Z/manifest.json"
    assert manifest.source_bucket == "source"


@pytest.mark.parametrize("named", ["", "/"])
def test_a_bucket_of_its_own(s3: Any, reports: str, named: str) -> None:
    put(s3, report(reports, prefix=""), reports)
    assert find_manifest(s3, f"s3://{reports}{named}").uri.startswith(f"s3://{reports}/source/daily/2025-06-01T01")


@pytest.mark.parametrize("missing", ["manifest.checksum", "manifest.json"])
def test_the_newest_complete_one(s3: Any, reports: str, missing: str) -> None:
    put(s3, report(reports, day=3), reports)
    put(s3, without(report(reports, day=4), missing), reports)
    put(s3, without(report(reports, day=5), missing), reports)
    assert "/2025-06-03T01-00Z/" in find_manifest(s3, f"s3://{reports}/inv/source/daily/").uri


def test_none_is_complete(s3: Any, reports: str) -> None:
    for day in (1, 2):
        put(s3, without(report(reports, day=day), "manifest.checksum"), reports)
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/inv/source/daily/"))
    assert message == (
        f"s3://{reports}/inv/source/daily/: "
        "none of the 2 newest reports has both manifest.json and manifest.checksum"
    )  # fmt: skip


def test_several_folders_of_reports(s3: Any, reports: str) -> None:
    put(s3, report(reports, config_id="daily"), reports)
    put(s3, report(reports, config_id="weekly"), reports)
    put(s3, report(reports, source_bucket="second"), reports)
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/inv"))
    assert message.startswith(f"s3://{reports}/inv/: has several folders of reports below it; name one: ")
    for folder in ("second/daily/", "source/daily/", "source/weekly/"):
        assert f"s3://{reports}/inv/{folder}" in message
    assert find_manifest(s3, f"s3://{reports}/inv/second").source_bucket == "second"


@pytest.mark.parametrize("named", ["nothing/", "inv/source/daily/data", "inv/source/daily/2025-06-09T01-00Z"])
def test_nothing_there(s3: Any, reports: str, named: str) -> None:
    put(s3, report(reports), reports)
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/{named}"))
    assert (
        message == f"s3://{reports}/{named.rstrip('/')}/: has no manifest.json and no dated reports at it or below it"
    )


def test_only_folders_of_reports_are_walked(s3: Any, reports: str) -> None:
    """What S3 puts beside the dated folders, before the first of them is there."""
    s3.put_object(Bucket=reports, Key="inv/source/daily/data/0b0c.parquet", Body=b"")
    s3.put_object(Bucket=reports, Key="inv/source/daily/hive/dt=2025-06-09-01-00/symlink.txt", Body=b"")
    for named in ("inv/source/daily", "inv/source", "inv"):
        assert "no dated reports" in fault_of(lambda uri=f"s3://{reports}/{named}": find_manifest(s3, uri))


@pytest.mark.parametrize("name", ["data", "hive"])
def test_a_bucket_or_a_configuration_may_be_called_data_or_hive(s3: Any, reports: str, name: str) -> None:
    put(s3, report(reports, config_id=name), reports)
    for named in ("inv", "inv/source", f"inv/source/{name}"):
        found = find_manifest(s3, f"s3://{reports}/{named}")
        assert found.uri == f"s3://{reports}/inv/source/{name}/2025-06-01T01-00Z/manifest.json"
    put(s3, report(reports, source_bucket=name), reports)
    assert find_manifest(s3, f"s3://{reports}/inv/{name}").source_bucket == name


@pytest.mark.parametrize("name", ["data", "hive"])
def test_another_report_is_not_taken_for_that_of_such_a_name(s3: Any, reports: str, name: str) -> None:
    put(s3, report(reports, config_id=name), reports)
    put(s3, report(reports, config_id="weekly"), reports)
    assert "name one" in fault_of(lambda: find_manifest(s3, f"s3://{reports}/inv"))


def test_reports_too_far_below(s3: Any, reports: str) -> None:
    put(s3, report(reports, prefix="one/two"), reports)
    assert "no dated reports" in fault_of(lambda: find_manifest(s3, f"s3://{reports}"))
    assert find_manifest(s3, f"s3://{reports}/one/two").source_bucket == "source"


def test_no_manifest(s3: Any, reports: str) -> None:
    uri = f"s3://{reports}/x/manifest.json"
    assert fault_of(lambda: find_manifest(s3, uri)) == f"{uri}: is not there"


@pytest.mark.parametrize("named", ["/x/manifest.json", "/x/", ""])
def test_no_bucket(s3: Any, named: str) -> None:
    message = fault_of(lambda: find_manifest(s3, f"s3://s3sync-test-there-is-none{named}"))
    assert message.endswith(": the bucket does not exist")


@pytest.mark.parametrize("uri", ["reports/x", "s3:/reports/x", "http://reports/x", "s3://", "s3:///x", ""])
def test_no_uri(s3: Any, uri: str) -> None:
    assert fault_of(lambda: find_manifest(s3, uri)) == f"{uri}: is not of the form s3://BUCKET/KEY"


def test_a_name_that_no_bucket_has(s3: Any) -> None:
    assert "Invalid bucket name" in fault_of(lambda: find_manifest(s3, "s3://no bucket/x/"))


def test_reading_denied(s3: Any, server: Server, reports: str, fetch: Fetch) -> None:
    require(server, "bucket_policies")
    folder = put(s3, report(reports), reports)
    manifest = find_manifest(s3, folder)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{reports}/*"}
    s3.put_bucket_policy(Bucket=reports, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    denied = "access is denied (AccessDenied): the inventory's credentials need s3:GetObject"
    assert fault_of(lambda: find_manifest(s3, folder)) == f"{folder}/manifest.json: {denied}"
    assert fault_of(lambda: fetch(manifest)) == f"{manifest.file_uri(manifest.files[0])}: {denied}"


def test_listing_denied(s3: Any, reports: str, faults: Faults) -> None:
    faults.add(Fault(Action.DENIED, "ListObjectsV2", bucket=reports))
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/inv/"))
    assert message == (
        f"s3://{reports}/inv/: access is denied (AccessDenied): the inventory's credentials need s3:ListBucket"
    )


def test_wrong_credentials(server: Server, reports: str) -> None:
    """C12: the message shows neither key nor secret."""
    require(server, "signatures_checked")
    stranger = boto3.client(
        "s3", endpoint_url=server.s3_endpoint, aws_access_key_id="AKIASTRANGER", aws_secret_access_key="hidden-words",
        region_name=server.region, config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    message = fault_of(lambda: find_manifest(stranger, f"s3://{reports}/x/"))
    assert "access is denied (InvalidAccessKeyId)" in message
    assert "hidden-words" not in message


@pytest.mark.parametrize("named", ["", "/manifest.json"])
def test_checksum_missing(s3: Any, reports: str, named: str) -> None:
    folder = put(s3, without(report(reports), "manifest.checksum"), reports)
    uri = f"{folder.rpartition('/')[0]}/2025-06-01T01-00Z"
    message = fault_of(lambda: find_manifest(s3, uri + named))
    assert message == f"{uri}/manifest.json: has no manifest.checksum beside it: the report is not complete"


def test_checksum_wrong(s3: Any, reports: str) -> None:
    folder = put(s3, report(reports), reports)
    s3.put_object(Bucket=reports, Key="inv/source/daily/2025-06-01T01-00Z/manifest.checksum", Body=b"0" * 32)
    message = fault_of(lambda: find_manifest(s3, folder))
    assert message.startswith(f"{folder}/manifest.json: has the MD5 ")
    assert message.endswith("but manifest.checksum says " + "0" * 32)
    assert find_manifest(s3, folder, verify=False).source_bucket == "source"


def test_too_many_folders(s3: Any, reports: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """C9: the walk is bounded."""
    monkeypatch.setattr(inventory_source, "FOLDERS_MAX", 3)
    for index in range(4):
        s3.put_object(Bucket=reports, Key=f"many/{index}/x", Body=b"")
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/many"))
    assert message == f"s3://{reports}/many/: has over 3 folders below it: name the report's own"


def test_file_missing(s3: Any, reports: str, fetch: Fetch, tmp_path: Path) -> None:
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    s3.delete_object(Bucket=reports, Key=manifest.files[0].key)
    assert fault_of(lambda: fetch(manifest)) == f"{manifest.file_uri(manifest.files[0])}: is not there"
    assert list(tmp_path.iterdir()) == []


def test_file_of_another_size(s3: Any, reports: str, fetch: Fetch, tmp_path: Path) -> None:
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    file = manifest.files[0]
    s3.put_object(Bucket=reports, Key=file.key, Body=b"x" * 7)
    for verify_md5 in (True, False):
        message = fault_of(lambda verify=verify_md5: fetch(manifest, verify_md5=verify))
        assert message == f"{manifest.file_uri(file)}: has 7 bytes, but its manifest says {file.size_bytes}"
    assert list(tmp_path.iterdir()) == []


def test_file_of_another_content(s3: Any, reports: str, fetch: Fetch, tmp_path: Path) -> None:
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    file = manifest.files[0]
    s3.put_object(Bucket=reports, Key=file.key, Body=b"\0" * file.size_bytes)
    message = fault_of(lambda: fetch(manifest))
    assert message.startswith(f"{manifest.file_uri(file)}: has the MD5 ")
    assert message.endswith(f", but its manifest says {file.md5}")
    assert list(tmp_path.iterdir()) == []
    assert fetch(manifest, verify_md5=False).read_bytes() == b"\0" * file.size_bytes


def test_a_large_file_comes_in_pieces(s3: Any, reports: str, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory_source, "PIECE_BYTES", 100)
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    first, second = (fetch(manifest) for _ in range(2))
    assert first != second
    assert first.read_bytes() == second.read_bytes()


def test_a_folder_that_is_not_there(s3: Any, reports: str, tmp_path: Path) -> None:
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    gone = tmp_path / "gone"
    message = fault_of(lambda: fetch_data_file(s3, manifest, manifest.files[0], gone, True), StoreError)
    assert message == f"{gone}: cannot be written: No such file or directory"


@pytest.mark.parametrize("keep_bytes", [0, 40, None])
def test_a_cut_body_is_fetched_again(
    s3: Any, reports: str, fetch: Fetch, faults: Faults, keep_bytes: int | None
) -> None:
    """C9: three cuts are got over, all from this one layer."""
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    file = manifest.files[0]
    faults.add(Fault(Action.CUT, "GetObject", key_contains="/data/", times=3, keep_bytes=keep_bytes))
    assert fetch(manifest).stat().st_size == file.size_bytes
    assert (faults.hits(), faults.requests("GetObject", bucket=reports, key=file.key)) == (3, 4)


def test_a_body_that_is_always_cut(s3: Any, reports: str, faults: Faults, tmp_path: Path) -> None:
    """C9: four attempts with growing pauses, then an error, and nothing stays behind."""
    manifest = find_manifest(s3, put(s3, report(reports), reports))
    file = manifest.files[0]
    faults.add(Fault(Action.CUT, "GetObject", key_contains="/data/", keep_bytes=40))
    pauses: list[float] = []
    message = fault_of(lambda: fetch_data_file(s3, manifest, file, tmp_path, True, pauses.append))
    assert message.startswith(f"{manifest.file_uri(file)}: was cut short 4 times: ")
    assert f" of {file.size_bytes} bytes came" in message
    assert pauses == [0.5, 1.0, 2.0]
    assert faults.hits() == 4
    assert list(tmp_path.iterdir()) == []


def test_a_cut_manifest_is_fetched_again(s3: Any, reports: str, faults: Faults) -> None:
    folder = put(s3, report(reports), reports)
    faults.add(Fault(Action.CUT, "GetObject", key_contains="manifest.json", times=2))
    assert find_manifest(s3, folder, pause=lambda _: None).source_bucket == "source"
    assert faults.hits() == 2


def test_a_failed_listing_is_not_an_empty_one(s3: Any, reports: str, faults: Faults) -> None:
    """C5, and C9: the client's own attempts are all there are."""
    put(s3, report(reports), reports)
    faults.add(Fault(Action.INTERNAL_ERROR, "ListObjectsV2", bucket=reports))
    message = fault_of(lambda: find_manifest(s3, f"s3://{reports}/inv"), ServiceError)
    assert message == f"s3://{reports}/inv/: can't be read: S3 answers InternalError"


def test_no_answer(reports: str) -> None:
    nobody = boto3.client(
        "s3", endpoint_url="http://127.0.0.1:1", aws_access_key_id="a", aws_secret_access_key="hidden-words",
        region_name="us-east-1", config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )  # fmt: skip
    message = fault_of(lambda: find_manifest(nobody, f"s3://{reports}/x/"), ServiceError)
    assert message.startswith(f"s3://{reports}/x/: S3 can't be asked: Could not connect")
    assert "hidden-words" not in message


@pytest.mark.parametrize("side", [SIDE_SOURCE, SIDE_TARGET])
def test_credentials_are_asked_for_only_where_a_report_is_named(side: int, reports: str) -> None:
    """A check of two listings needs none for inventories."""
    nobody = model.Access(profile_name="nobody-has-this-profile")
    config = model.Config(access=model.AccessConfig(inventory=nobody, target=nobody))
    assert find_manifests(config, side) == ()
    named = (f"s3://{reports}/inv",)
    with pytest.raises(ConfigError, match="there is no such profile"):
        find_manifests(replace(config, inventory=model.InventoryConfig(manifests=named, target_manifests=named)), side)
