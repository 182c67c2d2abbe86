"""What arrives on the target, and how it was asked for: attributes, encryption, owners, parts, unpinned servers."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest

from s3sync.demo.preconditions import FORMS, Departures
from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, call_of
from s3sync.model import etag as etags
from s3sync.model.limits import MIB, PART_MIN_BYTES
from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.workplace import Workplace

METADATA = {"title": "by the sea", "camera": "a-1"}
TAGS = {"team": "media", "cost centre": "a+b/1"}
OWNER, STRANGER = "123456789012", "999999999999"

Objects = Callable[[str], dict[str, bytes]]


def put(s3: Any, bucket: str, key: str, body: bytes = b"abc", **more: Any) -> None:
    s3.put_object(
        Bucket=bucket, Key=key, Body=body, Metadata=METADATA, ContentType="text/x-a", Tagging=urlencode(TAGS), **more
    )


def put_in_parts(s3: Any, bucket: str, key: str, sizes_bytes: tuple[int, ...]) -> str:
    """An object with metadata and tags, of parts of these sizes; its ETag."""
    at = {"Bucket": bucket, "Key": key}
    upload = s3.create_multipart_upload(**at, Metadata=METADATA, ContentType="text/x-a")["UploadId"]
    parts = []
    for number, size_bytes in enumerate(sizes_bytes, start=1):
        body = Random(number).randbytes(size_bytes)
        part = s3.upload_part(**at, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts})
    s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in TAGS.items()]})
    return str(etags.bare(s3.head_object(**at)["ETag"]))


def tags_of(s3: Any, bucket: str, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


class Recorder:
    """A layer around a server that keeps the headers of S3 requests, by operation."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    def wrap(self, app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            headers = {name: str(value) for name, value in environ.items() if name.startswith("HTTP_X_AMZ")}
            self.seen.append((call.operation or "", call.bucket, headers))
            return app(environ, start_response)

        return layer

    def values(self, operation: str, header: str) -> set[str | None]:
        name = f"HTTP_X_AMZ_{header.upper().replace('-', '_')}"
        return {headers.get(name) for seen, _, headers in self.seen if seen == operation}


@contextmanager
def recorded() -> Iterator[tuple[str, Recorder]]:
    """A second embedded server, with the same buckets, whose requests are kept."""
    recorder = Recorder()
    with EmbeddedServer(wrap=recorder.wrap) as server:
        yield server.endpoint_url, recorder


def test_metadata_tags_type_and_class_are_kept(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    source, target = pair
    put(s3, source, "k")
    put(s3, source, "cool", StorageClass="STANDARD_IA")
    ended = workplace.run("-s", source, "-t", target)
    assert (ended.code, ended.statuses) == (0, {"copied": 2})
    head = s3.head_object(Bucket=target, Key="k")
    assert (head["Metadata"], head["ContentType"]) == (METADATA, "text/x-a")
    assert tags_of(s3, target, "k") == TAGS
    assert head.get("StorageClass", "STANDARD") == "STANDARD"
    assert s3.head_object(Bucket=target, Key="cool")["StorageClass"] == "STANDARD_IA"


def test_a_storage_class_may_be_asked_for(workplace: Workplace, s3: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    put(s3, source, "k")
    put(s3, source, "cool", StorageClass="STANDARD_IA")
    ended = workplace.run("-s", source, "-t", target, "--storage-class", "GLACIER")
    assert ended.code == 0, ended.error
    assert {s3.head_object(Bucket=target, Key=key)["StorageClass"] for key in ("k", "cool")} == {"GLACIER"}


@pytest.mark.parametrize("options", [(), ("--multipart-threshold", "5MiB", "--part-size", "5MiB")])
def test_no_tags(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], options: tuple[str, ...]
) -> None:
    require(server, "tags_replaced_by_copy")
    source, target = pair
    put(s3, source, "small")
    put(s3, source, "large", b"x" * (PART_MIN_BYTES + 1))
    ended = workplace.run("-s", source, "-t", target, "--no-tags", *options)
    assert ended.code == 0, ended.error
    assert [tags_of(s3, target, key) for key in ("small", "large")] == [{}, {}]
    assert s3.head_object(Bucket=target, Key="large")["Metadata"] == METADATA


def test_an_archived_source_is_told(workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]) -> None:
    require(server, "archived_source_refused")
    source, target = pair
    put(s3, source, "cold", StorageClass="DEEP_ARCHIVE")
    put(s3, source, "warm")
    ended = workplace.run("-s", source, "-t", target)
    assert (ended.code, ended.statuses) == (3, {"copied": 1, "archived": 1})


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("--encryption", "AES256"), {"ServerSideEncryption": "AES256"}),
        (
            ("--encryption", "aws:kms", "--kms-key-id", "alias/k", "--bucket-key"),
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/k"},
        ),
    ],
    ids=["SSE-S3", "SSE-KMS"],
)
def test_encryption_is_asked_for(
    workplace: Workplace,
    s3: Any,
    server: Server,
    pair: tuple[str, str],
    options: tuple[str, ...],
    shown: dict[str, Any],
) -> None:
    """By CopyObject and by CreateMultipartUpload alike."""
    require(server, "sse_kms_copy")
    source, target = pair
    put(s3, source, "small")
    put(s3, source, "large", b"x" * (PART_MIN_BYTES + 1))
    ended = workplace.run("-s", source, "-t", target, *options, "--multipart-threshold", "5MiB", "--part-size", "5MiB")
    assert ended.code == 0, ended.error
    for key in ("small", "large"):
        head = s3.head_object(Bucket=target, Key=key)
        assert {name: head.get(name) for name in shown} == shown, key


