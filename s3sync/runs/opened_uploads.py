"""The uploads that the copies by parts of a batch open, written down before the first part is copied (C7).

    uploads/{batch_id}/{attempt}-{number}.opened.json     those of about half a second, where there were any

A worker that dies leaves its uploads open, and the next attempt at the batch may open none for the same object: the
source changed meanwhile, or is gone. So it aborts those that are written down, of the tasks that nobody settled.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from s3sync.model.task import Task
from s3sync.runs.folder import RunFolder

_END = ".opened.json"


@dataclass(frozen=True, slots=True)
class OpenedUpload:
    task_id: str
    target_key: str
    upload_id: str


class OpenedUploads:
    """Of one attempt at a batch."""

    def __init__(self, folder: RunFolder, batch_id: str, attempt: str) -> None:
        self._folder = folder
        self._prefix = f"uploads/{batch_id}/"
        self._attempt = attempt
        self._pending: list[OpenedUpload] = []
        self._files = 0

    def note(self, task: Task, upload_id: str) -> None:
        self._pending.append(OpenedUpload(task.task_id, task.target_key, upload_id))

    def write(self) -> None:
        """Write down what was noted since. To be called at each tick of the engine."""
        if not self._pending:
            return
        name = f"{self._prefix}{self._attempt}-{self._files:04d}{_END}"
        rows = [[each.task_id, each.target_key, each.upload_id] for each in self._pending]
        self._folder.put_json(name, {"uploads": rows})
        self._files += 1
        self._pending.clear()

    def left_open(self, settled: Collection[str]) -> list[OpenedUpload]:
        """What earlier attempts opened for tasks that are not settled; some of it may have been aborted since."""
        found: list[OpenedUpload] = []
        for name in self._folder.names(self._prefix):
            if name.endswith(_END):
                found.extend(OpenedUpload(*row) for row in json.loads(self._folder.get(name))["uploads"])
        return [each for each in found if each.task_id not in settled]
