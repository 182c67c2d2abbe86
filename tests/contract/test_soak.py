"""Very many objects through the worker, from a server that checks every signature and breaks requests at random.

S3SYNC_SOAK_OBJECTS=100000 pytest tests/contract/test_soak.py -k right -s -o timeout=1800
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from types import SimpleNamespace
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3sync.copying.settings import CopySettings
from s3sync.model.accounting import Amount, Counts
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.runs.finish import finish_run
from s3sync.runs.plan import Plan
from tests.contract.working import Worker
from tests.servers import strict

OBJECTS = int(os.environ.get("S3SYNC_SOAK_OBJECTS", "2000"))
BATCH_OBJECTS = 10_000
LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def strict_server():
    """The server, in a process of its own, as `access_to` wants it."""
    command = [sys.executable, "-m", "tests.servers.strict", "--objects", str(OBJECTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"
            yield SimpleNamespace(
                s3_endpoint=endpoint, region=strict.REGION, access_key=strict.ACCESS_KEY, secret_key=strict.SECRET_KEY
            )
        finally:
            process.terminate()


def task_of(number, method):
    key, body = strict.key_of(number), strict.body_of(number)
    etag = md5(body, usedforsecurity=False).hexdigest()
    ident = task_id("source", key, None, "target", key)
    return Task(ident, key, None, key, len(body), etag, LONG_AGO, None, Action.COPY, "missing", method)


def state_of(server):
    with urlopen(f"{server.s3_endpoint}/_state", timeout=60) as answer:
        return json.load(answer)


EXPECTED = {
    strict.FINE: ("copied", None),
    strict.DENIED: ("failed", "AccessDenied"),
    strict.GONE: ("vanished", None),
    strict.CHANGED: ("changed", None),
}


@pytest.mark.parametrize("method", [Method.COPY_OBJECT, Method.RELAY], ids=str)
def test_the_counts_add_up_and_the_target_is_right(strict_server, tmp_path, method):
    """C1, C2, C4, C8: each object has the one outcome that it must have, whatever went wrong on the way."""
    settings = CopySettings("source", "target", planned_at=LONG_AGO)
    worker = Worker.at(strict_server, tmp_path, settings, in_flight=64, max_attempts=8)
    batches = []
    for start in range(0, OBJECTS, BATCH_OBJECTS):
        numbers = range(start, min(OBJECTS, start + BATCH_OBJECTS))
        batches.append(worker.plan(f"{start:07d}", *(task_of(number, method) for number in numbers)))
    amount = Amount(OBJECTS, sum(batch.size_bytes for batch in batches))
    counts = Counts(listed=OBJECTS, planned={f"copy/{method}": amount})
    plan = Plan("source", "target", LONG_AGO, counts, batches=tuple(batches))
    worker.folder.commit("plan", plan.to_json())
    for batch in batches:
        worker.copy(batch)

    summary = finish_run(worker.folder, plan, "source", "target", datetime.now(UTC), None)  # raises if C1 is broken
    state = state_of(strict_server)
    rows = [row for batch in batches for row in worker.outcomes(batch.batch_id)]
    found = {row["source_key"]: (row["status"], row["error_code"]) for row in rows}
    expected = {strict.key_of(n): EXPECTED[strict.fate(n)] for n in range(OBJECTS)}
    assert len(rows) == OBJECTS
    assert found == expected
    assert state["target"] == {
        strict.key_of(n): md5(strict.body_of(n), usedforsecurity=False).hexdigest()
        for n in range(OBJECTS)
        if strict.fate(n) == strict.FINE
    }
    assert (summary.counts.remaining, summary.exit_code) == (0, 3)
    assert Counter(status for status, _ in found.values()) == {
        name: each.objects for name, each in summary.counts.outcomes.items() if each.objects
    }
    seen = state["seen"]
    assert "bad signatures" not in seen
    assert {name for name in strict.FAULTS if seen.get(name, 0)} >= {"slow_down", "internal_error", "reset", "cut"}
    sys.stdout.write(f"{method}: {OBJECTS} objects, {json.dumps(seen)}, {state['writes']} writes\n")


def test_a_wrong_key_is_noticed(strict_server, tmp_path):
    """The negative control of the signatures."""
    strict_server.secret_key = "another"
    settings = CopySettings("source", "target", planned_at=LONG_AGO)
    worker = Worker.at(strict_server, tmp_path, settings, max_attempts=8)
    worker.context = replace(worker.context, circuit_after=1_000)
    batch = worker.plan("b", *(task_of(number, Method.COPY_OBJECT) for number in range(20)))
    worker.copy(batch)
    assert {row["error_code"] for row in worker.outcomes("b")} == {"SignatureDoesNotMatch"}
    state = state_of(strict_server)
    assert (state["target"], state["seen"]["bad signatures"] >= 20) == ({}, True)


@pytest.mark.parametrize("key", [strict.key_of(number) for number in range(7)])
def test_the_server_checks_signatures_as_botocore_makes_them(key):
    target = f"/source/{quote(key, safe='/~')}?tagging"
    request = AWSRequest("GET", f"http://127.0.0.1:1{target}", headers={"x-amz-meta-a": "b  c"})
    S3SigV4Auth(Credentials(strict.ACCESS_KEY, strict.SECRET_KEY), "s3", strict.REGION).add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": "127.0.0.1:1"}
    assert strict.is_signed("GET", target, headers, b"")
    assert not strict.is_signed("GET", target + "x", headers, b"")
    assert not strict.is_signed("GET", target, {**headers, "x-amz-meta-a": "other"}, b"")
