"""A table of bad inputs through the whole command: each ends with its exit code and one line, and does nothing.

Here is what is found before Spark starts; what is wrong within a data file is found by the workers, and stands in
tests/spark/test_workers_errors.py. `tests/unit/test_bad_options.py` has many more options, variables and files.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from s3sync.cli.main import main
from s3sync.copying import job as migrate
from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.errors import EXIT_USER
from s3sync.inventory.manifest import FileFormat
from tests.conftest import drop_bucket
from tests.locks import lock_of
from tests.servers import Server
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault, Faults

SECRET = "hunter2SECRET"
RIGHT = "-s {source} -t {target}"
NEWEST, OLDEST = datetime(2025, 6, 2, 1, tzinfo=UTC), datetime(2025, 6, 1, 1, tzinfo=UTC)

Report = dict[str, bytes]


@dataclass(frozen=True)
class Bad:
    """`args` stand behind `migrate`; `report` makes what lies in the inventory's bucket from a good report. In texts
    {source}, {target} and {home} are buckets, {tmp} is a folder, {manifest} the report's manifest."""

    args: str
    says: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    yml: str | None = None
    dotenv: str | None = None
    report: Callable[[Report], Report] = dict


def opt(more: str, *says: str, **rest: Any) -> Bad:
    return Bad(f"{RIGHT} {more}", says, **rest)


def inv(report: Callable[[Report], Report], *says: str, args: str = "-m s3://{home}/inv/ -t {target}") -> Bad:
    return Bad(args, says, report=report)


def path_of(report: Report, name: str = "manifest.json") -> str:
    return next(key for key in report if key.endswith(name))


def with_manifest(report: Report, body: bytes) -> Report:
    checksum = f"{md5(body).hexdigest()}\n".encode()
    return {**report, path_of(report): body, path_of(report, "manifest.checksum"): checksum}


def manifest(**changed: Any) -> Callable[[Report], Report]:
    """The report with other values in its manifest; None leaves one out."""

    def change(report: Report) -> Report:
        value = {**json.loads(report[path_of(report)]), **changed}
        return with_manifest(report, json.dumps({k: v for k, v in value.items() if v is not None}).encode())

    return change


def manifest_is(body: bytes) -> Callable[[Report], Report]:
    return lambda report: with_manifest(report, body)


def without(name: str) -> Callable[[Report], Report]:
    return lambda report: {key: body for key, body in report.items() if not key.endswith(name)}


def first_file(**changed: Any) -> Callable[[Report], Report]:
    def change(report: Report) -> Report:
        value = json.loads(report[path_of(report)])
        value["files"][0] |= changed
        return with_manifest(report, json.dumps(value).encode())

    return change


def twice(report: Report) -> Report:
    value = json.loads(report[path_of(report)])
    value["files"].append(value["files"][0])
    return with_manifest(report, json.dumps(value).encode())


def keyless(side: str) -> dict[str, str]:
    return {f"{side}_AWS_ACCESS_KEY_ID": "", f"{side}_AWS_SECRET_ACCESS_KEY": ""}


def two_folders(report: Report) -> Report:
    return {**report, **{key.replace("/all/", "/other/"): body for key, body in report.items()}}


