"""From committed listings to findings in one Spark job, measured by itself: `check_judge.py FOLDER RUN_ID ROWS`.

It is the stage of `s3sync check` between its listings and its look at single objects (`spark/check_stage.py`), with
the session that the check opens. Started with spark-submit.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.check_listings import SIDES
from benchmarks.measured import cpu_seconds, descendants
from benchmarks.usage import REPORT_MARK
from s3sync.aws.buckets import BucketFacts
from s3sync.checking.compare_stage import STAGE, CheckRun, compare_listings
from s3sync.checking.prepare import CheckPreparation
from s3sync.checking.rules import Moments
from s3sync.cli.options import parse
from s3sync.model.tables import SIDE_SOURCE, SIDE_TARGET
from s3sync.planning.read_stage import SegmentFile
from s3sync.planning.sources import Sources
from s3sync.runs.folder import RunFolder
from s3sync.runs.lock import TargetLock
from s3sync.runs.lock_place import folder_place
from s3sync.runs.store import open_store
from s3sync.selection.own_prefixes import OwnPlaces
from s3sync.spark.session import open_session


def main(work: str, run_id: str, rows: int) -> None:
    arguments = ["check", "-s", "from", "-t", "into", "--listings-only", "--work-uri", work]
    config = parse(arguments, {}, Path(work)).config
    now = datetime.now(UTC)
    facts = BucketFacts(now, encryption=None)
    moments = Moments(now + timedelta(seconds=1), now, now)
    prepared = CheckPreparation(config, None, (), (), facts, facts, (), moments, OwnPlaces())
    folder = RunFolder(open_store(work, config.access.work), run_id)
    sides = zip(SIDES, (SIDE_SOURCE, SIDE_TARGET), strict=True)
    files = [
        SegmentFile(side, f"listing/{path.name}")
        for name, side in sides
        for path in sorted(Path(work, "runs", run_id, "listing").glob(f"{name}-*.parquet"))
    ]
    lock = TargetLock(folder.store, folder_place(f"check {run_id}"), run_id, config.run.lock_timeout_seconds, print)
    run = CheckRun(prepared, folder, lock, 1, open_session("bench"))
    run.spark.sparkContext.parallelize(range(2), 2).foreach(lambda _: None)  # the workers are there
    began, used = time.monotonic(), _tree_cpu_seconds()
    found = compare_listings(run, Sources(tuple(files), rows))
    folder.commit(STAGE, found.to_json())
    told = {
        "wall_seconds": time.monotonic() - began,
        "cpu_seconds": _tree_cpu_seconds() - used,
        "objects": found.counts.source_rows + found.counts.target_rows,
        "verdicts": dict(found.tally.objects),
        "findings_files": len(found.findings),
    }
    run.spark.stop()
    print(REPORT_MARK + json.dumps(told), flush=True)  # noqa: T201  (it is the report)


def _tree_cpu_seconds() -> float:
    """Of Java, which spark-submit started and which started this driver, and of all below it: the workers too."""
    java = os.getppid()
    return sum(map(cpu_seconds, [java, *descendants(java)]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
