"""C11: a worker that relays holds as much of bodies as it was told, and little more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from s3sync.model.limits import MIB

MEMORY = 32 * MIB
SLACK = 16 * MIB  # connections, buffers of libcurl and of the allocator, a body while it is put together

# A process of its own, so that neither the server nor pytest is measured.
WORKER = """
import json, re, sys
from pathlib import Path
from tests.contract.copying import Migration, access_to
from tests.servers import Server
from tests.servers.capabilities import S3
from s3sync.copying.settings import CopySettings
from s3sync.s3.engine.per_process import EngineOptions, engine_for
from s3sync.config.model import AccessConfig, TransportKind
from s3sync.model.task import Method
from datetime import UTC, datetime
import boto3

def peak():
    return int(re.search("VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

url, access_key, secret_key, region, source, target, keys, memory, kind = json.loads(sys.argv[1])
server = Server("s3", url, url, access_key, secret_key, region, S3)
s3 = boto3.client(
    "s3", endpoint_url=url, aws_access_key_id=access_key, aws_secret_access_key=secret_key, region_name=region
)
settings = CopySettings(source, target, datetime.now(UTC), relay_memory_bytes=memory)
access = AccessConfig(source=access_to(server), target=access_to(server))
engine = engine_for(access, EngineOptions(TransportKind(kind), in_flight=32, memory_bytes=memory))
migration = Migration(s3, settings, engine)
tasks = [migration.task(key, method=Method.RELAY) for key in keys]
migration.copy_one(migration.task("warm", method=Method.RELAY))
before = peak()
statuses = [str(outcome.status) for outcome in migration.copy(*tasks)]
print(json.dumps([statuses, peak() - before]))
"""


@pytest.mark.parametrize("kind", ["curl", "boto3"])
@pytest.mark.parametrize(("count", "size"), [(48, 4 * MIB), (3, 64 * MIB)], ids=["many", "large"])
def test_the_memory_is_bounded(server, s3, bucket_factory, kind, count, size):
    source, target = bucket_factory(), bucket_factory()
    keys = [f"{number:02d}" for number in range(count)]
    body = bytes(size)
    for key in keys:
        s3.put_object(Bucket=source, Key=key, Body=body)
    s3.put_object(Bucket=source, Key="warm", Body=b"x")
    access = [server.s3_endpoint, server.access_key, server.secret_key, server.region]
    given = json.dumps([*access, source, target, keys, MEMORY, kind])
    ended = subprocess.run(
        [sys.executable, "-c", WORKER, given],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    statuses, grown = json.loads(ended.stdout)
    assert set(statuses) == {"copied"}
    assert grown < MEMORY + SLACK, f"{grown / MIB:.0f} MiB"
    assert grown > MEMORY / 4, "so little that nothing was measured"
