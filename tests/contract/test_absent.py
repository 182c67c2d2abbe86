"""C17: an answer that says "not there" is believed only where it is S3's own about this key, or a listing says so too.

| what answers                                         | then                                                    |
|------------------------------------------------------|---------------------------------------------------------|
| a load balancer's text/plain 404, from some moment on | failed: ForeignAnswer; the circuit opens; none vanished |
| a server that reads a key in x-amz-copy-source wrong | failed: NotFoundThoughListed, the others are copied      |
| a HEAD's 404 of a bucket that is gone                | failed: NoSuchBucket                                    |
| the same 404s to readers of the work location        | StoreError, never "no object"                           |
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from s3sync.copying.batch import Stopped, copy_batch
from s3sync.copying.object_copy import CopyJob
from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse
from s3sync.errors import StoreError
from s3sync.model.outcome import Outcome, Status
from s3sync.model.task import Method, Task
from s3sync.retry.check_task import check_task
from s3sync.runs.store import FOREIGN_ATTEMPTS, S3Store
from tests.contract.copying import TRANSPORTS, Migration, migration_on
from tests.contract.working import Worker
from tests.servers.capabilities import EMBEDDED
from tests.servers.faults import Action, Fault, Faults

KEYS = [f"{n:03d}" for n in range(50)]
METHODS = list(Method)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=METHODS, ids=str)
def method(request: pytest.FixtureRequest) -> Method:
    return Method(request.param)


@pytest.fixture
def migration(server: Any, s3: Any, bucket_factory: Any, faults: Faults, transport: str) -> Migration:
    made = migration_on(server, s3, bucket_factory(), bucket_factory(), transport)
    for key in KEYS:
        made.put(key, key.encode())
    faults.clear()
    return made


def planned(migration: Migration, method: Method) -> list[Task]:
    return [migration.task(key, method=method) for key in KEYS]


def test_a_load_balancer_that_answers_404_makes_nothing_vanish(
    migration: Migration, method: Method, faults: Faults
) -> None:
    tasks = planned(migration, method)
    faults.clear()
    faults.add(Fault(Action.FOREIGN_404, skip=len(KEYS) // 2))
    outcomes = migration.copy(*tasks)
    assert {outcome.status for outcome in outcomes} <= {Status.COPIED, Status.FAILED}
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    assert failed
    assert {outcome.error_code for outcome in failed} == {"ForeignAnswer"}


def test_one_such_answer_passes(migration: Migration, method: Method, faults: Faults) -> None:
    """It is asked again, as after any trouble on the way."""
    tasks = planned(migration, method)
    faults.clear()
    faults.add(Fault(Action.FOREIGN_404, every=7, times=20))
    assert {outcome.status for outcome in migration.copy(*tasks)} == {Status.COPIED}
    assert faults.hits() > 5


def test_c15_a_batch_that_meets_nothing_else_stops(
    migration: Migration, server: Any, tmp_path: Any, faults: Faults, method: Method
) -> None:
    settings = replace(migration.settings, planned_at=datetime.now(UTC) - timedelta(hours=1))
    worker = Worker.at(server, tmp_path, settings, max_attempts=2)
    worker.context = replace(worker.context, circuit_after=20)
    batch = worker.plan("b", *planned(migration, method))
    faults.add(Fault(Action.FOREIGN_404))
    assert copy_batch(worker.context, worker.store, batch, worker.attempt()) == Stopped("b", "ForeignAnswer")
    faults.clear()
    assert worker.copy(batch).tally.objects == {"copied": len(KEYS)}  # the rest had stayed planned


def test_what_a_listing_does_not_show_either_has_vanished(migration: Migration, method: Method) -> None:
    """The negative control: believed where it is so, whatever says it."""
    task = migration.task("007", method=method)
    migration.s3.delete_object(Bucket=migration.settings.source_bucket, Key="007")
    assert migration.copy_one(task).status is Status.VANISHED


def test_a_bucket_that_is_gone_is_no_object_that_vanished(migration: Migration, method: Method) -> None:
    migration.settings = replace(migration.settings, tags=False, source_bucket="s3sync-no-such-bucket")
    task = Task(**{**migration_task(), "method": method})
    outcome = migration.copy_one(task)
    assert (outcome.status, outcome.error_code) == (Status.FAILED, "NoSuchBucket")
    assert checked(migration, task).error_code == "NoSuchBucket"


def migration_task() -> dict[str, Any]:
    given = dict.fromkeys(Task._fields)
    return {**given, "task_id": "t", "source_key": "007", "target_key": "007", "action": "copy", "reason": "missing"}


def checked(migration: Migration, task: Task) -> Outcome:
    ((_, outcome),) = migration.engine.run([(None, check_task(CopyJob(task, migration.settings, 1)))])
    return outcome


def test_a_check_of_a_task_believes_no_load_balancer(migration: Migration, faults: Faults) -> None:
    task = migration.task("007")
    faults.add(Fault(Action.FOREIGN_404))
    assert checked(migration, task).error_code == "ForeignAnswer"


class Misreader:
    """Reads an encoded `+` of `x-amz-copy-source` as a space, and what is not ASCII as Latin-1."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        source = environ.get("HTTP_X_AMZ_COPY_SOURCE")
        if source is not None:
            environ["HTTP_X_AMZ_COPY_SOURCE"] = source.replace("%2B", "%20").replace("%C3%A9", "%C3%83%C2%A9")
        return self._app(environ, start_response)


