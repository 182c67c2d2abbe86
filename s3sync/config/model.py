"""The configuration as a value: frozen, complete, checked. `config/settings.py` says where each field comes from.

Sizes are bytes, durations seconds, dates aware datetimes. Empty text never stands for "not given": that is None.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from s3sync.model.finding import Verdict
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, GIB, MIB
from s3sync.model.task import Overwrite


class Secret:
    """Text that shows itself nowhere: `str`, `repr` and formats print stars, JSON refuses it (C12)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Mode(StrEnum):
    COPY = "copy"
    DOWNUP = "downup"
    CHECK = "check"


class IfLocked(StrEnum):
    """What a run does that finds another one at work on its target."""

    FAIL = "fail"
    SKIP = "skip"  # says so and ends with exit code 0: for schedules


class Processor(StrEnum):
    """A cluster's processors, by the name that wheels and Linux have for them."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"  # Graviton


class OnFailure(StrEnum):
    """What EMR does with the steps behind one that failed."""

    CONTINUE = "continue"
    CANCEL_AND_WAIT = "cancel-and-wait"
    TERMINATE_CLUSTER = "terminate-cluster"


class WebsiteRedirects(StrEnum):
    """What a CopyObject does with a website redirect of its source, which S3 shows to a HEAD only."""

    KEEP = "keep"  # one HEAD an object
    OMIT = "omit"


class ETags(StrEnum):
    """What an ETag of an MD5's form is taken for. Some servers compress or encrypt, and show what is none."""

    MD5 = "md5"
    OPAQUE = "opaque"


class TransportKind(StrEnum):
    """What carries requests: libcurl, or boto3, which is slower and the reference."""

    CURL = "curl"
    BOTO3 = "boto3"


class Owner(StrEnum):
    ANY = "any"
    MINE = "mine"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Access:
    """With whose credentials, and at which endpoint, one side is reached. All None: AWS's usual chain."""

    profile_name: str | None = None
    region_name: str | None = None
    aws_access_key_id: str | None = None
    aws_secret_access_key: Secret | None = field(default=None, repr=False)
    aws_session_token: Secret | None = field(default=None, repr=False)
    role_arn: str | None = None
    external_id: str | None = None
    credentials_uri: str | None = None  # secretsmanager:NAME or ssm:NAME, where keys are kept
    endpoint_url: str | None = None
    addressing_style: str | None = None  # path, virtual or auto


@dataclass(frozen=True, slots=True)
class SourceConfig:
    bucket: str | None = None
    prefixes: tuple[str, ...] = ()
    expected_owner: str | None = None
    requester_pays: bool = False


@dataclass(frozen=True, slots=True)
class TargetConfig:
    bucket: str | None = None
    prefix: str = ""
    strip_prefix: str = ""
    expected_owner: str | None = None
    storage_class: str | None = None
    encryption: str | None = None  # AES256, aws:kms, aws:kms:dsse
    kms_key_id: str | None = None
    bucket_key: bool = False
    acl: str | None = None


@dataclass(frozen=True, slots=True)
class InventoryConfig:
    manifests: tuple[str, ...] = ()
    target_manifests: tuple[str, ...] = ()
    verify_files: bool = True


@dataclass(frozen=True, slots=True)
class FilterConfig:
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_size_bytes: int | None = None
    max_size_bytes: int | None = None
    modified_since: datetime | None = None
    not_modified_since: datetime | None = None
    storage_classes: tuple[str, ...] = ()
    owner: Owner = Owner.ANY


@dataclass(frozen=True, slots=True)
class PlanConfig:
    verify: bool = False
    overwrite: Overwrite = Overwrite.ALWAYS
    limit: int | None = None
    batch_objects: int = 50_000
    batch_size_bytes: int = 256 * 1024 * MIB
    from_findings: str | None = None
    max_age_seconds: float = 86_400.0
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyConfig:
    mode: Mode = Mode.COPY
    preserve_etags: bool = False
    etags: ETags = ETags.MD5
    tags: bool = True
    annotations: bool = True
    website_redirects: WebsiteRedirects = WebsiteRedirects.OMIT
    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    part_size_bytes: int = 512 * MIB
    giant_threshold_bytes: int = 100 * GIB
    relay_memory_bytes: int = 64 * MIB
    in_flight: int = 64
    max_attempts: int = 6
    max_requests_per_second: int | None = None
    transport: TransportKind = TransportKind.CURL
    circuit_after: int = 2_000


