"""Every fault, as a client sees it, and the counting of requests."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError, ResponseStreamingError

from tests.servers.faults import ADMIN_PATH, Action, Fault


@pytest.fixture
def bucket(s3, bucket_factory, faults):
    name = bucket_factory()
    s3.put_object(Bucket=name, Key="source", Body=b"x" * 1000)
    faults.clear()
    yield name
    faults.clear()


@pytest.fixture
def once(server):
    """A client that does not retry."""
    return boto3.client(
        "s3",
        endpoint_url=server.s3_endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=0.5),
    )


def copy(client, bucket, key="target"):
    return client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": "source"})


def exists(s3, bucket, key="target"):
    return key in [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        (Action.SLOW_DOWN, 503, "SlowDown"),
        (Action.INTERNAL_ERROR, 500, "InternalError"),
        (Action.REQUEST_TIMEOUT, 400, "RequestTimeout"),
        (Action.EXPIRED_TOKEN, 400, "ExpiredToken"),
        (Action.DENIED, 403, "AccessDenied"),
        (Action.NO_SUCH_KEY, 404, "NoSuchKey"),
        (Action.PRECONDITION_FAILED, 412, "PreconditionFailed"),
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_errors(s3, once, bucket, faults, action, status, code, is_late):
    faults.add(Fault(action, operation="CopyObject", is_late=is_late))
    with pytest.raises(ClientError) as raised:
        copy(once, bucket)
    response = raised.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)
    assert exists(s3, bucket) == is_late


def test_an_error_in_a_200(server, bucket, faults):
    """boto3 makes a 500 of it, so the bytes are looked at."""
    faults.add(Fault(Action.ERROR_IN_200))
    request = Request(f"{server.s3_endpoint}/{bucket}/target", method="PUT")
    request.add_header("x-amz-copy-source", f"/{bucket}/source")
    with urlopen(request) as answer:
        assert answer.status == 200
        assert b"<Error><Code>InternalError</Code>" in answer.read()


def test_an_error_to_a_head_has_no_body(once, bucket, faults):
    faults.add(Fault(Action.SLOW_DOWN, operation="HeadObject", times=1))
    with pytest.raises(ClientError, match="503"):
        once.head_object(Bucket=bucket, Key="source")
    assert once.head_object(Bucket=bucket, Key="source")["ContentLength"] == 1000


@pytest.mark.parametrize("is_late", [False, True])
def test_a_reset(s3, once, bucket, faults, is_late):
    faults.add(Fault(Action.RESET, operation="CopyObject", is_late=is_late))
    with pytest.raises(ConnectionClosedError, match=r"reset|closed"):
        copy(once, bucket)
    assert exists(s3, bucket) == is_late


def test_a_stall(once, bucket, faults):
    faults.add(Fault(Action.STALL, operation="GetObject", times=1, seconds=1.0))
    with pytest.raises(ReadTimeoutError):
        once.get_object(Bucket=bucket, Key="source")
    assert once.get_object(Bucket=bucket, Key="source")["Body"].read() == b"x" * 1000


def test_a_body_cut_short(once, bucket, faults):
    faults.add(Fault(Action.CUT, operation="GetObject", keep_bytes=10, times=1))
    body = once.get_object(Bucket=bucket, Key="source")["Body"]
    with pytest.raises(ResponseStreamingError):
        body.read()


def test_which_requests_are_hit(once, bucket, faults):
    faults.add(Fault(Action.DENIED, operation="GetObject", key_contains="our", skip=1, times=2))
    assert [succeeds(once, bucket) for _ in range(5)] == [True, False, False, True, True]
    assert faults.hits() == 2
    faults.add(Fault(Action.DENIED, bucket="another-bucket"))
    faults.add(Fault(Action.DENIED, operation="GetObject", key_contains="nothing"))
    assert succeeds(once, bucket)


def test_chance_is_the_same_for_the_same_seed(once, bucket, faults):
    def hits(seed):
        faults.clear()
        faults.add(Fault(Action.DENIED, operation="GetObject", probability=0.5, seed=seed))
        return [succeeds(once, bucket) for _ in range(20)]

    assert hits(1) == hits(1) != hits(2)


def succeeds(client, bucket):
    try:
        client.get_object(Bucket=bucket, Key="source")
    except ClientError:
        return False
    return True


def test_requests_are_counted(once, bucket, faults):
    copy(once, bucket, "a")
    copy(once, bucket, "b")
    once.head_object(Bucket=bucket, Key="a")
    assert faults.requests() == 3
    assert faults.requests("CopyObject") == 2
    assert faults.requests("CopyObject", bucket=bucket, key="a") == 1
    assert faults.requests("CopyObject", key="c") == 0
    assert faults.by_operation() == {"CopyObject": 2, "HeadObject": 1}


def test_another_process_controls_them_by_json(server, once, bucket, faults):
    url = server.s3_endpoint + ADMIN_PATH

    def ask(method="GET", body=None):
        with urlopen(Request(url, method=method, data=body and json.dumps(body).encode())) as answer:
            return json.load(answer)

    ask("POST", {"action": "denied", "operation": "GetObject", "times": 1})
    assert [succeeds(once, bucket) for _ in range(2)] == [False, True]
    state = ask()
    assert [(each["action"], each["hits"]) for each in state["faults"]] == [("denied", 1)]
    assert state["requests"] == {"GetObject": 2}
    for wrong in ({"action": "explode"}, {"action": "denied", "colour": "red"}, {}):
        with pytest.raises(HTTPError, match="400"):
            ask("POST", wrong)
    assert ask("DELETE") == {"faults": [], "requests": {}}
