"""Runs in this process, on its one Spark session: much quicker than spark-submit, and quiet.

`Workplace.run` is what the command does behind `s3sync`, but for the last step: an error that s3sync raises on purpose
becomes a code and a line, any other one comes out and fails the test.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from s3sync.checking.job import check
from s3sync.cli.options import parse
from s3sync.config.model import Config
from s3sync.copying.job import migrate, plan_only
from s3sync.errors import S3SyncError
from s3sync.listing.job import list_bucket
from s3sync.model.tables import OUTCOMES, PLAN
from s3sync.retry.job import retry

JOBS: dict[str, Callable[[Config, Console], int]] = {
    "migrate": migrate,
    "plan": plan_only,
    "check": check,
    "retry": retry,
    "list": list_bucket,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; `folder` is the run's, None where none was begun."""

    code: int
    said: str
    error: str | None
    folder: Path | None

    def _json(self, name: str) -> dict[str, Any]:
        assert self.folder is not None, self.said
        found: dict[str, Any] = json.loads((self.folder / name).read_text())
        return found

    @property
    def summary(self) -> dict[str, Any]:
        return self._json("summary.json")

    @property
    def plan(self) -> dict[str, Any]:
        return self._json("plan/manifest.json")

    @property
    def counts(self) -> dict[str, Any]:
        """Of the plan, with those of the outcomes where the run has come so far."""
        assert self.folder is not None, self.said
        found: dict[str, Any] = (self.summary if (self.folder / "summary.json").exists() else self.plan)["counts"]
        return found

    @property
    def statuses(self) -> dict[str, int]:
        """Objects by status, those that have any."""
        return {name: s["objects"] for name, s in self.summary["statuses"].items() if s["objects"]}

    def planned(self) -> dict[str, dict[str, Any]]:
        """The rows of the committed plan by their source keys, each of which stands there once."""
        manifest = self.plan
        files = [batch[1] for batch in manifest["batches"]] + manifest["skip_files"]
        return self._by_source_key(files, PLAN)

    def outcomes(self) -> dict[str, dict[str, Any]]:
        return self._by_source_key(self._json("outcomes/manifest.json")["parts"], OUTCOMES)

    def _by_source_key(self, files: list[str], schema: pa.Schema) -> dict[str, dict[str, Any]]:
        assert self.folder is not None
        tables = [pq.read_table(self.folder / name).select(schema.names) for name in files]
        rows = [row for table in tables for row in table.to_pylist()]
        found = {row["source_key"]: row for row in rows}
        assert len(found) == len(rows), "a source key stands in the table twice"
        return found


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where runs are begun from: `work` is their work location, `environ` the variables they see."""

    work: Path
    environ: Mapping[str, str]
    uri: str | None = None  # of the work location, where that is not the folder `work`

    def run(self, *arguments: str, command: str = "migrate") -> Ended:
        """`s3sync COMMAND ARGUMENTS --work-uri WORK`."""
        console = Console(file=StringIO(), width=120, color_system=None)
        argv = [command, *arguments, "--work-uri", self.uri or str(self.work)]
        job = JOBS[command]
        error = None
        try:
            code = job(parse(argv, self.environ, self.work).config, console)
        except S3SyncError as raised:
            code, error = raised.exit_code, str(raised)
            assert "\n" not in error, error
        said = console.file.getvalue()  # type: ignore[attr-defined]
        return Ended(code, said, error, self._newest())

    def plan(self, *arguments: str) -> Ended:
        return self.run(*arguments, command="plan")

    def at(self, endpoint_url: str) -> "Workplace":
        """The same place, with the buckets' sides at another endpoint."""
        sides = ("SOURCE", "TARGET", "INVENTORY")
        return replace(self, environ={**self.environ, **{f"{side}_ENDPOINT_URL": endpoint_url for side in sides}})

    def _newest(self) -> Path | None:
        runs = [path for path in (self.work / "runs").glob("*") if (path / "run.json").exists()]
        return max(runs, key=lambda path: (path / "run.json").stat().st_mtime_ns, default=None)
