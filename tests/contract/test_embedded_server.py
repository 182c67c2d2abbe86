"""What the embedded server promises beyond moto, whichever server the other tests run against."""

import http.client
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from s3sync.demo.server import EmbeddedServer, SeedObject, seed
from s3sync.errors import UserError
from tests.conftest import connect, drop_bucket

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20250101/us-east-1/s3/aws4_request, Signature=0"}
PYTHON = [sys.executable, "-m", "s3sync.demo.server"]


@pytest.fixture(scope="module")
def embedded():
    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(embedded):
    return connect(embedded.endpoint_url, "any", "any", "us-east-1")


@pytest.fixture
def bucket(client):
    name = f"embedded-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    yield name
    drop_bucket(client, name)


def port_of(server: EmbeddedServer) -> int:
    return int(server.endpoint_url.rpartition(":")[2])


def test_it_serves_in_the_foreground_and_ends_on_sigterm():
    with subprocess.Popen([*PYTHON, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        s3 = connect(process.stdout.readline().strip(), "any", "any", "us-east-1")
        s3.create_bucket(Bucket="foreground")
        assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["foreground"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_port_that_is_taken_is_one_line(embedded):
    done = subprocess.run([*PYTHON, "--port", str(port_of(embedded))], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"port {port_of(embedded)}: Address already in use" in done.stderr


def test_without_moto_it_says_what_to_install():
    code = "import sys; sys.modules['moto'] = None\nimport s3sync.demo.server"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == (
        "s3sync.errors.UserError: the embedded server needs moto: pip install 's3sync-spark[local]'"
    )


@pytest.mark.parametrize("host", ["{}.localhost", "{}.s3.localhost"])
def test_virtual_hosted_style(embedded, client, bucket, host):
    client.put_object(Bucket=bucket, Key="a b", Body=b"body")
    connection = http.client.HTTPConnection("127.0.0.1", port_of(embedded))
    headers = {**SIGNED, "Host": f"{host.format(bucket)}:{port_of(embedded)}"}
    connection.request("GET", "/a%20b", headers=headers)
    assert connection.getresponse().read() == b"body"


def test_connections_stay_open_also_after_an_error(embedded, bucket):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(embedded))
    connection.connect()
    first = connection.sock
    answers = []
    for method, body in (("PUT", b"1"), ("PUT", b"2" * 10**6), ("GET", None)):
        headers = {**SIGNED, "If-None-Match": "*"} if method == "PUT" else SIGNED
        connection.request(method, f"/{bucket}/a", body=body, headers=headers)
        answer = connection.getresponse()
        answers.append((answer.status, answer.read()[:1]))
        assert connection.sock is first
    assert answers == [(200, b""), (412, b"<"), (200, b"1")]


def test_stopping_ends_the_open_connections():
    server = EmbeddedServer().start()
    port = port_of(server)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    connection.getresponse().read()
    server.stop()
    assert connection.sock.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(RuntimeError):
        server.endpoint_url  # noqa: B018


def test_of_many_conditional_writes_one_wins(client, bucket):
    """What the lock of a target and `--overwrite never` stand on."""

    def put(number: int) -> bool:
        try:
            client.put_object(Bucket=bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] == "PreconditionFailed":
                return False
            raise
        return True

    with ThreadPoolExecutor(8) as threads:
        won = [number for number, is_first in enumerate(threads.map(put, range(24))) if is_first]
    assert [client.get_object(Bucket=bucket, Key="lock")["Body"].read()] == [str(number).encode() for number in won]


def test_small_parts_are_an_option(bucket):
    with EmbeddedServer(part_min_bytes=1) as server:
        s3 = connect(server.endpoint_url, "any", "any", "us-east-1")
        target = {"Bucket": bucket, "Key": "small"}
        target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
        etags = [s3.upload_part(**target, PartNumber=n, Body=b"x" * n)["ETag"] for n in (1, 2, 3)]
        parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, start=1)]
        assert s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})["ETag"].endswith('-3"')
        assert s3.head_object(Bucket=bucket, Key="small", PartNumber=2)["ContentLength"] == 2


@pytest.mark.parametrize("operation", ["upload_part", "upload_part_copy", "complete_multipart_upload", "list_parts"])
def test_an_upload_that_is_not_there(client, bucket, operation):
    client.put_object(Bucket=bucket, Key="source", Body=b"1")
    more = {
        "upload_part": {"PartNumber": 1, "Body": b"1"},
        "upload_part_copy": {"PartNumber": 1, "CopySource": {"Bucket": bucket, "Key": "source"}},
        "complete_multipart_upload": {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "a"}]}},
    }
    with pytest.raises(client.exceptions.NoSuchUpload):
        getattr(client, operation)(Bucket=bucket, Key="k", UploadId="none", **more.get(operation, {}))


@pytest.mark.parametrize(
    ("source", "code"), [({"Key": "absent"}, "NoSuchKey"), ({"Bucket": "absent-bucket", "Key": "k"}, "NoSuchBucket")]
)
def test_a_part_of_a_source_that_is_not_there(client, bucket, source, code):
    target = {"Bucket": bucket, "Key": "k"}
    target["UploadId"] = client.create_multipart_upload(**target)["UploadId"]
    with pytest.raises(ClientError) as refusal:
        client.upload_part_copy(**target, PartNumber=1, CopySource={"Bucket": bucket, **source})
    assert refusal.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("operation", ["upload_part_copy", "copy_object"])
def test_an_archived_source(client, bucket, operation):
    client.put_object(Bucket=bucket, Key="cold", Body=b"1", StorageClass="DEEP_ARCHIVE")
    target = {"Bucket": bucket, "Key": "k"}
    if operation == "upload_part_copy":
        target |= {"UploadId": client.create_multipart_upload(**target)["UploadId"], "PartNumber": 1}
    with pytest.raises(ClientError) as refusal:
        getattr(client, operation)(**target, CopySource={"Bucket": bucket, "Key": "cold"})
    assert refusal.value.response["Error"]["Code"] in {"InvalidObjectState", "ObjectNotInActiveTierError"}


def test_what_is_seeded_is_what_was_put(client, bucket):
    time = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    item = SeedObject("a/ü", b"body", "STANDARD_IA", "text/css", {"colour": "blue"}, {"team": "a b"}, time)
    assert seed(bucket, [item, SeedObject("plain")]) == 2
    head = client.head_object(Bucket=bucket, Key="a/ü")
    assert (head["LastModified"], head["StorageClass"], head["ContentType"]) == (time, "STANDARD_IA", "text/css")
    assert (head["Metadata"], head["ContentLength"], head["TagCount"]) == ({"colour": "blue"}, 4, 1)
    copied = client.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a/ü"})
    assert copied["CopyObjectResult"]["ETag"] == head["ETag"]


def test_seeding_a_bucket_that_is_not_there():
    with pytest.raises(UserError, match="no such bucket"):
        seed("there-is-none", [SeedObject("a")])


def test_a_defect_of_the_server_is_a_500(embedded, bucket):
    """moto can't take a POST without a sub-resource; the client must get an answer all the same."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(embedded))
    connection.request("POST", f"/{bucket}/k", body=b"x")
    answer = connection.getresponse()
    assert answer.status == 500
    assert b"<Code>InternalError</Code>" in answer.read()
