"""What earlier versions left on a work location, kept as they wrote it.

`format_1.tar.gz` holds five work locations, all of the buckets `sample-source` and `sample-target`, whose objects
`put_objects` makes. Only hosts, and the server's address (`http://server.test`), were replaced.

    migrated    a run whose one failed object was copied by `retry --from-run`; one giant of two parts
    planned     a plan with `-v`, of which nothing was begun
    checked     a check of the two with `--metadata --all-findings`: one object missing, one too many
    listed      what `s3sync list` wrote, and its state
    locked      a lock that is held
"""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from s3sync.runs.folder import fingerprint

SOURCE, TARGET = "sample-source", "sample-target"
RUN, PLANNED, CHECK = "20261130T222234Z-15e9a4", "20261130T222240Z-9630b1", "20261130T222239Z-6f2e81"
SMALL = {f"{'ab'[n % 2]}/{n:02}": f"body {n}".encode() for n in range(20)}
GIANT = (b"x" * (5 << 20), b"y" * (3 << 20))
_SERVER = "http://server.test"
_ARCHIVE = Path(__file__).parent / "format_1.tar.gz"


def unpack(name: str, into: Path, endpoint_url: str = _SERVER) -> Path:
    """One of the work locations, as of a run at this endpoint. Its run's fingerprint is made anew, for it holds the
    endpoint: by the rule of today, which `tests/unit/runs/test_formats.py` holds against the one that was written."""
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(_ARCHIVE) as archive:
        for member in archive:
            if member.isfile() and member.name.startswith(f"./{name}/"):
                place = into / member.name.removeprefix(f"./{name}/")
                place.parent.mkdir(parents=True, exist_ok=True)
                body = io.BufferedReader(archive.extractfile(member)).read()  # type: ignore[arg-type]
                place.write_bytes(
                    body.replace(_SERVER.encode(), endpoint_url.encode()) if place.suffix == ".json" else body
                )
    for described in into.glob("runs/*/run.json"):
        run: dict[str, Any] = json.loads(described.read_text())
        mark = fingerprint(run["options"])
        index = into / "fingerprints"
        (index / f"{run['fingerprint']}.json").rename(index / f"{mark}.json")
        described.write_text(json.dumps({**run, "fingerprint": mark}))
    return into


def put_objects(s3: Any) -> None:
    """The objects of `sample-source`, as they were: the same bodies in the same parts, so the same ETags."""
    for key, body in SMALL.items():
        s3.put_object(Bucket=SOURCE, Key=key, Body=body, Metadata={"n": str(int(key[2:]))})
    upload_id = s3.create_multipart_upload(Bucket=SOURCE, Key="a/giant")["UploadId"]
    named = {"Bucket": SOURCE, "Key": "a/giant", "UploadId": upload_id}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**named, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(GIANT, 1)
    ]
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
