"""What a transport owes to the engine, on a live server."""

import socket
import time

import pytest
from botocore.config import Config
from botocore.model import OperationNotFoundError

from s3sync.aws.clients import session
from s3sync.config.model import Access, Secret, TransportKind
from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.error_class import classify
from s3sync.s3.engine.per_process import new_transport
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Request, Side
from s3sync.s3.transport.boto import BotoTransport
from s3sync.s3.transport.curl import CurlTransport
from tests.contract.copying import TRANSPORTS, transport_to
from tests.servers.faults import Action, Fault


@pytest.fixture(params=[*TRANSPORTS, "curl, many"])
def transport(server, request):
    """Both implementations; libcurl with one multi and with several."""
    kind, _, many = request.param.partition(", ")
    made = transport_to(server, kind, capacity=300 if many else 8)
    yield made
    made.close()


@pytest.fixture
def bucket(s3, bucket_factory):
    name = bucket_factory()
    s3.put_object(Bucket=name, Key="source", Body=b"x" * 1000, Metadata={"a": "1"})
    return name


def ask(transport, operation, side=Side.TARGET, **params):
    transport.submit(Request(operation, side, params))
    (reply,) = transport.wait(20)
    return reply


def copy_params(bucket, key="target"):
    return {"Bucket": bucket, "Key": key, "CopySource": {"Bucket": bucket, "Key": "source"}}


def test_a_success_has_botos_names(transport, bucket):
    reply = ask(transport, "HeadObject", Bucket=bucket, Key="source")
    assert reply.ok
    assert (reply.status, reply.code) == (200, None)
    assert (reply.values["ContentLength"], reply.values["Metadata"]) == (1000, {"a": "1"})
    assert "ResponseMetadata" not in reply.values
    assert reply.seconds > 0


def test_a_body_is_bytes(transport, bucket):
    assert ask(transport, "GetObject", Bucket=bucket, Key="source").values["Body"] == b"x" * 1000


def test_every_request_comes_back_once(transport, bucket):
    requests = [Request("HeadObject", Side.SOURCE, {"Bucket": bucket, "Key": "source"}) for _ in range(40)]
    for request in requests:
        transport.submit(request)
    found = []
    while len(found) < 40:
        replies = transport.wait(20)
        assert replies
        found.extend(id(reply.request) for reply in replies)
    assert sorted(found) == sorted(map(id, requests))
    assert transport.wait(0.01) == []


def test_waiting_for_nothing_takes_its_time_and_no_longer(transport):
    began = time.monotonic()
    assert transport.wait(0.2) == []
    assert 0.15 < time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("operation", "params", "status", "code"),
    [
        ("HeadObject", {"Key": "none"}, 404, "404"),
        ("GetObject", {"Key": "none"}, 404, "NoSuchKey"),
        ("GetObject", {"Bucket": "s3sync-no-such-bucket", "Key": "none"}, 404, "NoSuchBucket"),
        ("AbortMultipartUpload", {"Key": "source", "UploadId": "none"}, 404, "NoSuchUpload"),
    ],
)
def test_a_failure_has_the_servers_code(transport, bucket, operation, params, status, code):
    reply = ask(transport, operation, **{"Bucket": bucket, **params})
    assert (reply.status, reply.code, reply.ok) == (status, code, False)


def test_what_cannot_be_sent_comes_back_too(transport, bucket):
    reply = ask(transport, "HeadObject", Bucket=bucket, Key=7)
    assert (reply.status, reply.code) == (0, "InvalidParameters")
    assert classify(reply.status, reply.code) is ErrorClass.INVALID


def test_a_defect_is_raised_by_the_engine_and_nothing_is_in_flight_afterwards(transport):
    engine = Engine(transport, RetryPolicy())

    def asking():
        yield [Request("NoSuchOperation", Side.TARGET, {"Bucket": "bucket"})]

    with pytest.raises((AttributeError, OperationNotFoundError)):
        list(engine.run([(1, asking())]))
    assert engine._in_flight == 0


def test_an_answer_that_can_not_be_read_loses_no_other(transport, bucket, monkeypatch):
    """A mistake of ours with one answer: the others that came with it come back, and it is told as what it is."""

    def broken(*_args, **_more):
        raise KeyError("mistake")

    for place in ("boto.checked", "curl.reply_of"):
        monkeypatch.setattr(f"s3sync.s3.transport.{place}", broken)
    for _ in range(5):
        transport.submit(Request("HeadObject", Side.TARGET, {"Bucket": bucket, "Key": "source"}))
    replies = []
    while len(replies) < 5:
        replies += transport.wait(20)
    assert {(type(reply.defect), reply.ok) for reply in replies} == {(KeyError, False)}


