"""What workers do, without Spark: a run's folder, and a plan's batches carried out in this process."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from s3sync.config.model import AccessConfig, TransportKind
from s3sync.copying.batch import CopyContext, copy_batch
from s3sync.copying.settings import CopySettings
from s3sync.model.tables import OUTCOMES, PLAN
from s3sync.model.task import Task
from s3sync.runs.finish import done_batches
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import BatchDone, parquet_bytes, read_parquet
from s3sync.runs.plan import Batch
from s3sync.runs.store import LocalStore
from s3sync.s3.engine.per_process import EngineOptions
from tests.contract.copying import access_to

NO_HUB = HubAddress("127.0.0.1", 1, "")


@dataclass
class Worker:
    """A worker process of a run: each call is a Spark task's attempt, with a number of its own."""

    context: CopyContext
    store: LocalStore
    attempts: int = 0

    @classmethod
    def at(cls, server: Any, folder: Path, settings: CopySettings, **engine: Any) -> "Worker":
        given = {"in_flight": 8, "max_attempts": 3, **engine}
        access = AccessConfig(source=access_to(server), target=access_to(server))
        context = CopyContext(
            settings=settings,
            access=access,
            store_uri=str(folder),
            run_id="run",
            epoch=1,
            engine=EngineOptions(**{**given, "transport": TransportKind(given.get("transport", "curl"))}),
            circuit_after=2_000,
            hub=NO_HUB,
        )
        return cls(context, LocalStore(folder))

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.store, "run")

    def set(self, **settings: Any) -> None:
        self.context = replace(self.context, settings=replace(self.context.settings, **settings))

    def attempt(self) -> str:
        self.attempts += 1
        return f"0001-{self.attempts:08d}"

    def plan(self, batch_id: str, *tasks: Task, is_giant: bool = False) -> Batch:
        rows = [{name: getattr(task, name) for name in PLAN.names} for task in tasks]
        name = f"plan/{batch_id}.parquet"
        self.folder.put(name, parquet_bytes(pa.Table.from_pylist(rows, schema=PLAN)))
        return Batch(batch_id, name, len(tasks), sum(task.size or 0 for task in tasks), is_giant)

    def copy(self, batch: Batch) -> BatchDone:
        done = copy_batch(self.context, self.store, batch, self.attempt())
        assert isinstance(done, BatchDone)
        return done

    def do(self, act: Callable[..., Any], work: Any) -> Any:
        """One of `copying.large_object.tasks`."""
        return act(self.context, self.store, work, self.attempt())

    def outcomes(self, batch_id: str) -> list[dict[str, Any]]:
        """The rows that were committed; none where the batch is not done."""
        done = done_batches(self.folder).get(batch_id)
        tables = [read_parquet(self.folder.get(name)) for name in (done.parts if done else ())]
        return [row for table in tables for row in table.select(OUTCOMES.names).to_pylist()]
