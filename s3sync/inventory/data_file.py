"""The rows of one data file, in pieces, in memory that does not grow with the file (C11)."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pa_parquet
from pyarrow.fs import LocalFileSystem

from s3sync.errors import InventoryError
from s3sync.inventory.columns import REPEATING, known_column, one_line, to_listing
from s3sync.inventory.manifest import DataFile, FileFormat, Manifest
from s3sync.model.limits import MIB

CSV_BLOCK_BYTES = MIB // 4  # of text; the reader takes some forty of them, and larger ones gain nothing
PARQUET_BUFFER_BYTES = 1 * MIB

# What pyarrow raises for damaged bytes; the last two for damaged names of columns.
_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError, KeyError)


def read_data_file(
    path: Path, manifest: Manifest, file: DataFile, rows_per_batch: int = 50_000
) -> Iterator[pa.RecordBatch]:
    """The rows of the local copy `path` of `file`, in its order, as LISTING batches of 1 to `rows_per_batch` rows.

    Raises InventoryError, naming the data file's own URI and the cause, for anything that S3 would not have written;
    the batches before the fault have been handed out by then. The bytes are not compared with the manifest here:
    that is done where the file is fetched. Only that comparison finds all damage: a changed byte within a value goes
    unseen, and in an ORC file it can make the C++ reader end the whole process.
    """
    where = manifest.file_uri(file)
    names = [name for name in manifest.columns if known_column(name)]
    is_csv = manifest.file_format is FileFormat.CSV
    try:
        for batch in _READERS[manifest.file_format](path, manifest.columns, names, rows_per_batch, where):
            rows = to_listing(batch, manifest.source_bucket, is_csv, where)
            for start in range(0, rows.num_rows, rows_per_batch):
                yield rows.slice(start, rows_per_batch)
    except _DAMAGE as error:
        raise InventoryError(where, f"can't be read as {manifest.file_format}: {one_line(error)}") from error


def _read_csv(
    path: Path, columns: tuple[str, ...], names: list[str], _rows: int, _where: str
) -> Iterator[pa.RecordBatch]:
    if _unpacks_to_nothing(path):
        return  # the list of no objects, which Arrow would call an error
    with pa.OSFile(str(path)) as packed, pa.CompressedInputStream(packed, "gzip") as lines:
        yield from pa_csv.open_csv(
            lines,
            read_options=pa_csv.ReadOptions(column_names=list(columns), block_size=CSV_BLOCK_BYTES, use_threads=False),
            # The only null is the empty text: `NA` and `null` are names that an object may have.
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )


def _unpacks_to_nothing(path: Path) -> bool:
    if path.stat().st_size == 0:
        raise OSError("the file has no bytes")
    with pa.OSFile(str(path)) as packed, pa.CompressedInputStream(packed, "gzip") as lines:
        return not lines.read(1)


def _read_parquet(
    path: Path, _columns: tuple[str, ...], names: list[str], rows: int, where: str
) -> Iterator[pa.RecordBatch]:
    _check_columns(pa_parquet.read_schema(path).names, names, where)
    repeating = [name for name in names if known_column(name) in REPEATING]
    # Without a buffer size, or with pre-buffering, a row group's whole columns are held at once.
    with pa_parquet.ParquetFile(
        path, buffer_size=PARQUET_BUFFER_BYTES, pre_buffer=False, read_dictionary=repeating
    ) as file:
        yield from _all(file.iter_batches(rows, columns=names, use_threads=False), file.metadata.num_rows)


def _read_orc(
    path: Path, _columns: tuple[str, ...], names: list[str], rows: int, where: str
) -> Iterator[pa.RecordBatch]:
    # pyarrow.orc reads whole stripes, of hundreds of megabytes once unpacked; a dataset's fragment reads within them.
    fragment = pa_dataset.OrcFileFormat().make_fragment(str(path), LocalFileSystem())
    _check_columns(fragment.physical_schema.names, names, where)
    batches = fragment.to_batches(
        columns=names, batch_size=rows, batch_readahead=0, fragment_readahead=0, use_threads=False
    )
    yield from _all(batches, fragment.count_rows())


def _all(batches: Iterator[pa.RecordBatch], promised_rows: int) -> Iterator[pa.RecordBatch]:
    """The batches; an OSError at the end where they have not as many rows as the file's footer says."""
    seen = 0
    for batch in batches:
        seen += batch.num_rows
        yield batch
    if seen != promised_rows:
        raise OSError(f"it has {seen} rows, but its footer says {promised_rows}")


def _check_columns(present: list[str], promised: list[str], where: str) -> None:
    for name in promised:
        if name not in present:
            raise InventoryError(where, f"has no column `{name}`, which its manifest promises")


_READERS = {
    FileFormat.CSV: _read_csv,
    FileFormat.PARQUET: _read_parquet,
    FileFormat.ORC: _read_orc,
}