@pytest.fixture(scope="module")
def misreader() -> Iterator[Any]:
    with EmbeddedServer(wrap=Misreader) as embedded:
        yield SimpleNamespace(
            s3_endpoint=embedded.endpoint_url,
            region="us-east-1",
            access_key="key",
            secret_key="secret",
            capabilities=EMBEDDED,
        )


def client_of(server: Any) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.s3_endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
    )


@pytest.mark.parametrize("method", [Method.COPY_OBJECT, Method.MULTIPART_COPY])
def test_a_key_that_a_server_reads_differently_has_not_vanished(misreader: Any, transport: str, method: Method) -> None:
    s3 = client_of(misreader)
    source, target = (f"{side}-{transport}-{method}".replace("_", "-") for side in ("from", "into"))
    for bucket in (source, target):
        s3.create_bucket(Bucket=bucket)
    made = migration_on(misreader, s3, source, target, transport)
    keys = ["plain", "with+plus", "café"]
    for key in keys:
        made.put(key)
    outcomes = dict(zip(keys, made.copy(*(made.task(key, method=method) for key in keys)), strict=True))
    assert outcomes["plain"].status is Status.COPIED
    for key in keys[1:]:
        assert (outcomes[key].status, outcomes[key].error_code) == (Status.FAILED, "NotFoundThoughListed")
        assert "does the server read it differently" in (outcomes[key].message or "")
    assert not made.uploads()


@pytest.fixture
def store(s3: Any, bucket_factory: Any, faults: Faults) -> S3Store:
    made = S3Store(s3, bucket_factory(), "work", sleep=lambda _: None)
    made.put("there", b"body")
    faults.clear()
    return made


def test_a_work_location_behind_a_load_balancer_is_not_empty(store: S3Store, faults: Faults) -> None:
    faults.add(Fault(Action.FOREIGN_404))
    with pytest.raises(StoreError, match="there: cannot be read"):
        store.get("there")
    with pytest.raises(StoreError, match="cannot be listed"):
        list(store.names(""))


def test_a_reader_of_the_work_location_asks_again(store: S3Store, faults: Faults) -> None:
    faults.add(Fault(Action.FOREIGN_404, times=FOREIGN_ATTEMPTS - 1))
    assert store.get("there") == b"body"


def test_a_reader_of_the_work_location_believes_a_listing(store: S3Store, faults: Faults) -> None:
    assert store.get("none") is None
    faults.add(Fault(Action.FOREIGN_404, operation="GetObject"))
    assert store.get("none") is None
    with pytest.raises(StoreError, match="there: cannot be read"):
        store.get("there")
