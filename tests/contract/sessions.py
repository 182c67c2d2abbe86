"""Every kind of work that a worker does, each in pieces of a dozen requests, so that one test can hold all to the same.

A kind is made with buckets of its own; `piece(number)` readies a piece, which none has done before, and returns what
does it, given the address of a hub. `flushed` counts the files that it writes while it works, None where it writes at
its end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from s3sync.checking.batch import CheckContext, LookBatch, check_batch, finding_table
from s3sync.checking.batch_records import Stage
from s3sync.checking.object_check import LookSettings
from s3sync.config.model import CheckConfig
from s3sync.copying.batch import copy_batch
from s3sync.copying.large_object.tasks import Finishing, Opening, carry_piece, finish_giants, open_giants
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe
from s3sync.listing.files import ListingFolder
from s3sync.listing.key_space import Alphabet
from s3sync.listing.pager import ListOptions
from s3sync.listing.segment_writer import SegmentFormat
from s3sync.listing.split import Lane
from s3sync.listing.task import ListContext, ListTask, run_list_task
from s3sync.model.task import Method, Task
from s3sync.queues.find import Queue, Queues
from s3sync.queues.messages import QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.retry.consumer import Drain
from s3sync.retry.drain import DrainContext
from s3sync.retry.one_task import RetryHow
from s3sync.retry.task_files import RedoContext, redo_file, write_task_files
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import parquet_bytes
from s3sync.runs.plan import Batch
from s3sync.runs.upload_log import OpenGiant, Piece
from s3sync.s3.engine.per_process import EngineOptions
from tests.contract.copying import Migration
from tests.contract.queueing import access_to
from tests.contract.test_check_batch import an_open
from tests.contract.working import NO_HUB, Worker

OBJECTS = 12
PART = 5 << 20
KEYS = [f"k/{number:03d}" for number in range(OBJECTS)]
ENGINE = EngineOptions(in_flight=1, max_attempts=6, max_requests_per_second=100_000)

Work = Callable[[HubAddress], Any]


@dataclass
class Ground:
    server: Any
    migration: Migration
    worker: Worker
    queues: tuple[Queue, ...]
    sqs: Any

    @classmethod
    def at(cls, server: Any, migration: Migration, folder: Path, queues: tuple[Queue, ...], sqs: Any) -> "Ground":
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        settings = replace(migration.settings, part_size_bytes=PART, planned_at=hour_ago, tags=False)
        worker = Worker.at(server, folder, settings)
        worker.context = replace(worker.context, engine=ENGINE)
        return cls(server, migration, worker, queues, sqs)

    @property
    def settings(self) -> CopySettings:
        return self.worker.context.settings

    def put_all(self, *, on_target: bool = False) -> None:
        for key in KEYS:
            self.migration.put(key, key.encode())
            if on_target:
                self.migration.put_target(key, key.encode())

    def tasks(self, method: Method = Method.COPY_OBJECT) -> list[Task]:
        return [self.migration.task(key, method=method) for key in KEYS]

    def files(self, prefix: str) -> int:
        return sum(name.endswith(".parquet") for name in self.worker.folder.names(prefix))

    def with_hub(self, hub: HubAddress) -> Worker:
        return Worker(replace(self.worker.context, hub=hub), self.worker.store, self.worker.attempts)


class Copies:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.put_all()

    def piece(self, number: int) -> Work:
        ground = self.ground
        batch = ground.worker.plan(f"b{number}", *ground.tasks())
        return lambda hub: copy_batch(ground.with_hub(hub).context, ground.worker.store, batch, "0001-1")

    def flushed(self) -> int | None:
        return self.ground.files("outcomes/")


class Opens:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.put_all()

    def giants(self, number: int) -> tuple[Batch, ...]:
        """Each of a file of its own, as giants are."""
        tasks = self.ground.tasks(Method.MULTIPART_COPY)
        return tuple(self.ground.worker.plan(f"b{number}-{task.source_key[2:]}", task, is_giant=True) for task in tasks)

    def piece(self, number: int) -> Work:
        opening = Opening(f"open/{number}", self.giants(number), OBJECTS * 10, True)
        return lambda hub: self.ground.with_hub(hub).do(open_giants, opening)

    def flushed(self) -> int | None:
        return None


class Finishes(Opens):
    def piece(self, number: int) -> Work:
        opened: list[OpenGiant] = super().piece(number)(NO_HUB)
        for giant in opened:
            for piece in giant.pieces():
                self.ground.worker.do(carry_piece, piece)
        finishing = Finishing(f"finish/{number}", tuple((giant, None) for giant in opened), True)
        return lambda hub: self.ground.with_hub(hub).do(finish_giants, finishing)


class Parts:
    """A giant of so many parts, all in one piece."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.migration.put("giant", bytes(OBJECTS * PART))

    def piece(self, number: int) -> Work:
        worker = self.ground.worker
        task = self.ground.migration.task("giant", method=Method.MULTIPART_COPY)
        batch = worker.plan(f"b{number}", task, is_giant=True)
        (giant,) = worker.do(open_giants, Opening("open", (batch,), OBJECTS * PART, True))
        piece = Piece(batch.batch_id, batch.file, giant.generation, 1, tuple(range(1, OBJECTS + 1)))
        return lambda hub: self.ground.with_hub(hub).do(carry_piece, piece)

    def flushed(self) -> int | None:
        return self.ground.files("uploads/")


