"""The one table of settings: everything else about the configuration is derived from it.

A setting's `name` is its path in the YAML file, `field` its path in `Config` (which has the unit in its name; None
for the `access.copy` settings, which are only the default of other ones). The environment variable is
`S3SYNC_<SECTION>_<NAME>`, but for the access settings (`TARGET_REGION_NAME`) and the queues' own old names.
"""

from dataclasses import replace
from typing import Any

from s3sync.config import values
from s3sync.config import values as kinds
from s3sync.config.model import ETags, IfLocked, Mode, OnFailure, Owner, Processor, TransportKind, WebsiteRedirects
from s3sync.config.setting import Command, Option, Setting, on, one, run
from s3sync.config.settings_commands import (
    CHECK,
    FROM_FINDINGS,
    LISTING,
    QUEUES,
    REPORT,
    RETRY,
    TARGET_MANIFESTS,
    VERDICTS,
    also_checked_by,
    also_listed_by,
    also_read_by,
)
from s3sync.config.values import choice, duration, integer, member, size
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, MIB, PART_MAX_BYTES, PART_MIN_BYTES
from s3sync.model.task import Overwrite

__all__ = ["BY_ENV", "BY_NAME", "SECTIONS", "SETTINGS", "Command", "Option", "Setting"]

_ROLES = {
    "copy": "the default of source, target, queue and work",
    "inventory": "inventory reports",
    "source": "the source bucket",
    "target": "the target bucket",
    "queue": "the queues",
    "work": "the work location",
    "deploy": "EMR, artifacts and schedules",
}
_ACCESS_FIELDS = (
    ("profile_name", values.NAME, "profile of the AWS configuration"),
    ("region_name", kinds.REGION, "region"),
    ("aws_access_key_id", kinds.ACCESS_KEY_ID, "access key id"),
    ("aws_secret_access_key", values.SECRET, "secret access key"),
    ("aws_session_token", values.SECRET, "session token of temporary keys"),
    ("role_arn", kinds.ROLE_ARN, "role to assume"),
    ("external_id", kinds.EXTERNAL_ID, "external id that the role asks for"),
    ("credentials_uri", kinds.CREDENTIALS_URI, "where keys are kept, secretsmanager:NAME or ssm:NAME"),
    ("endpoint_url", values.ENDPOINT, "endpoint of an S3-compatible server, or a VPC endpoint"),
    ("addressing_style", choice("path", "virtual", "auto"), "where a URL has the bucket"),
)
_NO_OPTION = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "external_id")


def _access() -> tuple[Setting, ...]:
    """No option for keys and tokens: other users of a machine can see its command lines (C12)."""
    return tuple(
        Setting(
            name=f"access.{role}.{field}",
            field=None if role == "copy" else f"access.{role}.{field}",
            kind=kind,
            help=f"{what}, for {whom}",
            env=(f"{role}_{field}".upper(),),
            options=(
                () if role == "copy" or field in _NO_OPTION else (Option((f"--{role}-{field}".replace("_", "-"),)),)
            ),
            shapes_run=field == "endpoint_url" and role in ("inventory", "source", "target"),
        )
        for role, whom in _ROLES.items()
        for field, kind, what in _ACCESS_FIELDS
    )


