"""How far a run is, read from its tables by somebody who is not its driver."""

from s3sync.report.progress import Standing
from s3sync.report.tally import Tally, tally
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcome_log import BatchDone, read_parquet


class TableProgress:
    """Reads each table once and keeps its numbers, so that it may be asked often.

    For people only: what two attempts both wrote is counted twice until their batch is committed.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._total: int | None = None
        self._done: dict[str, Tally] = {}
        self._parts: dict[str, Tally] = {}

    def standing(self) -> Standing | None:
        """None while the run has no plan."""
        if self._total is None:
            plan = self._folder.manifest("plan")
            if plan is None:
                return None
            self._total = sum(batch[2] for batch in plan["batches"])
        for name in self._folder.names("outcomes/"):
            self._take(name)
        total = Tally()
        for counted in (*self._done.values(), *self._parts.values()):
            total.add(counted)
        return Standing(
            self._total, total.settled, total.size_bytes["copied"], total.objects["failed"], total.throttled
        )

    def _take(self, name: str) -> None:
        parts = name.split("/")
        if len(parts) != 3:  # noqa: PLR2004  (outcomes/{batch}/{file})
            return
        batch = parts[1]
        if name.endswith(".done.json") and batch not in self._done:
            told = self._folder.get_json(name)
            if told is not None:
                self._done[batch] = BatchDone.from_json(told).tally
                self._parts = {each: counts for each, counts in self._parts.items() if each.split("/")[1] != batch}
        elif name.endswith(".parquet") and batch not in self._done and name not in self._parts:
            self._parts[name] = tally(read_parquet(self._folder.get(name)))
