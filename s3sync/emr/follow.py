"""How far a run is, read from its tables by somebody who is not its driver.

How a job tells whoever submitted it which run it works on, and how it ended. YARN turns every exit code into 1.

{work_uri}/submissions/{submission_id}/sent.json    where the job was sent, by who sent it; see `emr.sent_jobs`
{work_uri}/submissions/{submission_id}/run.json     {"run_id": ...}
{work_uri}/submissions/{submission_id}/ended.json   {"exit_code": ..., "error": the one line, or null}

Where the last one is missing, the run's own summary.json says how it ended.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from s3sync.config.model import Config
from s3sync.errors import EXIT_OTHER, S3SyncError, StoreError
from s3sync.model.tally import Tally, tally
from s3sync.report.progress import Standing
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import BatchDone, read_parquet
from s3sync.runs.store import Store, open_store


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


@dataclass(frozen=True, slots=True)
class Ended:
    exit_code: int
    error: str | None


def announce_run(store: Store, submission_id: str | None, run_id: str) -> None:
    """Say which run the job works on; nothing is said where nobody asked."""
    if submission_id is not None:
        store.put(f"submissions/{submission_id}/run.json", json.dumps({"run_id": run_id}).encode())


def note_sent(store: Store, submission_id: str, note: Mapping[str, str | None]) -> None:
    """Keep where the job was sent, for whoever wants to follow it later."""
    store.put(f"submissions/{submission_id}/sent.json", json.dumps(note).encode())


def submission_of(store: Store, wanted: str) -> tuple[str, dict[str, str | None]] | None:
    """The newest submission that is the step, the job run or the submission of that id, or works on the run of that
    id, and where it was sent. None where there is none; submissions are removed after some time."""
    ids = sorted({name.split("/")[1] for name in store.names("submissions/")}, reverse=True)
    for submission_id in ids:
        body = store.get(f"submissions/{submission_id}/sent.json")
        if body is None:
            continue
        note: dict[str, str | None] = json.loads(body)
        known = (submission_id, note.get("step_id"), note.get("job_run_id"))
        if wanted in known or announced_run(store, submission_id) == wanted:
            return submission_id, note
    return None


def announced_run(store: Store, submission_id: str) -> str | None:
    body = store.get(f"submissions/{submission_id}/run.json")
    return None if body is None else str(json.loads(body)["run_id"])


def ended(store: Store, submission_id: str) -> Ended | None:
    """How the job ended; None while it runs, and where its driver was killed before it had a summary."""
    body = store.get(f"submissions/{submission_id}/ended.json")
    if body is not None:
        told = json.loads(body)
        return Ended(int(told["exit_code"]), told["error"])
    run_id = announced_run(store, submission_id)
    summary = RunFolder(store, run_id).get_json("summary.json") if run_id else None
    return Ended(int(summary["exit_code"]), None) if summary else None


def with_ending_told(config: Config, work: Callable[[], int]) -> int:
    """Do the work, and put down how it ended where somebody asked. What it raises and returns stays as it is."""
    submission_id = config.run.submission_id
    if submission_id is None:
        return work()

    def tell(code: int, error: str | None) -> None:
        store = open_store(config.run.work_uri, config.access.work)
        body = json.dumps({"exit_code": code, "error": error}).encode()
        with suppress(StoreError):  # the job's own end counts, not that of the message
            store.put(f"submissions/{submission_id}/ended.json", body)

    try:
        code = work()
    except S3SyncError as error:
        tell(error.exit_code, str(error))
        raise
    except BaseException as error:
        tell(EXIT_OTHER, f"{type(error).__name__}, see the driver's log")
        raise
    tell(code, None)
    return code
