"""C16 through whole runs: what the target has is kept, whatever of conditions its server heeds."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from s3sync.demo.preconditions import FORMS, Departures
from s3sync.demo.server import EmbeddedServer, SeedObject, seed
from s3sync.demo.wire import App, Environ, StartResponse, call_of
from s3sync.model.limits import PART_MIN_BYTES
from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]
KEYS = [f"k{number}" for number in range(10)]
TARGETS = frozenset(form for form in FORMS if "x-amz-copy-source" not in form)
HEEDLESS = {"target conditions ignored": TARGETS, "all ignored": FORMS}
GIANTS = ("--multipart-threshold", "5MiB", "--part-size", "5MiB", "--giant-threshold", "5MiB")
MODES = {"copied by S3": (), "relayed": ("--mode", "downup")}


@contextmanager
def departing(server: Server, **departures: Any) -> Iterator[str]:
    require(server, "faults")
    with EmbeddedServer(departures=Departures(**departures)) as other:
        yield other.endpoint_url


def put_all(s3: Any, bucket: str, body: bytes) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=body + key.encode())


def put_before(bucket: str, key: str) -> None:
    """An object that is older than any plan of these tests."""
    seed(bucket, [SeedObject(key, b"older", last_modified=datetime(2026, 1, 1, tzinfo=UTC))])


@pytest.mark.parametrize("ignored", HEEDLESS.values(), ids=HEEDLESS)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("giant", [False, True], ids=["", "a giant first"])
def test_never_keeps_all_that_is_there(
    workplace: Workplace,
    s3: Any,
    server: Server,
    pair: tuple[str, str],
    objects: Objects,
    ignored: frozenset[str],
    mode: tuple[str, ...],
    giant: bool,
) -> None:
    source, target = pair
    put_all(s3, source, b"source ")
    put_all(s3, target, b"target ")
    if giant:
        s3.put_object(Bucket=source, Key="a-giant", Body=b"g" * (PART_MIN_BYTES + 1))
    before = objects(target)
    with departing(server, ignored=ignored) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target, "--overwrite", "never", *GIANTS, *mode)
    assert ended.statuses == {"skipped": 10, **({"copied": 1} if giant else {})}
    assert {key: body for key, body in objects(target).items() if key in KEYS} == before
    assert "does not heed" in ended.said
    if ignored is FORMS and not mode and giant:
        assert ended.summary["pinned"] == {"unpinned": 1}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_a_run_into_a_bucket_that_demands_conditions(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, mode: tuple[str, ...]
) -> None:
    require(server, "faults")
    source, target = pair
    put_all(s3, source, b"source ")
    s3.put_object(Bucket=source, Key="large", Body=b"g" * (PART_MIN_BYTES + 1))
    put_before(target, "k1")
    with departing(server, are_demanded=True) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target, *GIANTS[:4], *mode)
    assert (ended.code, ended.statuses) == (0, {"copied": 11}), ended.error
    assert objects(target) == objects(source)
    assert "demands conditional writes" in ended.said


def test_where_no_copy_takes_a_condition_and_all_must_have_one_the_copies_are_made_by_parts(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects
) -> None:
    require(server, "faults")
    source, target = pair
    put_all(s3, source, b"source ")
    s3.put_object(Bucket=source, Key="empty", Body=b"")
    put_before(target, "k1")
    unknown = frozenset({"CopyObject if-match", "CopyObject if-none-match"})
    with departing(server, are_demanded=True, unknown=unknown) as endpoint:
        ended = workplace.at(endpoint).run("-s", source, "-t", target)
    assert (ended.code, ended.statuses) == (0, {"copied": 11}), ended.error
    assert objects(target) == objects(source)
    assert "copied by parts" in ended.said


class Client:
    """A layer that writes an object of the target between the plan's look and its copy."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._write = lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"the client's")
        self._key, self.is_done = key, False

    def wrap(self, app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            if call.key == self._key and call.operation in ("CopyObject", "PutObject") and not self.is_done:
                self.is_done = True
                self._write()
            return app(environ, start_response)

        return layer


@pytest.mark.parametrize("there", [True, False], ids=["changed", "missing"])
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_what_a_client_writes_between_look_and_copy_is_kept(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], there: bool, mode: tuple[str, ...]
) -> None:
    require(server, "faults")
    source, target = pair
    put_all(s3, source, b"source ")
    if there:
        put_before(target, "k1")
    client = Client(s3, target, "k1")
    with EmbeddedServer(wrap=client.wrap) as watched:
        ended = workplace.at(watched.endpoint_url).run("-s", source, "-t", target, "-v", *mode)
    assert client.is_done
    assert (ended.code, ended.statuses) == (3, {"copied": 9, "failed": 1}), ended.error
    assert ended.outcomes()["k1"]["error_code"] == "TargetIsNewer"
    assert s3.get_object(Bucket=target, Key="k1")["Body"].read() == b"the client's"
    seen = {key: row["target_etag"] for key, row in ended.planned().items()}
    assert (seen["k1"] != "", seen["k2"]) == (there, "")


def test_c6_the_conditions_cost_no_request(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "faults")
    source, target = pair
    put_all(s3, source, b"source ")
    put_before(target, "k1")
    ended = workplace.run("-s", source, "-t", target, "-v")
    assert ended.code == 0, ended.error
    assert set(ended.summary["requests"]) == {"CopyObject", "ListObjectsV2"}
    assert ended.summary["requests"]["CopyObject"] == 10


@pytest.mark.parametrize(
    "options", [(), ("-v",), ("--overwrite", "never"), ("--overwrite", "never", "--mode", "downup")]
)
def test_a_target_that_locks_what_is_written_gets_no_probe_that_stays(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, options: tuple[str, ...]
) -> None:
    """Each run left one more object there, locked for the retention, and ended with 1 after its plan."""
    source, target = pair[0], f"{pair[1]}-locked"
    s3.create_bucket(Bucket=target, ObjectLockEnabledForBucket=True)
    put_all(s3, source, b"source ")
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=target, ObjectLockConfiguration=lock)
    ended = workplace.run("-s", source, "-t", target, *options)
    assert (ended.code, ended.statuses) == (0, {"copied": 10}), ended.outcomes()["k1"]
    assert "locks what is written" in ended.said
    found = objects(target)
    assert {key: body for key, body in found.items() if "probe" not in key} == objects(source)
    heeds = server.capabilities.copy_source_if_match or "downup" in options
    assert [key for key in found if "probe" in key] == ([] if heeds else [".s3sync-probe-locked"])
    versions = s3.list_object_versions(Bucket=target)["Versions"]
    for each in versions:
        given = {"Bucket": target, "Key": each["Key"], "VersionId": each["VersionId"]}
        s3.delete_object(**given, BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=target)
