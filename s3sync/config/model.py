"""The configuration as a value: frozen, complete, checked. `config/settings.py` says where each field comes from.

Sizes are bytes, durations seconds, dates aware datetimes. Empty text never stands for "not given": that is None.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, MIB
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


@dataclass(frozen=True, slots=True)
class CopyConfig:
    mode: Mode = Mode.COPY
    preserve_etags: bool = False
    tags: bool = True
    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    part_size_bytes: int = 512 * MIB
    in_flight: int = 64
    max_attempts: int = 6
    circuit_after: int = 2_000


@dataclass(frozen=True, slots=True)
class RunConfig:
    work_uri: str = "s3sync-work"
    run_id: str | None = None
    tmp_dir: str | None = None
    progress_seconds: float = 1.0
    lock_timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class QueueConfig:
    queue_name_pattern: str | None = None
    queue_num: int = 1
    dead_queue_name: str | None = None
    batch_num: int = 100
    max_receive_num: int = 10


@dataclass(frozen=True, slots=True)
class AccessConfig:
    inventory: Access = Access()
    source: Access = Access()
    target: Access = Access()
    queue: Access = Access()
    work: Access = Access()


@dataclass(frozen=True, slots=True)
class Config:
    source: SourceConfig = SourceConfig()
    target: TargetConfig = TargetConfig()
    inventory: InventoryConfig = InventoryConfig()
    filters: FilterConfig = FilterConfig()
    plan: PlanConfig = PlanConfig()
    copy: CopyConfig = CopyConfig()
    run: RunConfig = RunConfig()
    sqs: QueueConfig = QueueConfig()
    access: AccessConfig = AccessConfig()