BAD = {
    # options
    "nothing to copy": Bad("-t {target}", ("-s/--source-bucket: is missing", "-m MANIFEST")),
    "nowhere to copy to": Bad("-s {source}", ("-t/--target-bucket: is missing",)),
    "an unknown option": opt("--targte-prefix x/", "--targte-prefix: is no option", "did you mean --target-prefix?"),
    "a secret as an option": opt(f"--source-aws-secret-access-key {SECRET}", "others can see command lines"),
    "a size without a unit": opt("--part-size 64M", "--part-size: '64M' is not a size"),
    "a date without a zone": opt("--modified-since 2025-01-01T00:00:00", "--modified-since:", "Z or +08:00"),
    "no limit at all": opt("--limit 0", "--limit: '0' is not a whole number from 1"),
    "always and verify": opt("-v --overwrite always", "-v/--verify: skips what the target has"),
    "a key without KMS": opt("--kms-key-id alias/x", "--kms-key-id: needs target.encryption"),
    "owners of an inventory": Bad("-m s3://{home}/inv/ -t {target} --owner", ("--owner: needs a listing",)),
    "a bucket onto itself": Bad("-s {source} -t {source}", ("-t/--target-bucket:", "copied onto itself")),
    "a mode that there is not": opt("--mode move", "--mode: 'move' is not one of copy, downup or check"),
    # variables and files
    "half a key": opt("", "$TARGET_AWS_ACCESS_KEY_ID: is given without", env={"TARGET_AWS_SECRET_ACCESS_KEY": ""}),
    "an unknown variable": opt("", "$S3SYNC_PLAN_LIMITS: is no", "S3SYNC_PLAN_LIMIT", env={"S3SYNC_PLAN_LIMITS": "3"}),
    "a bad variable": opt("", "$QUEUE_NUM: 'many' is not a whole number", env={"QUEUE_NUM": "many"}),
    "a bad endpoint": opt("", "$SOURCE_ENDPOINT_URL:", "http://", env={"SOURCE_ENDPOINT_URL": "localhost:9000"}),
    "a .env with a typo": opt("", ".env:1: TARGET_REGOIN_NAME:", dotenv="TARGET_REGOIN_NAME=x"),
    "a .env without a value": opt("", ".env:2: QUEUE_NUM: has no value; write NAME=value", dotenv="#\nQUEUE_NUM"),
    "an unknown key in YAML": opt("", "config.yml:1: copy.parts:", "part_size", yml="copy: {parts: 3}"),
    "a bad value in YAML": opt("", "config.yml:2: plan.limit: 'few'", yml="plan:\n  limit: few\n"),
    "no YAML": opt("", "config.yml:2: is not YAML", yml="copy: [\n"),
    "a YAML file that is not there": opt("-c {tmp}/none.yml", "{tmp}/none.yml: cannot be read (No such file"),
    # credentials and endpoints
    "no such profile": opt("--source-profile-name nobody", "profile 'nobody': there is no such", env=keyless("SOURCE")),
    "no credentials": opt("", "credentials: there are no AWS credentials", env=keyless("TARGET")),
    "nobody listens there": opt("--target-endpoint-url http://127.0.0.1:9", "--target-bucket:", "cannot be reached"),
    "a host that is none": opt("--source-endpoint-url http://nowhere.invalid", "--source-bucket:", "cannot be reached"),
    # buckets
    "no such source": Bad("-s {none} -t {target}", ("--source-bucket: there is no bucket '{none}'",)),
    "no such target": Bad("-s {source} -t {none}", ("--target-bucket: there is no bucket '{none}'",)),
    "a directory bucket": Bad("-s a--use1-az4--x-s3 -t {target}", ("--source-bucket:", "directory bucket")),
    "an inventory of a bucket that is gone": inv(
        manifest(sourceBucket="s3sync-gone-for-good"), "--source-bucket: there is no bucket 's3sync-gone-for-good'"
    ),
    # mappings
    "a target within the source": Bad("-s {source} -t {source} --target-prefix backup/", ("overlap",)),
    "a prefix that does not fit": opt("--prefix b/ --strip-prefix a/", "--strip-prefix: 'a/'", "'b/'"),
    "a target prefix too long": opt(f"--target-prefix {'p' * 1025}", "--target-prefix:", "longer than a key may be"),
    # where the inventory lies
    "no such inventory bucket": Bad("-m s3://{none}/inv/ -t {target}", ("{none}/inv/: the bucket does not exist",)),
    "nothing lies there": Bad("-m s3://{home}/nothing/ -t {target}", ("s3://{home}/nothing/: has no manifest.json",)),
    "no such manifest": Bad("-m s3://{home}/x/manifest.json -t {target}", ("x/manifest.json: is not there",)),
    "no report is complete": inv(without("manifest.checksum"), "has both manifest.json and manifest.checksum"),
    "not complete, though named": inv(
        without("manifest.checksum"), "{manifest}: has no manifest.checksum", args="-m {manifest} -t {target}"
    ),
    "several reports": inv(two_folders, "has several folders of reports below it; name one"),
    "of another bucket than -s": inv(
        dict, "is an inventory of '{source}', but the source is '{target}'", args="-s {target} -m {manifest} -t {none}"
    ),
    # manifests
    "a changed manifest": inv(lambda r: {**r, path_of(r): r[path_of(r)] + b" "}, "{manifest}: has the MD5"),
    "a checksum that is none": inv(
        lambda r: {**r, path_of(r, "manifest.checksum"): b"x"}, "manifest.checksum holds no MD5"
    ),
    "no JSON": inv(manifest_is(b"{"), "{manifest}: is not JSON"),
    "no object": inv(manifest_is(b"[]"), "{manifest}: is not a manifest"),
    "no source bucket": inv(manifest(sourceBucket=None), "`sourceBucket` is missing"),
    "a bucket instead of an ARN": inv(
        manifest(destinationBucket="home"), "`destinationBucket` should be a bucket's ARN"
    ),
    "an unknown format": inv(manifest(fileFormat="Avro"), "`fileFormat` is 'Avro'; only CSV, ORC and Parquet"),
    "no Key column": inv(manifest(fileSchema="Bucket, Size"), "`fileSchema` has no Key column"),
    "a column twice": inv(manifest(fileSchema="Bucket, Key, Key"), "`fileSchema` names a column twice"),
    "versions without the latest": inv(manifest(fileSchema="Bucket, Key, VersionId"), "has VersionId but not IsLatest"),
    "a schema of another format": inv(manifest(fileFormat="ORC"), "`fileSchema` can't be read as ORC's"),
    "a time that is none": inv(manifest(creationTimestamp="yesterday"), "`creationTimestamp` should be milliseconds"),
    "files that are no list": inv(manifest(files={}), "`files` should be a list"),
    "a file without a key": inv(first_file(key=""), "`files[0]` has no `key`"),
    "a negative size": inv(first_file(size=-1), "`files[0]`: `size` should be a number of bytes, but is -1"),
    "an MD5 that is none": inv(first_file(MD5checksum="0"), "`files[0]`: `MD5checksum` should be an MD5"),
    "a file twice": inv(twice, "names the data file", "twice"),
    # work locations
    "a folder below a file": opt("--work-uri {tmp}/file/work", "--work-uri: cannot be used:", "Not a directory"),
    "no such work bucket": opt("--work-uri s3://{none}/work", "--work-uri: cannot be used:", "NoSuchBucket"),
    "a scheme that is none": opt("--work-uri hdfs://name/work", "--work-uri: 'hdfs://name/work' is neither"),
    "a run id that is a path": opt("--run-id ../other", "--run-id: '../other' is not a run's id"),
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Buckets and a folder to be wrong about; `words` are what stands in braces in the table."""

    words: dict[str, str]
    report: Report
    folder: Path

    def fill(self, text: str) -> str:
        for name, value in self.words.items():
            text = text.replace(f"{{{name}}}", value)
        return text


@pytest.fixture(scope="module")
def buckets(s3: Any) -> Iterator[dict[str, str]]:
    """A source with an object, an empty target, and the name of a bucket that is not there."""
    stem = md5(os.urandom(8)).hexdigest()[:12]
    names = {name: f"s3sync-bad-{name}-{stem}" for name in ("source", "target", "none")}
    for name in ("source", "target"):
        s3.create_bucket(Bucket=names[name])
    s3.put_object(Bucket=names["source"], Key="k", Body=b"abc")
    yield names
    for name in ("source", "target"):
        drop_bucket(s3, names[name])


@pytest.fixture
def ground(
    s3: Any,
    buckets: dict[str, str],
    bucket_factory: Callable[..., str],
    server_env: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Ground:
    home = bucket_factory()
    report = write_inventory(
        [InventoryObject("k", 3, md5(b"abc").hexdigest(), OLDEST)],
        file_format=FileFormat.CSV,
        source_bucket=buckets["source"],
        destination_bucket=home,
        prefix="inv",
        config_id="all",
        created_at=NEWEST,
    )
    (tmp_path / "file").touch()
    for name in list(os.environ):
        if name.startswith(("AWS_", "S3SYNC_", "SOURCE_", "TARGET_", "COPY_", "INVENTORY_", "QUEUE_", "WORK_")):
            monkeypatch.delenv(name)
    for name, value in {**server_env, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(migrate, "open_session", _no_spark)
    words = {**buckets, "home": home, "tmp": str(tmp_path), "manifest": f"s3://{home}/{path_of(report)}"}
    return Ground(words, report, tmp_path)


class SparkStartedError(Exception):
    pass


def _no_spark(*_: object) -> None:
    raise SparkStartedError


def run(bad: Bad, ground: Ground, s3: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    for key, body in bad.report(ground.report).items():
        s3.put_object(Bucket=ground.words["home"], Key=key, Body=body)
    for name, value in bad.env.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name)
    for name, text in (("conf/config.yml", bad.yml), (".env", bad.dotenv)):
        if text is not None:
            (ground.folder / name).parent.mkdir(exist_ok=True)
            (ground.folder / name).write_text(text)
    return main(["migrate", *shlex.split(ground.fill(bad.args))])


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_input_is_one_line_and_nothing_is_done(
    bad: Bad,
    ground: Ground,
    s3: Any,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(bad, ground, s3, monkeypatch) == EXIT_USER
    (line,) = said(capsys)
    assert line.startswith("s3sync: ")
    for text in bad.says:
        assert ground.fill(text) in line
    assert SECRET not in line  # C12
    assert server.secret_key not in line
    assert_nothing_was_done(ground, s3)


def assert_nothing_was_done(ground: Ground, s3: Any) -> None:
    assert s3.list_objects_v2(Bucket=ground.words["target"])["KeyCount"] == 0
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=ground.words["source"])["Contents"]] == ["k"]
    assert not (ground.folder / "s3sync-work" / "runs").exists()


def test_keys_that_s3_does_not_know(
    ground: Ground,
    s3: Any,
    server: Server,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The answer to a HEAD has no body: a bare 403, as for a bucket that may not be looked at."""
    require(server, "faults")
    faults.add(Fault(Action.UNKNOWN_KEY, bucket=ground.words["source"]))
    assert run(opt(""), ground, s3, monkeypatch) == EXIT_USER
    (line,) = said(capsys)
    assert ground.fill("--source-bucket: bucket '{source}': the credentials are refused: InvalidAccessKeyId") in line
    faults.clear()
    faults.add(Fault(Action.DENIED, bucket=ground.words["source"]))
    with pytest.raises(SparkStartedError):
        run(opt(""), ground, s3, monkeypatch)


def test_the_table_is_long() -> None:
    assert len(BAD) >= 40


def test_another_run_holds_the_lock(
    ground: Ground, s3: Any, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = ground.folder / "s3sync-work"
    with lock_of(work, server.s3_endpoint, ground.words["target"], "other"):
        assert run(opt("--lock-timeout 1s"), ground, s3, monkeypatch) == EXIT_USER
    watching, line = said(capsys)
    assert "watching for 1 s whether it is alive" in watching
    assert "is alive and works on this target; wait for it, or stop it" in line
    assert s3.list_objects_v2(Bucket=ground.words["target"])["KeyCount"] == 0


def test_a_run_id_of_other_options(
    ground: Ground, s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_json = ground.folder / "s3sync-work" / "runs" / "one" / "run.json"
    run_json.parent.mkdir(parents=True)
    run_json.write_text(json.dumps({"fingerprint": "0" * 16, "options": {"plan.limit": 3}}))
    assert run(opt("--run-id one"), ground, s3, monkeypatch) == EXIT_USER
    (line,) = said(capsys)
    assert line.startswith("s3sync: --run-id: run one was begun with other options (")
    assert "plan.limit" in line


@pytest.mark.parametrize(
    ("name", "body"),
    [("run.json", b"{"), ("summary.json", b"nothing"), ("run.json", b"")],
    ids=["half a run.json", "no summary", "an empty run.json"],
)
def test_a_work_location_that_was_tampered_with(
    ground: Ground, s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, body: bytes
) -> None:
    words = opt("--run-id one")
    with pytest.raises(SparkStartedError):
        run(words, ground, s3, monkeypatch)
    capsys.readouterr()
    (ground.folder / "s3sync-work" / "runs" / "one" / name).write_bytes(body)
    assert run(words, ground, s3, monkeypatch) == EXIT_USER
    (line,) = said(capsys)
    assert line.startswith("s3sync: --work-uri: cannot be used: ")
    assert f"runs/one/{name}: is not JSON" in line


@pytest.mark.parametrize("bad", [opt(""), inv(dict)], ids=["listing", "inventory"])
def test_without_a_mistake_spark_is_started(bad: Bad, ground: Ground, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the rows end for their mistakes, not for the ground they stand on."""
    with pytest.raises(SparkStartedError):
        run(bad, ground, s3, monkeypatch)
