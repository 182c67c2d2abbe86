"""Whose uploads a run aborts on its target: those that its own dead workers left, and nobody else's (C7)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.test_copying import put
from tests.spark.workplace import Workplace


@pytest.mark.parametrize("more", [(), ("--giant-threshold", "5MiB")], ids=["one task", "a giant"])
@pytest.mark.parametrize("begun", [False, True], ids=["never begun", "begun"])
def test_c7_an_upload_on_a_key_that_no_worker_had_begun_is_somebody_elses(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], begun: bool, more: tuple[str, ...]
) -> None:
    """A run that goes on later looks at each target first, but has left nothing where it had not been."""
    require(server, "faults")  # its clock is this machine's, and all uploads have one initiator
    source, target = pair
    put(s3, source, "k", b"x" * 6_000_000)
    given = ("-s", source, "-t", target, "--multipart-threshold", "5MiB", "--part-size", "5MiB", *more)
    planned = workplace.plan(*given)
    assert planned.folder is not None
    an_hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    manifest = {**planned.plan, "planned_at": an_hour_ago.isoformat()}
    (planned.folder / "plan" / "manifest.json").write_text(json.dumps(manifest))
    if begun:
        (begin,) = (planned.folder / "outcomes" / batch[0] for batch in manifest["batches"])
        begin.mkdir(parents=True)
        (begin / "0001-00000000.begun").write_bytes(b"")
    upload = s3.create_multipart_upload(Bucket=target, Key="k")["UploadId"]
    ended = workplace.run(*given)
    assert (ended.code, ended.statuses) == (0, {"copied": 1})
    left = [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=target).get("Uploads", [])]
    assert left == ([] if begun else [upload])