def test_headers_of_a_requester_who_pays_of_expected_owners_and_of_a_bucket_key(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    require(server, "faults")  # only the embedded server's requests can be looked at
    source, target = pair
    put(s3, source, "small")
    put(s3, source, "large", b"x" * (PART_MIN_BYTES + 1))
    options = f"--requester-pays --expected-source-owner {OWNER} --expected-target-owner {OWNER}"
    kms = ("--encryption", "aws:kms", "--kms-key-id", "alias/k", "--bucket-key")
    parts = ("--multipart-threshold", "5MiB", "--part-size", "5MiB", "-v")
    with recorded() as (endpoint, recorder):
        ended = workplace.at(endpoint).run("-s", source, "-t", target, *options.split(), *parts, *kms)
    assert ended.code == 0, ended.error
    assert recorder.values("ListObjectsV2", "expected-bucket-owner") == {OWNER}
    assert "requester" in recorder.values("ListObjectsV2", "request-payer")
    for operation in ("CopyObject", "UploadPartCopy"):
        assert recorder.values(operation, "request-payer") == {"requester"}, operation
        assert recorder.values(operation, "expected-bucket-owner") == {OWNER}, operation
        assert recorder.values(operation, "source-expected-bucket-owner") == {OWNER}, operation
    for operation in ("CreateMultipartUpload", "CompleteMultipartUpload", "HeadObject", "GetObjectTagging"):
        assert recorder.values(operation, "expected-bucket-owner") == {OWNER}, operation
    for operation in ("CopyObject", "CreateMultipartUpload"):
        assert recorder.values(operation, "server-side-encryption-bucket-key-enabled") == {"true"}, operation
        assert recorder.values(operation, "server-side-encryption-aws-kms-key-id") == {"alias/k"}, operation


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_bucket_of_another_owner_gets_nothing(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, side: str
) -> None:
    require(server, "expected_bucket_owner")
    source, target = pair
    put(s3, source, "k")
    ended = workplace.run("-s", source, "-t", target, f"--expected-{side}-owner", STRANGER)
    assert ended.code != 0
    assert objects(target) == {}


def test_objects_above_the_threshold_are_copied_by_parts(
    workplace: Workplace, s3: Any, pair: tuple[str, str], objects: Objects
) -> None:
    source, target = pair
    put(s3, source, "large", Random(1).randbytes(2 * PART_MIN_BYTES + MIB))
    put(s3, source, "at the threshold", b"x" * 6 * MIB)
    ended = workplace.run("-s", source, "-t", target, "--multipart-threshold", "6MiB", "--part-size", "5MiB")
    assert (ended.code, ended.statuses) == (0, {"copied": 2})
    assert ended.summary["requests"]["UploadPartCopy"] == 3
    assert ended.summary["requests"]["CopyObject"] == 1
    assert objects(target) == objects(source)
    head = s3.head_object(Bucket=target, Key="large")
    assert (head["Metadata"], head["ContentType"], etags.part_count(etags.bare(head["ETag"]))) == (
        METADATA,
        "text/x-a",
        3,
    )
    assert not s3.list_multipart_uploads(Bucket=target).get("Uploads")  # C7
    planned = {operation: count for operation, _, count in ended.plan["estimate"]["requests"]}
    done = {name: ended.summary["requests"].get(name, 0) for name in planned}
    assert done == planned  # what `s3sync plan` said is what it took


@pytest.mark.parametrize(
    "sizes_bytes",
    [(PART_MIN_BYTES, PART_MIN_BYTES, MIB), (6 * MIB, PART_MIN_BYTES, MIB), (3,)],
    ids=["alike", "unlike", "one part"],
)
def test_part_boundaries_are_kept(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, sizes_bytes: tuple[int, ...]
) -> None:
    source, target = pair
    etag = put_in_parts(s3, source, "large", sizes_bytes)
    put(s3, source, "small")
    ended = workplace.run("-s", source, "-t", target, "--preserve-etags")
    assert (ended.code, ended.statuses) == (0, {"copied": 2})
    outcome = ended.outcomes()["large"]
    assert objects(target) == objects(source)
    assert s3.head_object(Bucket=target, Key="large")["Metadata"] == METADATA
    if server.capabilities.head_parts_count or len(sizes_bytes) == 1:
        assert etags.bare(s3.head_object(Bucket=target, Key="large")["ETag"]) == etag
        assert (outcome["target_etag"], outcome["verified"]) == (etag, "etag_equal")
    else:
        assert outcome["reason"] == "part_layout_unknown"


def test_tags_survive_a_copy_by_parts(workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]) -> None:
    require(server, "tags_set_by_multipart")
    source, target = pair
    put_in_parts(s3, source, "large", (PART_MIN_BYTES, MIB))
    ended = workplace.run("-s", source, "-t", target, "--preserve-etags")
    assert ended.code == 0, ended.error
    assert tags_of(s3, target, "large") == TAGS