def silent_after(kind, endpoint, seconds):
    """A transport that waits so long for an answer and no longer."""
    access = Access(
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key=Secret("b"),
        endpoint_url=endpoint,
        addressing_style="path",
    )
    if kind == "curl":
        return CurlTransport(access, access, 1, silences=(seconds, seconds))
    s3 = session(access).client(
        "s3",
        endpoint_url=endpoint,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=seconds),
    )
    return BotoTransport(s3, s3, 1)


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_nobody_listens(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    reply = ask(silent_after(kind, f"http://127.0.0.1:{port}", 5), "HeadObject", Bucket="bucket", Key="key")
    assert (reply.status, reply.code) == (0, "ConnectionError")
    assert classify(reply.status, reply.code) is ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    ("fault", "codes", "error_class"),
    [
        (Fault(Action.SLOW_DOWN), {"SlowDown"}, ErrorClass.THROTTLED),
        (Fault(Action.INTERNAL_ERROR), {"InternalError"}, ErrorClass.TRANSIENT),
        (Fault(Action.ERROR_IN_200), {"InternalError"}, ErrorClass.TRANSIENT),
        (Fault(Action.REQUEST_TIMEOUT), {"RequestTimeout"}, ErrorClass.TRANSIENT),
        (Fault(Action.EXPIRED_TOKEN), {"ExpiredToken"}, ErrorClass.TRANSIENT),
        (Fault(Action.DENIED), {"AccessDenied"}, ErrorClass.DENIED),
        (Fault(Action.NO_SUCH_KEY), {"NoSuchKey"}, ErrorClass.NOT_FOUND),
        (Fault(Action.PRECONDITION_FAILED), {"PreconditionFailed"}, ErrorClass.PRECONDITION),
        (Fault(Action.RESET), {"ConnectionError"}, ErrorClass.TRANSIENT),
        (Fault(Action.CUT), {"Truncated"}, ErrorClass.TRANSIENT),
        (Fault(Action.CUT, keep_bytes=0), {"Truncated"}, ErrorClass.TRANSIENT),
    ],
)
def test_faults(transport, bucket, faults, fault, codes, error_class):
    """C9 too: one request each, so it is not the transport that retries."""
    faults.add(fault)
    reply = ask(transport, "CopyObject", **copy_params(bucket))
    assert reply.code in codes
    assert classify(reply.status, reply.code) is error_class
    assert faults.requests("CopyObject") == 1


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_an_answer_that_does_not_come_is_a_timeout(server, bucket, faults, kind):
    faults.add(Fault(Action.STALL, operation="CopyObject", seconds=5, times=1))
    reply = ask(silent_after(kind, server.s3_endpoint, 1), "CopyObject", **copy_params(bucket))
    assert (reply.status, reply.code) == (0, "Timeout")


@pytest.mark.parametrize("operation", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_an_error_in_a_200_is_an_error(transport, s3, bucket, faults, operation):
    upload = {"Bucket": bucket, "Key": "t", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="t")["UploadId"]}
    source = {"Bucket": bucket, "Key": "source"}
    params = {
        "UploadPartCopy": {**upload, "PartNumber": 1, "CopySource": source},
        "CompleteMultipartUpload": {**upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": '"a"'}]}},
    }
    faults.add(Fault(Action.ERROR_IN_200))
    reply = ask(transport, operation, **params[operation])
    assert reply.code == "InternalError"


@pytest.mark.parametrize("name", ["Old_Bucket", "old..bucket"])
def test_a_bucket_of_old_whose_name_no_host_can_have_is_reached_by_path(name, request):
    """us-east-1 had such names until March 2018. The embedded server takes these."""
    endpoint = request.getfixturevalue("_embedded").endpoint_url
    access = Access(None, "us-east-1", "a", Secret("b"), endpoint_url=endpoint, addressing_style="virtual")
    for transport in (CurlTransport(access, access, 1), new_transport(access, access, TransportKind.BOTO3, 1)):
        assert ask(transport, "CreateBucket", Bucket=name).ok
        assert ask(transport, "PutObject", Bucket=name, Key="a/../b", Body=b"x").ok
        assert ask(transport, "GetObject", Bucket=name, Key="a/../b").values["Body"] == b"x"
        for operation in ("DeleteObject", "DeleteBucket"):
            given = {"Key": "a/../b"} if operation == "DeleteObject" else {}
            assert ask(transport, operation, Bucket=name, **given).ok
