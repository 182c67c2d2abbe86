"""The files that `s3sync list` writes: which rows, which columns, in which format."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from s3sync.config.model import ListFormat
from s3sync.listing.segment_writer import Rows, SegmentFormat
from s3sync.model.tables import LISTING
from s3sync.runs.outcomes import parquet_bytes
from s3sync.selection.filters import Filters

OF_OBJECTS = ("key", "size", "last_modified", "etag", "storage_class")
OF_VERSIONS = ("version_id", "is_latest", "is_delete_marker")
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class ListedFiles:
    """Makes the format in the worker. `owners`, `versions`: the columns that only some listings have."""

    format: ListFormat
    filters: Filters
    owners: bool = False
    versions: bool = False

    def __call__(self) -> SegmentFormat:
        return SegmentFormat(self.format.value, _ENCODERS[self.format], self.select)

    @property
    def columns(self) -> tuple[str, ...]:
        key, *others = OF_OBJECTS
        versions = OF_VERSIONS if self.versions else ()
        return (key, *versions, *others, *(("owner",) if self.owners else ()))

    def select(self, table: pa.Table) -> Rows:
        """The rows that the filters keep, and how many they drop for which reason."""
        kept: list[pa.RecordBatch] = []
        dropped: dict[str, int] = {}
        for batch in table.to_batches():
            rows, reasons = self.filters.split(_unmarked(batch) if self.versions else batch)
            kept.append(_marked(rows) if self.versions else rows)
            for reason, count in reasons.items():
                dropped[str(reason)] = dropped.get(str(reason), 0) + count
        return pa.Table.from_batches(kept, LISTING).select(self.columns), dropped


def _unmarked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with its versions looking like current objects, so that no filter drops them for being none."""
    nothing, size = pa.nulls(batch.num_rows, pa.bool_()), pc.fill_null(batch.column("size"), 0)
    hidden = {"is_latest": nothing, "is_delete_marker": nothing, "size": size}
    columns = [hidden.get(name, batch.column(name)) for name in batch.schema.names]
    kept = [batch.column("is_latest"), batch.column("is_delete_marker"), batch.column("size")]
    return pa.record_batch([*columns, *kept], names=[*batch.schema.names, "_latest", "_marker", "_size"])


def _marked(batch: pa.RecordBatch) -> pa.RecordBatch:
    own = {"is_latest": "_latest", "is_delete_marker": "_marker", "size": "_size"}
    return pa.record_batch([batch.column(own.get(name, name)) for name in LISTING.names], schema=LISTING)


def csv_bytes(table: pa.Table) -> bytes:
    """With a header; text is quoted where it must be, null is empty, times are ISO 8601 in UTC."""
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(_with_iso_times(table), sink, pa_csv.WriteOptions(quoting_style="needed"))
    return bytes(sink.getvalue())


def jsonl_bytes(table: pa.Table) -> bytes:
    """One object a line; what is null is left out."""
    lines = [
        json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
        for batch in _with_iso_times(table).to_batches()
        for row in batch.to_pylist()
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _with_iso_times(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("last_modified")
    seconds = table["last_modified"].cast(pa.timestamp("s", "UTC"), safe=False)
    return table.set_column(at, "last_modified", pc.strftime(seconds, _ISO))


_ENCODERS: dict[ListFormat, Callable[[pa.Table], bytes]] = {
    ListFormat.PARQUET: parquet_bytes,
    ListFormat.CSV: csv_bytes,
    ListFormat.JSONL: jsonl_bytes,
}