def test_c4_copies_are_pinned_where_the_server_heeds_it_and_told_as_unpinned_where_not(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects
) -> None:
    source, target = pair
    put(s3, source, "a")
    put(s3, source, "b")
    ended = workplace.run("-s", source, "-t", target, "--target-prefix", "to/")
    assert ended.code == 0, ended.error
    how = "etag" if server.capabilities.copy_source_if_match else "unpinned"
    assert ended.summary["pinned"] == {how: 2}
    assert set(objects(target)) == {"to/a", "to/b"}  # the probe's object is gone


@pytest.fixture
def heedless(server: Server) -> Iterator[str]:
    """The embedded server, with the same buckets, as moto has it: conditions on copies are ignored."""
    require(server, "faults")
    with EmbeddedServer(departures=Departures(ignored=FORMS)) as without:
        yield without.endpoint_url


@pytest.mark.parametrize("gone", [False, True], ids=["", "the first object is gone"])
def test_c4_a_server_that_ignores_conditions_is_found_out(
    workplace: Workplace, s3: Any, heedless: str, pair: tuple[str, str], objects: Objects, gone: bool
) -> None:
    source, target = pair
    for key in ("a", "b", "c"):
        put(s3, source, key, key.encode())
    place = workplace.at(heedless)
    planned = place.plan("-s", source, "-t", target)
    first = next(iter(planned.planned()))
    if gone:
        s3.delete_object(Bucket=source, Key=first)
    ended = place.run("-s", source, "-t", target)
    assert ended.statuses == ({"copied": 2, "vanished": 1} if gone else {"copied": 3})
    assert ended.summary["pinned"] == {"unpinned": 2 if gone else 3}
    assert "unpinned" in ended.said
    assert objects(target) == objects(source)


def test_c4_a_changed_source_is_found_out_though_the_server_ignores_conditions(
    workplace: Workplace, s3: Any, heedless: str, pair: tuple[str, str]
) -> None:
    source, target = pair
    put(s3, source, "a", b"before")
    put(s3, source, "b", b"stays")
    place = workplace.at(heedless)
    place.plan("-s", source, "-t", target)
    put(s3, source, "a", b"after!")
    ended = place.run("-s", source, "-t", target)
    assert (ended.code, ended.statuses) == (3, {"copied": 1, "changed": 1})
    assert ended.outcomes()["a"]["status"] == "changed"


def test_c4_never_is_kept_though_the_server_ignores_conditions(
    workplace: Workplace, s3: Any, heedless: str, pair: tuple[str, str], objects: Objects
) -> None:
    source, target = pair
    put(s3, source, "a", b"of the source")
    put(s3, target, "a", b"of the target")
    ended = workplace.at(heedless).run("-s", source, "-t", target, "--overwrite", "never")
    assert (ended.code, ended.statuses) == (0, {"skipped": 1})
    assert objects(target) == {"a": b"of the target"}


def test_both_transports_do_the_same(workplace: Workplace, s3: Any, bucket_factory: Callable[..., str]) -> None:
    source = bucket_factory()
    put(s3, source, "small é +%")
    put(s3, source, "large", b"x" * (PART_MIN_BYTES + 1))
    parts = ("--multipart-threshold", "5MiB", "--part-size", "5MiB")
    kinds = {}
    for transport in ("curl", "boto3"):
        target = bucket_factory()
        ended = workplace.run("-s", source, "-t", target, "--transport", transport, *parts)
        assert (ended.code, ended.statuses) == (0, {"copied": 2})
        rows = ended.outcomes().values()
        kinds[transport] = [
            ended.summary["requests"],
            [(row["source_key"], row["target_etag"], row["verified"], row["pinned"], row["requests"]) for row in rows],
        ]
    assert kinds["curl"] == kinds["boto3"]
