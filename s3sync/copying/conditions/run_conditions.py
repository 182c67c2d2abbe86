"""Which conditions a run's copies can rely on: tried out once, with objects of its plan."""

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.aws.clients import with_place
from s3sync.config.model import Config
from s3sync.config.partitions import service
from s3sync.copying.conditions.condition_requests import ProbeObject
from s3sync.copying.conditions.try_conditions import ProbedWrites, Tried, try_conditions
from s3sync.copying.settings import CopySettings
from s3sync.model.conditions import AS_S3, Conditions
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.task import Method
from s3sync.runs.folder import RunFolder
from s3sync.runs.outcomes import read_parquet
from s3sync.runs.plan import Plan

SAMPLES_MAX = 20
FILES_MAX = 5
_COLUMNS = ["source_key", "etag", "size", "last_modified", "method"]


def tried_conditions(folder: RunFolder, config: Config, plan: Plan, settings: CopySettings) -> Tried:
    """What the server of the target heeds. Raises ServiceError where it can't be reached."""
    if not plan.batches:
        return Tried(AS_S3)
    access = with_place(config.access.target)
    wanted = _wanted(folder, plan)
    return try_conditions(
        access, settings, wanted, (config.target.prefix, folder.run_id), is_aws=service(access) is None
    )


def _wanted(folder: RunFolder, plan: Plan) -> ProbedWrites:
    """The objects are the smallest of some batches; giants stand first in a plan, so it is read from its end."""
    asked = plan.estimate.by_operation
    rows = pa.concat_tables(
        [read_parquet(folder.get(batch.file), _COLUMNS) for batch in plan.batches[::-1][:FILES_MAX]]
    )
    by_copy, by_parts = (
        rows.filter(pc.equal(rows["method"], str(m))) for m in (Method.COPY_OBJECT, Method.MULTIPART_COPY)
    )
    small = by_copy.filter(pc.less_equal(pc.fill_null(by_copy["size"], 0), COPY_OBJECT_MAX_BYTES))
    return ProbedWrites(
        copies=asked["CopyObject"] > 0,
        completes=asked["CompleteMultipartUpload"] > 0,
        puts=asked["PutObject"] > 0,
        copied=_samples(small),
        in_parts=_samples(by_parts),
    )


def _samples(rows: pa.Table) -> tuple[ProbeObject, ...]:
    smallest = rows.sort_by([("size", "ascending"), ("source_key", "ascending")]).slice(0, SAMPLES_MAX)
    return tuple(
        ProbeObject(row["source_key"], row["etag"], row["size"], row["last_modified"]) for row in smallest.to_pylist()
    )


def heedless(conditions: Conditions, plan: Plan) -> list[str]:
    """What a person should know of conditions that the target's server does not heed."""
    asked = plan.estimate.by_operation
    found = []
    unpinned = [
        name
        for name, is_heeded in (
            ("CopyObject", conditions.copy_source_if_match),
            ("UploadPartCopy", conditions.part_copy_source_if_match),
        )
        if asked[name] and not is_heeded
    ]
    if unpinned:
        found.append(
            f"The target's server does not heed conditions on the source of {' and '.join(unpinned)}: copies are "
            "unpinned."
        )
    unguarded = [
        f"{header} on {operation}"
        for operation in ("CopyObject", "CompleteMultipartUpload", "PutObject")
        for header, name in (("If-None-Match", "IfNoneMatch"), ("If-Match", "IfMatch"))
        if asked[operation] and not conditions.heeds(operation, name)
    ]
    if unguarded:
        found.append(
            f"The target's server does not heed {', '.join(unguarded)}: where one is wanted, the target is looked at "
            "right before it is written."
        )
    return found
