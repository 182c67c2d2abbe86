"""The one table of settings: everything else about the configuration is derived from it.

A setting's `name` is its path in the YAML file, `field` its path in `Config` (which has the unit in its name; None
for the `access.copy` settings, which are only the default of other ones). The environment variable is
`S3SYNC_<SECTION>_<NAME>`, but for the access settings (`TARGET_REGION_NAME`) and the queues' own old names.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any

from s3sync.config import values
from s3sync.config.model import Config, Mode, Owner
from s3sync.config.values import Kind, choice, duration, integer, matching, member, size
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, PART_MAX_BYTES, PART_MIN_BYTES
from s3sync.model.task import Overwrite


class Command(StrEnum):
    DEMO = "demo"
    MIGRATE = "migrate"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Option:
    """The spellings of an option of the command line; `value` is what a flag stands for, None where one is given."""

    strings: tuple[str, ...]
    value: str | None = None
    help: str | None = None  # where it is not the setting's own

    @property
    def title(self) -> str:
        return "/".join(self.strings)


@dataclass(frozen=True, slots=True)
class Setting:
    """`is_list`: several values of `kind`; YAML lists, commas in variables, a repeated option.

    `shapes_run`: another value makes another run, with another fingerprint. Credentials, pace and display do not.
    """

    name: str
    field: str | None
    kind: Kind
    help: str
    env: tuple[str, ...]
    options: tuple[Option, ...] = ()
    is_list: bool = False
    shapes_run: bool = False
    commands: frozenset[Command] = frozenset({Command.MIGRATE, Command.PLAN})

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    @property
    def default(self) -> Any:
        return None if self.field is None else attrgetter(self.field)(_DEFAULTS)

    @property
    def default_text(self) -> str:
        """The default as a person would write it; empty where nothing is the default."""
        if self.default is None or self.is_list:
            return ""
        return self.kind.write(self.default)


_DEFAULTS = Config()
_REGION = matching("REGION", r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "the name of a region, such as eu-west-1")
_ROLE_ARN = matching(
    "ARN", r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", "the ARN of a role, such as arn:aws:iam::123456789012:role/copier"
)
_ACCESS_KEY_ID = matching("ID", r"[!-~]{1,128}", "an access key id, such as AKIAIOSFODNN7EXAMPLE")
_EXTERNAL_ID = matching("TEXT", r"[\w+=,.@:/-]{2,1224}", "an external id, such as customer-4711")
_ACCOUNT = matching("ACCOUNT", r"[0-9]{12}", "an account, which has 12 digits, such as 123456789012")
_STORAGE_CLASS = matching("CLASS", r"[A-Za-z0-9_.-]{1,64}", "a storage class, such as STANDARD_IA")
_ENCRYPTION = choice("AES256", "aws:kms", "aws:kms:dsse")
_KMS_KEY = matching("KEY", r"[!-~]{1,2048}", "a KMS key; give its id, its ARN or alias/name")
_CANNED_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
_ACL = replace(choice(*_CANNED_ACLS), name="ACL")
_RUN_ID = matching(
    "ID", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", "a run's id: letters, digits, '-', '_', '.', such as 2026-a"
)
_QUEUE_NAME = matching("NAME", r"[A-Za-z0-9_-]{1,80}", "a queue's name, such as s3sync-dead")

_ROLES = {
    "copy": "the default of source, target, queue and work",
    "inventory": "inventory reports",
    "source": "the source bucket",
    "target": "the target bucket",
    "queue": "the queues",
    "work": "the work location",
}
_ACCESS_FIELDS = (
    ("profile_name", values.NAME, "profile of the AWS configuration"),
    ("region_name", _REGION, "region"),
    ("aws_access_key_id", _ACCESS_KEY_ID, "access key id"),
    ("aws_secret_access_key", values.SECRET, "secret access key"),
    ("aws_session_token", values.SECRET, "session token of temporary keys"),
    ("role_arn", _ROLE_ARN, "role to assume"),
    ("external_id", _EXTERNAL_ID, "external id that the role asks for"),
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


def _one(name: str, kind: Kind, what: str, *options: str | Option, field: str | None = None, **more: Any) -> Setting:
    """A setting whose field has its name, if no other is given; options that are plain text take a value."""
    spelled = tuple(option for option in options if isinstance(option, str))
    return Setting(
        name=name,
        field=field or name,
        kind=kind,
        help=what,
        env=more.pop("env", (f"S3SYNC_{name}".upper().replace(".", "_"),)),
        options=(Option(spelled),) if spelled else tuple(option for option in options if isinstance(option, Option)),
        **more,
    )


def _run(*args: Any, **more: Any) -> Setting:
    """As `_one`, for what makes a run another run."""
    return _one(*args, shapes_run=True, **more)


def _on(*strings: str) -> Option:
    return Option(strings, "true")


def _off(*strings: str) -> Option:
    return Option(strings, "false")


_SOURCE = (
    _run("source.bucket", values.BUCKET, "bucket to copy from; -m may name it instead", "-s", "--source-bucket"),
    _run("source.prefixes", values.PREFIX, "only keys that begin so", "--prefix", is_list=True),
    _one("source.expected_owner", _ACCOUNT, "account that must own the source bucket", "--expected-source-owner"),
    _one("source.requester_pays", values.BOOL, "pay for requests to the source bucket", _on("--requester-pays")),
)
_TARGET = (
    _run("target.bucket", values.BUCKET, "bucket to copy to", "-t", "--target-bucket"),
    _run("target.prefix", values.PREFIX_OR_EMPTY, "put before each key, as it stands", "--target-prefix"),
    _run("target.strip_prefix", values.PREFIX_OR_EMPTY, "taken off the beginning of each key first", "--strip-prefix"),
    _one("target.expected_owner", _ACCOUNT, "account that must own the target bucket", "--expected-target-owner"),
    _run("target.storage_class", _STORAGE_CLASS, "storage class of all copies, not the source's", "--storage-class"),
    _run("target.encryption", _ENCRYPTION, "encryption of the copies, not the bucket's default", "--encryption"),
    _run("target.kms_key_id", _KMS_KEY, "KMS key for --encryption aws:kms or aws:kms:dsse", "--kms-key-id"),
    _run("target.bucket_key", values.BOOL, "use an S3 Bucket Key with --encryption aws:kms", _on("--bucket-key")),
    _run("target.acl", _ACL, "canned ACL of the copies, such as bucket-owner-full-control", "--acl"),
)
_INVENTORY = (
    _run(
        "inventory.manifests",
        values.S3_URI,
        "inventory manifest: manifest.json, its folder, or a folder of dated reports; without it the bucket is listed",
        "-m",
        "--manifest-path",
        is_list=True,
    ),
    _one(
        "inventory.verify_files",
        values.BOOL,
        "compare the MD5 of each data file with the manifest",
        Option(("--no-verify-inventory",), "false", "do not compare the MD5 of each data file with the manifest"),
    ),
)
_FILTERS = (
    _run(
        "filters.include",
        values.PATTERN,
        "only keys that match: * any text, ? one character, [abc] one of",
        "--include",
        is_list=True,
    ),
    _run(
        "filters.exclude",
        values.PATTERN,
        "no keys that match: * any text, ? one character, [abc] one of",
        "--exclude",
        is_list=True,
    ),
    _run(
        "filters.min_size", size(), "only objects of this size or larger", "--min-size", field="filters.min_size_bytes"
    ),
    _run(
        "filters.max_size", size(), "only objects of this size or smaller", "--max-size", field="filters.max_size_bytes"
    ),
    _run("filters.modified_since", values.DATE, "only objects modified after then", "--modified-since"),
    _run("filters.not_modified_since", values.DATE, "only objects not modified after then", "--not-modified-since"),
    _run("filters.storage_classes", _STORAGE_CLASS, "only this storage class", "--only-storage-class", is_list=True),
    _run(
        "filters.owner",
        member(Owner),
        "whose objects: any, mine (of the account that lists) or others; needs a listing, not -m",
        Option(("--owner",), "mine", "only objects of the account that lists"),
        Option(("--no-owner",), "others", "only objects of other accounts than the one that lists"),
    ),
)
_PLAN = (
    _run("plan.verify", values.BOOL, "skip what the target has already, by comparing listings", _on("-v", "--verify")),
    _run(
        "plan.overwrite",
        member(Overwrite),
        "what happens to objects that the target has already; with -v changed, else always",
        "--overwrite",
    ),
    _run("plan.limit", integer(1, 10**15), "copy only so many, spread over the keys: a canary run", "--limit"),
    _run("plan.batch_objects", integer(1, 1_000_000), "objects in one batch at most", "--batch-objects"),
    _run("plan.batch_size", size(1), "bytes in one batch at most", field="plan.batch_size_bytes"),
)
_COPY = (
    _run("copy.mode", member(Mode), "copy: S3 copies; downup: the workers download and upload", "--mode"),
    _run("copy.preserve_etags", values.BOOL, "keep part boundaries, and so multipart ETags", _on("--preserve-etags")),
    _run("copy.tags", values.BOOL, "copy the objects' tags", Option(("--no-tags",), "false", "copy no tags")),
    _run(
        "copy.multipart_threshold",
        size(PART_MIN_BYTES, COPY_OBJECT_MAX_BYTES),
        "larger objects are copied by parts",
        "--multipart-threshold",
        field="copy.multipart_threshold_bytes",
    ),
    _run(
        "copy.part_size",
        size(PART_MIN_BYTES, PART_MAX_BYTES),
        "size of a part",
        "--part-size",
        field="copy.part_size_bytes",
    ),
    _one("copy.in_flight", integer(1, 4096), "requests in flight in one worker", "--in-flight"),
    _one("copy.max_attempts", integer(1, 100), "tries for one request, the first included", "--max-attempts"),
    _one("copy.circuit_after", integer(1, 10**9), "stop when nearly all of so many objects fail for one reason"),
)
_RUN = (
    _one("run.work_uri", values.LOCATION, "where the tables of runs lie: s3://bucket/prefix or a folder", "--work-uri"),
    _one("run.run_id", _RUN_ID, "the run to begin or to go on with", "--run-id"),
    _one("run.tmp_dir", values.FOLDER, "folder for temporary files", "--tmp-dir"),
    _one(
        "run.progress_interval",
        duration(0.1, 3600),
        "time between two signs of progress",
        "--progress-interval",
        field="run.progress_seconds",
    ),
    _one(
        "run.lock_timeout",
        duration(1, 86400),
        "silence after which another run's lock is void",
        "--lock-timeout",
        field="run.lock_timeout_seconds",
    ),
)
_SQS = (
    _one(
        "sqs.queue_name_pattern",
        values.QUEUE_PATTERN,
        "regular expression that finds the work queues",
        "--queue-name-pattern",
        env=("QUEUE_NAME_PATTERN",),
    ),
    _one("sqs.queue_num", integer(1, 1000), "number of work queues", env=("QUEUE_NUM",)),
    _one("sqs.dead_queue_name", _QUEUE_NAME, "dead-letter queue", "--dead-queue-name", env=("DEAD_QUEUE_NAME",)),
    _one("sqs.batch_num", integer(1, 10_000), "objects in one message", "-b", "--batch-num"),
    _one(
        "sqs.max_receive_num",
        integer(1, 10),
        "messages fetched at a time",
        "--max-receive-num",
        env=("MAX_RECEIVE_NUM",),
    ),
)

SETTINGS: tuple[Setting, ...] = (
    *_SOURCE,
    *_TARGET,
    *_INVENTORY,
    *_FILTERS,
    *_PLAN,
    *_COPY,
    *_RUN,
    *_SQS,
    *_access(),
)
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
    "sqs": "queues",
    "access": "credentials and endpoints",
}
