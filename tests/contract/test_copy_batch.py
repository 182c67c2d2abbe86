"""Batches carried out one after the other in one process, as a Spark worker does."""

from datetime import UTC, datetime

import pyarrow as pa

from s3sync.config.model import AccessConfig
from s3sync.copying.batch import CopyContext, copy_batch
from s3sync.copying.settings import CopySettings
from s3sync.model.tables import PLAN
from s3sync.runs.folder import RunFolder
from s3sync.runs.heartbeat import HubAddress
from s3sync.runs.outcomes import BatchDone, parquet_bytes
from s3sync.runs.plan import Batch
from s3sync.runs.store import LocalStore
from s3sync.s3.engine.per_process import EngineOptions
from tests.contract.copying import access_to, conditions_of, migration_on


def test_c6_each_batch_counts_its_own_requests(server, s3, bucket_factory, tmp_path):
    """The engine is kept from batch to batch; its counts must not be."""
    migration = migration_on(server, s3, bucket_factory(), bucket_factory())
    access = AccessConfig(source=access_to(server), target=access_to(server))
    store = LocalStore(tmp_path)
    folder = RunFolder(store, "run")
    context = CopyContext(
        settings=CopySettings(
            migration.settings.source_bucket,
            migration.settings.target_bucket,
            planned_at=datetime.now(UTC),
            conditions=conditions_of(server.capabilities),
        ),
        access=access,
        store_uri=str(tmp_path),
        run_id="run",
        epoch=1,
        engine=EngineOptions(in_flight=4, max_attempts=3),
        circuit_after=2_000,
        hub=HubAddress("127.0.0.1", 1, ""),
    )
    counted = []
    for number in range(3):
        keys = [f"{number}-{each}" for each in range(5)]
        for key in keys:
            migration.put(key)
        rows = [{name: getattr(task, name) for name in PLAN.names} for task in map(migration.task, keys)]
        folder.put(f"plan/{number}.parquet", parquet_bytes(pa.Table.from_pylist(rows, schema=PLAN)))
        done = copy_batch(context, store, Batch(f"b{number}", f"plan/{number}.parquet", 5, 20), "0001-00000001")
        assert isinstance(done, BatchDone)
        counted.append(done.tally.requests["CopyObject"])
    assert counted == [5, 5, 5]
