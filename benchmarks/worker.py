"""The worker's path as a process of its own: batch files are read, their objects copied, outcomes written.

    python -m benchmarks.worker SPEC.json

It is `s3sync.copying.batch`, as a Spark task calls it, without Spark and without a driver to report to. The first
batch warms up: clients and connections are made in it, as in the first batch of a worker process.
"""

import dataclasses
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.batches import RUN_ID, WrittenPlan
from benchmarks.own_report import WorkClock, peak_rss_bytes
from benchmarks.s3_server import ACCESS_KEY, REGION, SECRET_KEY, SOURCE_BUCKET, TARGET_BUCKET
from s3sync.config.model import Access, AccessConfig, Secret, TransportKind
from s3sync.copying.batch import CopyContext, copy_batch
from s3sync.copying.settings import CopySettings
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import BatchDone
from s3sync.runs.plan import Batch
from s3sync.runs.store import open_store
from s3sync.s3.engine.per_process import EngineOptions

NO_HUB = HubAddress("127.0.0.1", 1, "")  # nobody listens there; a worker goes on without its driver


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    endpoint_url: str
    folder: str
    in_flight: int
    transport: str
    batches: list[list[Any]]
    tags: bool = True

    @classmethod
    def of(
        cls, endpoint_url: str, plan: WrittenPlan, in_flight: int, transport: str, *, tags: bool = True
    ) -> "WorkerSpec":
        batches = [[batch.batch_id, batch.file, batch.tasks, batch.size_bytes] for batch in plan.batches]
        return cls(endpoint_url, str(plan.folder), in_flight, transport, batches, tags)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self)))


def context(spec: WorkerSpec) -> CopyContext:
    side = Access(
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=Secret(SECRET_KEY),
        endpoint_url=spec.endpoint_url,
        addressing_style="path",
    )
    return CopyContext(
        settings=CopySettings(SOURCE_BUCKET, TARGET_BUCKET, planned_at=datetime.now(UTC), tags=spec.tags),
        access=AccessConfig(source=side, target=side),
        store_uri=spec.folder,
        run_id=RUN_ID,
        epoch=1,
        engine=EngineOptions(TransportKind(spec.transport), spec.in_flight),
        circuit_after=2_000,
        hub=NO_HUB,
    )


def main(spec_path: str) -> int:
    spec = WorkerSpec(**json.loads(Path(spec_path).read_text()))
    work = context(spec)
    store = open_store(spec.folder, work.access.work)
    statuses: Counter[str] = Counter()
    counted, clock, peaks = 0, WorkClock(), {}
    for number, values in enumerate(spec.batches):
        batch = Batch(*values)
        done = copy_batch(work, store, batch, attempt="0001-00000000")
        if not isinstance(done, BatchDone):
            sys.exit(f"batch {batch.batch_id} was not finished: {done}")
        statuses.update(done.tally.objects)
        if number == 0 and len(spec.batches) > 1:
            clock = WorkClock()
        else:
            counted += batch.tasks
        peaks[statuses.total()] = peak_rss_bytes()
    clock.report(counted, statuses=dict(statuses), peak_rss_bytes_by_objects=peaks)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
