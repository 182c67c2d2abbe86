"""Reports of runs, written where people look for them.

{report_uri}/report.html                     for people
{report_uri}/summary.json                    for programs
{report_uri}/findings/part-00000.parquet     a check's findings, every key as it is
{report_uri}/findings/part-00000.csv         the same for spreadsheets
{report_uri}/begun.json                      which command will write a report here, or has

Findings as CSV that a spreadsheet opens: UTF-8 with its mark, every text quoted, no cell that is a formula.

A key may begin with `=`, and a spreadsheet would carry it out (OWASP: "CSV Injection"). Such a cell gets an apostrophe
in front, which spreadsheets take as "this is text". A spreadsheet that takes `;` for the separator, as those of many
countries do, begins a cell behind one: there too. Control characters become U+FFFD. The Parquet files beside the
CSV hold every key as it is.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from s3sync.config.model import Config
from s3sync.errors import ConfigError, StoreError
from s3sync.report.check_summary import KIND, CheckSummary
from s3sync.report.history import pieces_of, troubles_of
from s3sync.report.html import check_html, migration_html
from s3sync.report.migration_page import MigrationView
from s3sync.runs.folder import RunFolder
from s3sync.runs.follow_up import findings_of_check
from s3sync.runs.outcomes import parquet_bytes, read_parquet
from s3sync.runs.store import Store, open_store
from s3sync.runs.summary import Summary

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"  # the last four are the wide forms of the first ones

_STARTS = "[" + "".join(rf"\x{{{ord(character):x}}}" for character in FORMULA_STARTS) + "]"
_FORMULA = rf"(\A|;)([\s\pZ\"]*)({_STARTS})"  # spreadsheets pass over spaces
_CONTROL = r"[\x00-\x1f\x7f]"  # tabs and line ends too, which some spreadsheets take for the end of a cell


def findings_csv(findings: pa.Table) -> bytes:
    """A table of the schema FINDINGS, with a line of column names first."""
    columns = [_cells(findings[name]) for name in findings.column_names]
    sink = pa.BufferOutputStream()
    csv.write_csv(
        pa.table(columns, names=findings.column_names),
        sink,
        csv.WriteOptions(quoting_style="all_valid"),
    )
    return BYTE_ORDER_MARK + bytes(sink.getvalue())


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(
            column.cast(pa.timestamp("s", tz="UTC"), safe=False), format="%Y-%m-%dT%H:%M:%SZ", locale="C"
        )
    if not pa.types.is_string(column.type):
        return column
    shown = pc.replace_substring_regex(column, _CONTROL, "\ufffd")
    return pc.replace_substring_regex(shown, _FORMULA, r"\1'\2\3")


_PART = re.compile(r"findings/part-([0-9]{5,})\.(?:parquet|csv)")


def report_store(config: Config, folder: RunFolder) -> Store:
    """Where the report of a run goes: `report.uri`, or the folder `report/` of the run."""
    uri = config.report.uri or f"{folder.uri}/report"
    return open_store(uri, config.access.work)


def begin_report(config: Config, source_place: str, target_place: str, now: datetime) -> None:
    """Say in the place that `report.uri` names that its report is under way; to be called before the work is begun, so
    that nobody finds out at its end that nothing can be written there. Raises ConfigError where nothing can."""
    if config.report.uri is None:
        return
    told = {"begun_at": now.isoformat(), "source": source_place, "target": target_place}
    try:
        open_store(config.report.uri, config.access.work).put("begun.json", json.dumps(told).encode())
    except StoreError as error:
        raise ConfigError("--report-uri", f"the report can't be written there: {error}") from error


def write_findings_part(folder: RunFolder, report: Store, place: int, file: str) -> None:
    """One file of findings as Parquet and as CSV."""
    findings = read_parquet(folder.get(file))
    report.put(f"findings/part-{place:05d}.parquet", parquet_bytes(findings))
    report.put(f"findings/part-{place:05d}.csv", findings_csv(findings))


def write_check_report(report: Store, summary: CheckSummary, files: int) -> None:
    """The page and the summary; parts of an earlier report that was larger are removed."""
    for name in list(report.names("findings/part-")):
        found = _PART.fullmatch(name)
        if found and int(found[1]) >= files:
            report.delete(name)
    report.put("summary.json", summary.to_json().encode())
    report.put("report.html", check_html(summary, files).encode())


def write_migration_report(report: Store, folder: RunFolder, summary: Summary) -> None:
    view = MigrationView(summary, pieces_of(folder), troubles_of(folder))
    report.put("summary.json", summary.to_json().encode())
    report.put("report.html", migration_html(view).encode())


def write_report(config: Config, run_id: str) -> tuple[str, int]:
    """Write the report of a run again, and return where it is and the run's exit code.

    Raises ConfigError where there is no such run, or it has no summary yet.
    """
    folder = RunFolder(open_store(config.run.work_uri, config.access.work), run_id)
    found = folder.get_json("summary.json")
    if found is None:
        problem = "has no summary yet" if folder.get_json("run.json") else f"is not in {folder.store.uri}"
        raise ConfigError("RUN", f"run {run_id} {problem}; see --work-uri")
    text = folder.get("summary.json").decode()
    report = report_store(config, folder)
    if found.get("kind") != KIND:
        migration = Summary.from_json(text)
        write_migration_report(report, folder, migration)
        return report.uri, migration.exit_code
    summary, files = CheckSummary.from_json(text), findings_of_check(folder.store, run_id)
    write_parts(folder, report, files)
    write_check_report(report, summary, len(files))
    return report.uri, summary.exit_code


def write_parts(folder: RunFolder, report: Store, files: Sequence[str]) -> None:
    for place, file in enumerate(files):
        write_findings_part(folder, report, place, file)
