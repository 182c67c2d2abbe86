"""What became of the batches of a check that were looked at object by object: a record each, and which records count.

{stage}/{batch}/{attempt}.parquet         its findings (schema FINDINGS)
{stage}/{batch}/{attempt}.open.parquet    what only the bodies can settle
{stage}/{batch}/{attempt}.done.json       its record, written last
{stage}/manifest.json                     the commit: the records that count
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from s3sync.report.check_tally import CheckTally
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import Batch


class Stage(StrEnum):
    """What is done with a batch, and the folder that it is written to."""

    LOOKED = "looked"
    READ = "read"


@dataclass(frozen=True, slots=True)
class BatchLooked:
    """The commit of a batch: `file` has its findings, None where there are none. `left` has what only the bodies can
    settle, with how many bytes that takes at most; such objects are in no tally yet."""

    batch_id: str
    attempt: str
    objects: int
    file: str | None
    tally: CheckTally = field(default_factory=CheckTally)
    left: Batch | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "batch_id": self.batch_id,
            "attempt": self.attempt,
            "objects": self.objects,
            "file": self.file,
            "tally": self.tally.to_json(),
            "left": self.left and [self.left.batch_id, self.left.file, self.left.tasks, self.left.size_bytes],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "BatchLooked":
        return cls(
            value["batch_id"],
            value["attempt"],
            value["objects"],
            value["file"],
            CheckTally.from_json(value["tally"]),
            Batch(*value["left"]) if value["left"] else None,
        )

    @property
    def name(self) -> str:
        """The record's path in the folder of its stage."""
        return f"{self.batch_id}/{self.attempt}.done.json"


def done_batches(folder: RunFolder, stage: Stage) -> dict[str, BatchLooked]:
    """The batches of a stage that are done: those that its manifest names, or, while it has none, all that there are,
    of several records of one batch the first attempt's."""
    committed = folder.manifest(stage)
    names = [f"{stage}/{name}" for name in committed["done"]] if committed else folder.names(f"{stage}/")
    done: dict[str, BatchLooked] = {}
    for name in names:
        if name.endswith(".done.json"):
            record = BatchLooked.from_json(folder.get_json(name) or {})
            done.setdefault(record.batch_id, record)
    return done


def commit_stage(folder: RunFolder, stage: Stage) -> dict[str, BatchLooked]:
    """Say which records count from now on, whoever comes later, and return them."""
    done = done_batches(folder, stage)
    if folder.manifest(stage) is None:
        folder.commit(stage, {"done": [record.name for record in done.values()]})
    return done