class ListFormat(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class ListingConfig:
    """`in_flight` pages a worker. The rest but `hint` is of `s3sync list` alone."""

    in_flight: int = 16
    hint: str | None = None
    output: str | None = None
    format: ListFormat = ListFormat.PARQUET
    all_versions: bool = False
    owners: bool = False


@dataclass(frozen=True, slots=True)
class RunConfig:
    work_uri: str = "s3sync-work"
    run_id: str | None = None
    tmp_dir: str | None = None
    progress_seconds: float = 5.0
    lock_timeout_seconds: float = 60.0
    if_locked: IfLocked = IfLocked.FAIL
    submission_id: str | None = None


@dataclass(frozen=True, slots=True)
class QueueConfig:
    queue_name_pattern: str | None = None
    queue_num: int = 1
    dead_queue_name: str | None = None
    batch_num: int = 100
    max_receive_num: int = 10
    visibility_seconds: float = 300.0
    wait_seconds: float = 20.0
    redrive_after: int = 20


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """`queue_number` None: any queue, -1: none. `follow` None: as the command does by itself."""

    queue_number: int | None = None
    including_dead: bool = False
    sleep_seconds: float = 10.0
    follow: bool | None = None
    max_minutes: int | None = None
    attempts: int = 5
    delay_seconds: float = 10.0
    from_run: str | None = None


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """`deep_sample` is a share, above 0 and up to 1, of the objects that only their bodies can settle."""

    metadata: bool = False
    deep: bool = False
    deep_sample: float | None = None
    max_deep_bytes: int | None = None
    listings_only: bool = False
    all_findings: bool = False
    accept_unprovable: bool = False
    requeue: bool = False

    @property
    def reads_bodies(self) -> bool:
        return self.deep or self.deep_sample is not None


@dataclass(frozen=True, slots=True)
class ReportConfig:
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class SubmitConfig:
    """Where a job is sent, and in what shape. `cluster_id`, `application_id` or neither: a cluster of its own."""

    artifacts_uri: str | None = None
    cluster_id: str | None = None
    application_id: str | None = None
    execution_role_arn: str | None = None
    step_role_arn: str | None = None
    tags: tuple[str, ...] = ()
    log_group: str | None = None
    cluster_file: str | None = None
    stack: str | None = None
    release: str | None = None
    processor: Processor | None = None
    python: str | None = None
    log_uri: str | None = None
    spark_defaults: str | None = None
    spark_conf: tuple[str, ...] = ()
    on_failure: OnFailure = OnFailure.CONTINUE
    check_after: bool = False
    preinstalled: bool = False
    buckets_file: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    group: str = "s3sync"
    role_arn: str | None = None
    dead_letter_arn: str | None = None


@dataclass(frozen=True, slots=True)
class AccessConfig:
    inventory: Access = Access()
    source: Access = Access()
    target: Access = Access()
    queue: Access = Access()
    work: Access = Access()
    deploy: Access = Access()


@dataclass(frozen=True, slots=True)
class Config:
    source: SourceConfig = SourceConfig()
    target: TargetConfig = TargetConfig()
    inventory: InventoryConfig = InventoryConfig()
    filters: FilterConfig = FilterConfig()
    plan: PlanConfig = PlanConfig()
    copy: CopyConfig = CopyConfig()
    run: RunConfig = RunConfig()
    listing: ListingConfig = ListingConfig()
    check: CheckConfig = CheckConfig()
    report: ReportConfig = ReportConfig()
    sqs: QueueConfig = QueueConfig()
    retry: RetryConfig = RetryConfig()
    submit: SubmitConfig = SubmitConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    access: AccessConfig = AccessConfig()
