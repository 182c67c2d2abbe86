"""An S3 Inventory report of the server's source bucket, as CSV in a folder that the server shows as a bucket."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from hashlib import md5
from itertools import islice
from pathlib import Path
from typing import IO

from benchmarks.s3_server import FILES_BUCKET, SOURCE_BUCKET, ServerOptions, print_keys

ROWS_A_FILE = 500_000
CREATED_AT_MS = 1_767_225_600_000
_SCHEMA = "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, EncryptionStatus"


def write_report(options: ServerOptions, folder: Path, rows_a_file: int = ROWS_A_FILE) -> str:
    """Write the report and return the URI of its manifest. Real reports have files of about this size."""
    home = folder / "inventory"
    (home / "data").mkdir(parents=True)
    files = []
    with tempfile.TemporaryFile() as rows:
        print_keys(options, rows, csv=True)
        rows.seek(0)
        for number, share in enumerate(_shares(rows, rows_a_file)):
            path = home / "data" / f"{number:05d}.csv.gz"
            path.write_bytes(gzip.compress(share, compresslevel=6, mtime=0))
            files.append({"key": f"inventory/data/{path.name}", "size": path.stat().st_size, "MD5checksum": _md5(path)})
    manifest = home / "manifest.json"
    manifest.write_text(
        json.dumps(
            {
                "sourceBucket": SOURCE_BUCKET,
                "destinationBucket": f"arn:aws:s3:::{FILES_BUCKET}",
                "version": "2016-11-30",
                "creationTimestamp": str(CREATED_AT_MS),
                "fileFormat": "CSV",
                "fileSchema": _SCHEMA,
                "files": files,
            }
        )
    )
    (home / "manifest.checksum").write_text(_md5(manifest) + "\n")
    return f"s3://{FILES_BUCKET}/inventory/manifest.json"


def _shares(rows: IO[bytes], rows_a_file: int) -> Iterator[bytes]:
    while share := b"".join(islice(rows, rows_a_file)):
        yield share


def _md5(path: Path) -> str:
    return md5(path.read_bytes(), usedforsecurity=False).hexdigest()