class Checks:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.put_all(on_target=True)

    def piece(self, number: int) -> Work:
        worker = self.ground.worker
        name = f"judged/{number}.parquet"
        worker.folder.put(name, parquet_bytes(finding_table([an_open(key) for key in KEYS])))
        work = LookBatch(Batch(f"b{number}", name, OBJECTS, 0))
        context = CheckContext(
            stage=Stage.LOOKED,
            settings=LookSettings(self.ground.settings),
            check=CheckConfig(),
            access=worker.context.access,
            engine=ENGINE,
            store_uri=worker.context.store_uri,
            run_id="run",
            circuit_after=1000,
            hub=NO_HUB,
        )
        return lambda hub: check_batch(replace(context, hub=hub), worker.store, work, "0001-1")

    def flushed(self) -> int | None:
        return None


class Lists:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.put_all()

    def piece(self, number: int) -> Work:
        """A range for each key."""
        worker = self.ground.worker
        folder = ListingFolder(worker.store, "runs/1/", f"listing-{number}/", f"runs/1/listing-{number}/")
        bounds = ["", *KEYS[:-1]]
        ranges = tuple(Lane("", after, upto) for after, upto in zip(bounds, [*bounds[1:], None], strict=True))
        options = ListOptions(self.ground.settings.source_bucket, "")
        source = worker.context.access.source
        context = ListContext(options, source, ENGINE, lambda: SegmentFormat("parquet", parquet_bytes))
        task = ListTask(f"{number:05d}-00000", ranges, Alphabet())
        return lambda hub: run_list_task(replace(context, hub=hub), folder, task, "0001-00000001")

    def flushed(self) -> int | None:
        return None


class Redone:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        ground.put_all()

    def piece(self, number: int) -> Work:
        worker, settings = self.ground.worker, self.ground.settings
        tasks = [QueuedTask(task) for task in self.ground.tasks()]
        (name,) = write_task_files(worker.folder, f"drain-{number}", settings, [("b", tasks)])
        context = RedoContext(
            f"drain-{number}",
            "run",
            worker.context.access,
            worker.context.store_uri,
            ENGINE,
            RetryHow(),
            settings,
        )
        return lambda hub: redo_file(replace(context, hub=hub), name, "0001-1")

    def flushed(self) -> int | None:
        return self.ground.files("retries/")


class Drained(Redone):
    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)

        put_recipe(ground.worker.folder, ground.settings)
        self.context = DrainContext(
            drain_id="drain",
            access=access_to(ground.server),
            store_uri=ground.worker.context.store_uri,
            engine=ENGINE,
            how=RetryHow(),
            queues=Queues(ground.queues, None),
            take=ground.queues,
            wait_seconds=0,
            delay_seconds=0,
            hold_seconds=30,
        )

    def piece(self, number: int) -> Work:
        settings = self.ground.settings
        route = Route(self.ground.queues, "run", (settings.source_bucket, settings.target_bucket), 1)
        sent = send_tasks(self.ground.sqs, route, [QueuedTask(task) for task in self.ground.tasks()])
        assert sent.tasks == OBJECTS
        return lambda hub: Drain(replace(self.context, hub=hub), f"w{number}").run()


KINDS = {
    "copies": Copies,
    "opens": Opens,
    "parts": Parts,
    "finishes": Finishes,
    "checks": Checks,
    "lists": Lists,
    "redone": Redone,
    "drained": Drained,
}