_SOURCE = (
    run("source.bucket", values.BUCKET, "bucket to copy from; a manifest may name it instead", "-s", "--source-bucket"),
    run("source.prefixes", values.PREFIX, "only keys that begin so", "--prefix", is_list=True),
    one("source.expected_owner", kinds.ACCOUNT, "account that must own the source bucket", "--expected-source-owner"),
    one("source.requester_pays", values.BOOL, "pay for requests to the source bucket", on("--requester-pays")),
)
_TARGET = (
    run("target.bucket", values.BUCKET, "bucket to copy to", "-t", "--target-bucket"),
    run("target.prefix", values.PREFIX_OR_EMPTY, "put before each key, as it stands", "--target-prefix"),
    run("target.strip_prefix", values.PREFIX_OR_EMPTY, "taken off the beginning of each key first", "--strip-prefix"),
    one("target.expected_owner", kinds.ACCOUNT, "account that must own the target bucket", "--expected-target-owner"),
    run(
        "target.storage_class", kinds.STORAGE_CLASS, "storage class of all copies, not the source's", "--storage-class"
    ),
    run("target.encryption", kinds.ENCRYPTION, "encryption of the copies, not the bucket's default", "--encryption"),
    run("target.kms_key_id", kinds.KMS_KEY, "KMS key for --encryption aws:kms or aws:kms:dsse", "--kms-key-id"),
    run("target.bucket_key", values.BOOL, "use an S3 Bucket Key with --encryption aws:kms", on("--bucket-key")),
    run("target.acl", kinds.ACL, "canned ACL of the copies, such as bucket-owner-full-control", "--acl"),
)
_INVENTORY = (
    run(
        "inventory.manifests",
        values.S3_URI,
        "inventory manifest: manifest.json, its folder, or a folder of dated reports; without it the bucket is listed",
        "-m",
        "--manifest-path",
        is_list=True,
    ),
    TARGET_MANIFESTS,
    one(
        "inventory.verify_files",
        values.BOOL,
        "compare the MD5 of each data file with the manifest",
        Option(("--no-verify-inventory",), "false", "do not compare the MD5 of each data file with the manifest"),
    ),
)
_FILTERS = (
    run(
        "filters.include",
        values.PATTERN,
        "only keys that match: * any text, ? one character, [abc] one of",
        "--include",
        is_list=True,
    ),
    run(
        "filters.exclude",
        values.PATTERN,
        "no keys that match: * any text, ? one character, [abc] one of",
        "--exclude",
        is_list=True,
    ),
    run(
        "filters.min_size", size(), "only objects of this size or larger", "--min-size", field="filters.min_size_bytes"
    ),
    run(
        "filters.max_size", size(), "only objects of this size or smaller", "--max-size", field="filters.max_size_bytes"
    ),
    run("filters.modified_since", values.DATE, "only objects modified after then", "--modified-since"),
    run("filters.not_modified_since", values.DATE, "only objects not modified after then", "--not-modified-since"),
    run(
        "filters.storage_classes", kinds.STORAGE_CLASS, "only this storage class", "--only-storage-class", is_list=True
    ),
    run(
        "filters.owner",
        member(Owner),
        "whose objects: any, mine (of the account that lists) or others; needs a listing, not a manifest",
        Option(("--owner",), "mine", "only objects of the account that lists"),
        Option(("--no-owner",), "others", "only objects of other accounts than the one that lists"),
    ),
)
_PLAN = (
    run("plan.verify", values.BOOL, "skip what the target has already, by comparing listings", on("-v", "--verify")),
    run(
        "plan.overwrite",
        member(Overwrite),
        "what happens to objects that the target has already; with -v changed, else always",
        "--overwrite",
    ),
    run("plan.limit", integer(1, 10**15), "copy only so many, spread over the keys: a canary run", "--limit"),
    run("plan.batch_objects", integer(1, 1_000_000), "objects in one batch at most", "--batch-objects"),
    run("plan.batch_size", size(1), "bytes in one batch at most", field="plan.batch_size_bytes"),
    FROM_FINDINGS,
    one(
        "plan.max_age",
        duration(1, 10 * 365 * 86_400),
        "age up to which a plan that nobody has begun is carried out unasked",
        "--plan-max-age",
        field="plan.max_age_seconds",
    ),
    VERDICTS,
)
RELAY_MEMORY_MIN_BYTES = 32 * MIB  # two parts of 16 MiB: one comes while the other goes
_COPY = (
    run("copy.mode", member(Mode), "copy: S3 copies; downup: the workers download and upload", "--mode"),
    run("copy.preserve_etags", values.BOOL, "keep part boundaries, and so multipart ETags", on("--preserve-etags")),
    run(
        "copy.etags",
        member(ETags),
        "opaque: take no ETag for an MD5, where a server's have the form of one and are none; sizes alone are compared",
        "--etags",
    ),
    run("copy.tags", values.BOOL, "copy the objects' tags", Option(("--no-tags",), "false", "copy no tags")),
    run(
        "copy.annotations",
        values.BOOL,
        "copy the objects' annotations",
        Option(("--no-annotations",), "false", "copy no annotations"),
    ),
    run(
        "copy.website_redirects",
        member(WebsiteRedirects),
        "keep: CopyObject carries website redirects too, for one HEAD an object; other ways always carry them",
        "--website-redirects",
    ),
    run(
        "copy.multipart_threshold",
        size(PART_MIN_BYTES, COPY_OBJECT_MAX_BYTES),
        "larger objects are copied by parts",
        "--multipart-threshold",
        field="copy.multipart_threshold_bytes",
    ),
    run(
        "copy.part_size",
        size(PART_MIN_BYTES, PART_MAX_BYTES),
        "size of a part",
        "--part-size",
        field="copy.part_size_bytes",
    ),
    run(
        "copy.giant_threshold",
        size(PART_MIN_BYTES),
        "objects of this size or more are copied by many tasks at once",
        "--giant-threshold",
        field="copy.giant_threshold_bytes",
    ),
    one(
        "copy.relay_memory",
        size(RELAY_MEMORY_MIN_BYTES),
        "bytes of bodies that one worker holds at most where bytes go through the workers",
        "--relay-memory",
        field="copy.relay_memory_bytes",
    ),
    one("copy.in_flight", integer(1, 4096), "requests in flight in one worker", "--in-flight"),
    one("copy.max_attempts", integer(1, 100), "tries for one request, the first included", "--max-attempts"),
    one(
        "copy.max_requests_per_second",
        integer(1, 10**7),
        "requests in a second, of all workers of the run together",
        "--max-requests-per-second",
    ),
    one("copy.transport", member(TransportKind), "what carries requests: curl is the fast one", "--transport"),
    one("copy.circuit_after", integer(1, 10**9), "stop when nearly all of so many objects fail for one reason"),
)
_RUN = (
    one("run.work_uri", values.LOCATION, "where the tables of runs lie: s3://bucket/prefix or a folder", "--work-uri"),
    one("run.run_id", kinds.RUN_ID, "the run to begin or to go on with; for check, the run to be checked", "--run-id"),
    one("run.tmp_dir", values.FOLDER, "folder for temporary files", "--tmp-dir"),
    one(
        "run.progress_interval",
        duration(0.1, 3600),
        "time between two lines of progress in a log",
        "--progress-interval",
        field="run.progress_seconds",
    ),
    one(
        "run.lock_timeout",
        duration(1, 86400),
        "silence of this run after which others may take its lock",
        "--lock-timeout",
        field="run.lock_timeout_seconds",
    ),
    one(
        "run.if_locked",
        member(IfLocked),
        "where another run works on the target: fail, or skip and end with exit code 0",
        "--if-locked",
    ),
    one("run.submission_id", kinds.RUN_ID, "under which the work location tells `submit --wait` how the job ended"),
)
_DEPLOYING = frozenset({Command.SUBMIT, Command.SCHEDULE})


