"""Checks, and copies of what they find, in the process of pytest, so that they share one Spark session."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console

from s3sync.checking.job import check
from s3sync.cli.options import parse
from s3sync.config.model import Config
from s3sync.copying.job import migrate
from s3sync.retry.job import retry


@dataclass(frozen=True)
class Pair:
    """A source and a target that hold the same, made object by object."""

    s3: Any
    source: str
    target: str

    def put(self, key: str, body: bytes, *buckets: str, **more: Any) -> None:
        for bucket in buckets or (self.source, self.target):
            self.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def body(self, bucket: str, key: str) -> bytes:
        found: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return found

    def upload(self, bucket: str, key: str, *parts: bytes, **more: Any) -> None:
        """Upload in these parts."""
        given = {"Bucket": bucket, "Key": key}
        given["UploadId"] = self.s3.create_multipart_upload(**given, **more)["UploadId"]
        done = [
            {"PartNumber": number, "ETag": self.s3.upload_part(**given, PartNumber=number, Body=part)["ETag"]}
            for number, part in enumerate(parts, start=1)
        ]
        self.s3.complete_multipart_upload(**given, MultipartUpload={"Parts": done})


@dataclass(frozen=True)
class Checked:
    """A check that came to its end: its exit code and output, and its report's folder."""

    code: int
    output: str
    report: Path

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "summary.json").read_text())
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for file in self.report.glob("findings/*.parquet") for row in pq.read_table(file).to_pylist()]

    @property
    def verdicts(self) -> dict[str, str]:
        rows = self.rows
        assert len({row["target_key"] for row in rows}) == len(rows)
        return {row["target_key"]: row["verdict"] for row in rows}


@dataclass
class Checks:
    """`run(...)` is `s3sync check ...`, without the process."""

    folder: Path
    environ: dict[str, str]
    count: int = field(default=0)

    def run(self, *arguments: str, report_uri: str | None = None) -> Checked:
        self.count += 1
        report = self.folder / f"report-{self.count}"
        given = [*arguments, "--report-uri", report_uri or str(report), "--work-uri", str(self.folder / "work")]
        config = parse(["check", *given], self.environ, self.folder).config
        out = io.StringIO()
        code = check(config, Console(file=out, width=100, highlight=False))
        return Checked(code, out.getvalue(), report)

    def mend(self, checked: Checked) -> str:
        """`s3sync migrate --from-findings` of that check: its output, once it has copied all."""
        return self.migrate("--from-findings", checked.summary["run_id"])

    def migrate(self, *arguments: str) -> str:
        """`s3sync migrate ...`: its output, once it has copied all."""
        return self._all_done("migrate", migrate, arguments)

    def retry(self, *arguments: str) -> str:
        """`s3sync retry ...`: its output, once each run that it touched is complete."""
        return self._all_done("retry", retry, arguments)

    def planned(self) -> list[dict[str, Any]]:
        """The rows of the newest plan."""
        newest = max((self.folder / "work" / "runs").glob("*/plan"), key=lambda plan: plan.stat().st_mtime)
        return [row for file in newest.glob("*.parquet") for row in pq.read_table(file).to_pylist()]

    def migrated(self, *arguments: str) -> tuple[int, str]:
        """`s3sync migrate ...`: its exit code and its output."""
        return self._ended("migrate", migrate, arguments)

    def _all_done(self, command: str, job: Callable[[Config, Console], int], arguments: tuple[str, ...]) -> str:
        code, output = self._ended(command, job, arguments)
        assert code == 0, output
        return output

    def _ended(
        self, command: str, job: Callable[[Config, Console], int], arguments: tuple[str, ...]
    ) -> tuple[int, str]:
        given = [command, *arguments, "--work-uri", str(self.folder / "work")]
        out = io.StringIO()
        code = job(parse(given, self.environ, self.folder).config, Console(file=out, width=100))
        return code, out.getvalue()


def wait_a_second() -> None:
    """S3's times are whole seconds, so what is to be newer than a run must be a second newer."""
    until = datetime.now(UTC) + timedelta(seconds=2.1)
    while datetime.now(UTC) < until:
        pass
