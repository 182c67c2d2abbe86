"""A run and its queues on a live server, without Spark: a plan of one or more batches, copied, and drained again."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from s3sync.config.model import Access, AccessConfig, Secret
from s3sync.copying.batch import CopyContext, copy_batch
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe
from s3sync.model.accounting import Amount, Counts
from s3sync.model.etag import bare
from s3sync.model.tables import PLAN
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.queues.find import Queue, Queues, find_queues, sqs_client
from s3sync.queues.messages import QueuedTask, from_text
from s3sync.queues.send_failures import FailureQueues
from s3sync.retry.consumer import Drain
from s3sync.retry.drain import DrainContext, DrainTally
from s3sync.retry.one_task import RetryHow
from s3sync.runs.finish import finish_again, finish_run
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import BatchDone, parquet_bytes
from s3sync.runs.plan import Batch, Plan
from s3sync.runs.store import LocalStore
from s3sync.runs.summary import Summary
from s3sync.s3.engine.per_process import EngineOptions

RUN_ID = "run-1"
NO_HUB = HubAddress("127.0.0.1", 1, "nobody")  # a worker goes on without one


def access_to(server: Any) -> AccessConfig:
    s3 = Access(
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=Secret(server.secret_key),
        endpoint_url=server.s3_endpoint,
        addressing_style="path",
    )
    return AccessConfig(s3, s3, s3, replace(s3, endpoint_url=server.sqs_endpoint), s3)


def task_of(source: str, target: str, entry: dict[str, Any]) -> Task:
    key = entry["Key"]
    return Task(
        task_id=task_id(source, key, None, target, key),
        source_key=key,
        version_id=None,
        target_key=key,
        size=entry["Size"],
        etag=bare(entry["ETag"]),
        last_modified=entry["LastModified"],
        storage_class=entry.get("StorageClass"),
        action=Action.COPY,
        reason="missing",
        method=Method.COPY_OBJECT,
    )


@dataclass
class QueuedRun:
    """`planned_at` is before anything was copied. The context may be changed by a test."""

    server: Any
    s3: Any
    folder: RunFolder
    settings: CopySettings
    plan: Plan
    queues: Queues
    context: DrainContext
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def sqs(self) -> Any:
        return sqs_client(self.context.access.queue)

    def copy(self, queues: tuple[Queue, ...] | None = None, trouble: str = "", batch_num: int = 10) -> Summary:
        """What migrate does with the plan; failures go to the queues."""
        failures = FailureQueues(self.queues.work if queues is None else queues, batch_num, trouble)
        context = CopyContext(
            settings=self.settings,
            access=self.context.access,
            store_uri=self.folder.store.uri,
            run_id=RUN_ID,
            epoch=1,
            engine=self.context.engine,
            circuit_after=10**6,
            hub=NO_HUB,
            failures=failures,
        )
        for batch in self.plan.batches:
            ended = copy_batch(context, self.folder.store, batch, "0001-00000001")
            assert isinstance(ended, BatchDone)
        return finish_run(self.folder, self.plan, "s3://from/", "s3://to/", self.began, None)

    def drain(self, worker: str = "w1", drain_id: str | None = None, **changes: Any) -> DrainTally:
        context = replace(self.context, drain_id=drain_id or f"drain-{datetime.now(UTC):%H%M%S%f}", **changes)
        return Drain(context, worker).run()

    def summary(self) -> Summary:
        return finish_again(self.folder, self.began)

    def bodies(self, queue: Queue | None) -> Iterator[str]:
        """What is in a queue now; each message is hidden for two seconds."""
        assert queue is not None
        while found := self.sqs.receive_message(
            QueueUrl=queue.url, MaxNumberOfMessages=10, VisibilityTimeout=2, MessageAttributeNames=["All"]
        ).get("Messages"):
            yield from (each["Body"] for each in found)

    def queued(self, queue: Queue | None) -> list[QueuedTask]:
        return [queued for body in self.bodies(queue) for queued in from_text(body).tasks]


def queued_run(
    server: Any, s3: Any, folder: Path, source: str, target: str, names: tuple[str, str], *, batches: int = 1
) -> QueuedRun:
    """A committed plan for all that is in the source. `names` are the pattern and the dead-letter queue's name."""
    store = LocalStore(folder)
    run = RunFolder(store, RUN_ID)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=source)
    tasks = [task_of(source, target, entry) for page in pages for entry in page.get("Contents", ())]
    entries = []
    for number in range(batches):
        mine = tasks[number::batches]
        rows = [[getattr(task, name) for task in mine] for name in PLAN.names]
        table = pa.table([pa.array(c, f.type) for c, f in zip(rows, PLAN, strict=True)], schema=PLAN)
        entries.append(Batch(f"{number:05d}-000", f"plan/batch-{number:05d}.parquet", len(mine), 0))
        run.put(entries[-1].file, parquet_bytes(table))
    amount = Amount(len(tasks), sum(task.size or 0 for task in tasks))
    counts = Counts(listed=len(tasks), planned={"copy/copy_object": amount})
    planned_at = datetime.now(UTC) - timedelta(seconds=10)  # the target's times are whole seconds
    plan = Plan(source, target, planned_at, counts, batches=tuple(entries))
    run.commit("plan", plan.to_json())
    run.put_json("run.json", {"options": {"source.prefixes": [], "target.prefix": "", "target.bucket": target}})
    settings = CopySettings(source, target, planned_at=planned_at)
    put_recipe(run, settings)
    access = access_to(server)
    queues = find_queues(sqs_client(access.queue), *names)
    context = DrainContext(
        drain_id="",
        access=access,
        store_uri=store.uri,
        engine=EngineOptions(in_flight=8, max_attempts=1),
        how=RetryHow(),
        queues=queues,
        take=queues.work,
        wait_seconds=0,
        delay_seconds=0,
        hold_seconds=30,
    )
    return QueuedRun(server, s3, run, settings, plan, queues, context)