def _sent(*args: Any, **more: Any) -> Setting:
    """As `one`, for `submit` and `schedule`."""
    return one(*args, commands=_DEPLOYING, **more)


_SUBMIT = (
    _sent(
        "submit.artifacts_uri",
        values.S3_URI,
        "where the package is uploaded: s3://bucket/prefix; default: artifacts/ beside the runs",
        "--artifacts-uri",
    ),
    _sent("submit.cluster_id", kinds.CLUSTER_ID, "running cluster that gets the step", "--cluster-id"),
    _sent(
        "submit.application_id",
        kinds.APPLICATION_ID,
        "EMR Serverless application that runs the job",
        "--application-id",
    ),
    _sent(
        "submit.execution_role_arn", kinds.SERVICE_ROLE_ARN, "role of the job on EMR Serverless", "--execution-role-arn"
    ),
    _sent(
        "submit.step_role_arn",
        kinds.SERVICE_ROLE_ARN,
        "role of the job on EMR, where the cluster allows roles of steps; else the instances' own",
        "--step-role-arn",
    ),
    _sent("submit.tags", kinds.TAG, "tag of a cluster of its own, or of a job run", "--tag", is_list=True),
    _sent(
        "submit.log_group",
        kinds.LOG_GROUP,
        "log group that gets the logs of a cluster of its own, or of a job run",
        "--log-group",
    ),
    _sent(
        "submit.cluster_file",
        values.FILE,
        "JSON file of the cluster that is started for the job, else conf/emr/cluster.json",
        "--cluster-file",
    ),
    _sent(
        "submit.stack", kinds.STACK, "CloudFormation stack whose outputs fill ${NAME} in the cluster file", "--stack"
    ),
    _sent("submit.release", kinds.RELEASE, "release of EMR; a running cluster's own is asked for", "--release"),
    _sent("submit.processor", member(Processor), "processors of the cluster; asked for where it runs", "--processor"),
    _sent("submit.python", kinds.PYTHON, "Python on the nodes, such as /usr/bin/python3.11", "--python"),
    _sent("submit.log_uri", values.S3_URI, "where EMR puts the logs, for a cluster of its own", "--log-uri"),
    _sent(
        "submit.spark_defaults",
        values.FILE,
        "file of Spark settings to send, else conf/spark-defaults.conf",
        "--spark-defaults",
    ),
    _sent("submit.spark_conf", kinds.SPARK_CONF, "one more setting of Spark", "--spark-conf", is_list=True),
    _sent("submit.on_failure", member(OnFailure), "what EMR does with the steps behind a failed one", "--on-failure"),
    _sent("submit.check_after", values.BOOL, "add a check step behind migrate", on("--check-after")),
    _sent("submit.preinstalled", values.BOOL, "use what bootstrap/install.sh installed", on("--preinstalled")),
    one(
        "submit.buckets_file",
        values.FILE,
        "file of the jobs, else conf/buckets.yml",
        "--buckets-file",
        commands=_DEPLOYING | {Command.DOCTOR},
    ),
)
_SCHEDULE = (
    _sent("schedule.group", kinds.GROUP, "group that holds the schedules", "--schedule-group"),
    _sent(
        "schedule.role_arn",
        kinds.SERVICE_ROLE_ARN,
        "role by which EventBridge Scheduler calls EMR",
        "--scheduler-role-arn",
    ),
    _sent("schedule.dead_letter_arn", kinds.SQS_ARN, "queue for calls that failed", "--scheduler-dead-letter-arn"),
)


def _widened(setting: Setting) -> Setting:
    readers = (also_read_by, also_checked_by, also_listed_by)
    return replace(setting, commands=setting.commands.union(*(readers_of(setting.name) for readers_of in readers)))


_ALL = (
    *_SOURCE,
    *_TARGET,
    *_INVENTORY,
    *_FILTERS,
    *_PLAN,
    *_COPY,
    *_RUN,
    *LISTING,
    *CHECK,
    *REPORT,
    *QUEUES,
    *RETRY,
    *_SUBMIT,
    *_SCHEDULE,
    *_access(),
)
SETTINGS: tuple[Setting, ...] = tuple(map(_widened, _ALL))
BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_ENV = {name: setting for setting in SETTINGS for name in setting.env}
SECTIONS = {
    "source": "what to copy",
    "target": "where to, and how it is stored there",
    "inventory": "inventory",
    "filters": "which objects",
    "plan": "planning",
    "copy": "copying",
    "run": "the run",
    "listing": "listing",
    "check": "checking",
    "report": "the report",
    "sqs": "queues",
    "retry": "trying again",
    "submit": "where the job is sent",
    "schedule": "schedules",
    "access": "credentials and endpoints",
}
