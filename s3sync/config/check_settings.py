"""The settings of a check and of reports, and which of the other settings these two read."""

import re
from decimal import Decimal

from s3sync.config import kinds, values
from s3sync.config.setting import COPYING, Command, on, one, run
from s3sync.config.values import Kind, shown, size

_CHECKING = frozenset({Command.CHECK, Command.MIGRATE, Command.SUBMIT, Command.SCHEDULE})
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")

_OF_A_CHECK = re.compile(
    r"(source|inventory|filters|access)\..*"
    r"|target\.(bucket|prefix|strip_prefix|expected_owner|storage_class|encryption)"
    r"|copy\.(tags|in_flight|max_attempts|max_requests_per_second|transport|circuit_after)"
    r"|run\.(work_uri|run_id|tmp_dir|progress_interval|submission_id)"
    r"|sqs\.(queue_name_pattern|dead_queue_name|batch_num)"
)
_OF_A_REPORT = re.compile(r"run\.work_uri|access\.work\..*")


def parse_share(text: str) -> float:
    """A share of something, written in percent: `1%` is 0.01. More than nothing, and no more than all."""
    found = _PERCENT.fullmatch(text)
    if not found or not 0 < Decimal(found[1]) <= 100:  # noqa: PLR2004
        raise ValueError(f"{shown(text)} is not a share of objects; write one such as 1% or 0.05%")
    return float(Decimal(found[1]) / 100)


def write_share(share: float) -> str:
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"


SHARE = Kind("SHARE", parse_share, write_share)

TARGET_MANIFESTS = run(
    "inventory.target_manifests",
    values.S3_URI,
    "inventory manifest of the target bucket, for a check; without it the target is listed",
    "--target-manifest-path",
    is_list=True,
    commands=_CHECKING,
)
FROM_FINDINGS = run(
    "plan.from_findings",
    kinds.RUN_ID,
    "copy what this check found missing, different or changed, and nothing else",
    "--from-findings",
    commands=COPYING,
)
CHECK = (
    run(
        "check.metadata",
        values.BOOL,
        "compare headers, user metadata, tags and storage classes too: four requests an object",
        on("--metadata"),
        commands=_CHECKING,
    ),
    run(
        "check.deep",
        values.BOOL,
        "read the bodies of objects that nothing else proves equal or different",
        on("--deep"),
        commands=_CHECKING,
    ),
    run("check.deep_sample", SHARE, "as --deep, for a share of them", "--deep-sample", commands=_CHECKING),
    run("check.max_deep_bytes", size(1), "bytes that --deep may read at most", "--max-deep-bytes", commands=_CHECKING),
    run(
        "check.listings_only",
        values.BOOL,
        "make no request for single objects; what the listings leave open is unprovable",
        on("--listings-only"),
        commands=_CHECKING,
    ),
    run(
        "check.all_findings",
        values.BOOL,
        "write a finding for each object that matches too",
        on("--all-findings"),
        commands=_CHECKING,
    ),
    one(
        "check.accept_unprovable",
        values.BOOL,
        "end with exit code 0 where objects are unprovable and nothing is worse",
        on("--accept-unprovable"),
        commands=_CHECKING,
    ),
    one(
        "check.requeue",
        values.BOOL,
        "send what is missing, differs or changed to the dead-letter queue, as mode check always does",
        on("--requeue"),
        commands=_CHECKING,
    ),
)
REPORT = (
    one(
        "report.uri",
        values.LOCATION,
        "where the report goes: s3://bucket/prefix or a folder; else beside the run's tables",
        "--report-uri",
        commands=_CHECKING | {Command.REPORT},
    ),
)


def also_checked_by(name: str) -> frozenset[Command]:
    """Which of `check` and `report` read a setting that is of others."""
    found = set()
    if _OF_A_CHECK.fullmatch(name):
        found.add(Command.CHECK)
    if _OF_A_REPORT.fullmatch(name):
        found.add(Command.REPORT)
    return frozenset(found)
