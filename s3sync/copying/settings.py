"""What is the same for every copy of a run, as one frozen value that travels to the workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from s3sync.config.model import Config, ETags, WebsiteRedirects
from s3sync.model.closed_sets import can_be_written
from s3sync.model.conditions import AS_S3, Conditions
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES, MIB
from s3sync.model.outcome import Pinned
from s3sync.model.task import Overwrite, Task
from s3sync.planning.method import MethodRule
from s3sync.s3.request import Side

_DEFAULT_CLASS = "STANDARD"


@dataclass(frozen=True, slots=True)
class CopySettings:
    """`planned_at` is the target server's time when the plan was begun, in whole seconds, as S3 tells times.
    `conditions` says which conditions the target's server heeds. `storage_class` None keeps each object's own;
    `encryption` None leaves it to the bucket, whose `default_encryption` is None where it is not known. With
    `keeps_redirects` a CopyObject looks for a website redirect first. `without_annotations` grows by the sides whose
    server turns out to know none. With `opaque_etags` no ETag is taken for an MD5, whatever its form. Of bodies a
    worker that relays holds `relay_memory_bytes` at most; with `tmp_dir` parts that are larger go through files there.
    `is_relayed`: see `planning.resolve`. The last three are made of the others: the parameters that all requests of a
    kind share.
    """

    source_bucket: str
    target_bucket: str
    planned_at: datetime
    conditions: Conditions = AS_S3
    overwrite: Overwrite = Overwrite.ALWAYS
    storage_class: str | None = None
    encryption: str | None = None
    kms_key_id: str | None = None
    bucket_key: bool = False
    acl: str | None = None
    source_expected_owner: str | None = None
    target_expected_owner: str | None = None
    requester_pays: bool = False
    tags: bool = True
    keeps_redirects: bool = False
    annotations: bool = True
    without_annotations: set[Side] = field(default_factory=set, repr=False, compare=False)
    preserve_etags: bool = False
    opaque_etags: bool = False
    part_size_bytes: int = 512 * MIB
    relay_memory_bytes: int = 64 * MIB
    tmp_dir: str | None = None
    multipart_threshold_bytes: int = COPY_OBJECT_MAX_BYTES
    is_relayed: bool = False
    default_encryption: str | None = None
    on_source: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    on_target: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    on_new_target: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        payer = "requester" if self.requester_pays else None
        source = {
            "Bucket": self.source_bucket,
            "ExpectedBucketOwner": self.source_expected_owner,
            "RequestPayer": payer,
        }
        target = {
            "Bucket": self.target_bucket,
            "ExpectedBucketOwner": self.target_expected_owner,
            "RequestPayer": payer,
        }
        new_target = {
            **target,
            "ServerSideEncryption": self.encryption,
            "SSEKMSKeyId": self.kms_key_id,
            "BucketKeyEnabled": self.bucket_key or None,
            "ACL": self.acl,
        }
        for name, params in (("on_source", source), ("on_target", target), ("on_new_target", new_target)):
            object.__setattr__(self, name, {key: value for key, value in params.items() if value is not None})

    def is_since_plan(self, moment: datetime) -> bool:
        """Whether the target's object may be newer than the plan. What was written in the second of the plan may be:
        taken for older it would be overwritten."""
        return moment >= self.planned_at

    @property
    def method(self) -> MethodRule:
        """What decides how an object is copied that no plan has decided about, or that is another by now."""
        return MethodRule(self.multipart_threshold_bytes, self.preserve_etags, self.is_relayed)

    @classmethod
    def of(
        cls, config: Config, planned_at: datetime, conditions: Conditions, *, is_relayed: bool = False
    ) -> "CopySettings":
        """Raises ValueError where the buckets are not known yet: the source's may come from a manifest."""
        source, target, copy = config.source, config.target, config.copy
        if source.bucket is None or target.bucket is None:
            raise ValueError("both buckets must be known before anything is copied")
        return cls(
            source_bucket=source.bucket,
            target_bucket=target.bucket,
            planned_at=planned_at,
            conditions=conditions,
            overwrite=config.plan.overwrite,
            storage_class=target.storage_class,
            encryption=target.encryption,
            kms_key_id=target.kms_key_id,
            bucket_key=target.bucket_key,
            acl=target.acl,
            source_expected_owner=source.expected_owner,
            target_expected_owner=target.expected_owner,
            requester_pays=source.requester_pays,
            tags=copy.tags,
            annotations=copy.annotations,
            keeps_redirects=copy.website_redirects is WebsiteRedirects.KEEP,
            preserve_etags=copy.preserve_etags,
            opaque_etags=copy.etags is ETags.OPAQUE,
            part_size_bytes=copy.part_size_bytes,
            relay_memory_bytes=copy.relay_memory_bytes,
            tmp_dir=config.run.tmp_dir,
            multipart_threshold_bytes=copy.multipart_threshold_bytes,
            is_relayed=is_relayed,
        )

    def class_for(self, source_class: str | None) -> str | None:
        """The storage class to ask for; None for the default one and for those that can't be asked for.

        A copy is STANDARD unless told otherwise, whatever its source is (AWS: "CopyObject").
        """
        wanted = self.storage_class or source_class
        return None if wanted is None or wanted == _DEFAULT_CLASS or not can_be_written(wanted) else wanted

    # | planned ETag | planned time | pinned by, where that form is heeded | where it is not |
    # |--------------|--------------|--------------------------------------|-----------------|
    # | known        | any          | etag: CopySourceIfMatch              | unpinned        |
    # | unknown      | known        | time: CopySourceIfUnmodifiedSince    | unpinned        |
    # | unknown      | unknown      | unpinned                             | unpinned        |
    def pin(self, task: Task) -> Pinned:
        """By what one CopyObject is tied to the object that was planned (C4)."""
        if task.etag is not None:
            return Pinned.ETAG if self.conditions.copy_source_if_match else Pinned.UNPINNED
        is_heeded = task.last_modified is not None and self.conditions.copy_source_if_unmodified_since
        return Pinned.TIME if is_heeded else Pinned.UNPINNED

    def pin_of_parts(self, task: Task) -> Pinned:
        """The same of a copy by parts: each is tied to the ETag that the look before them found, which was held against
        the plan."""
        if not self.conditions.part_copy_source_if_match:
            return Pinned.UNPINNED
        if task.etag is not None:
            return Pinned.ETAG
        return Pinned.UNPINNED if task.last_modified is None else Pinned.TIME

    def copy_source(self, task: Task) -> dict[str, str]:
        source = {"Bucket": self.source_bucket, "Key": task.source_key}
        if task.version_id is not None:
            source["VersionId"] = task.version_id
        return source

    def source_object(self, task: Task) -> dict[str, Any]:
        """The parameters that name the source in requests of its own (HeadObject, GetObjectTagging)."""
        params = {**self.on_source, "Key": task.source_key}
        if task.version_id is not None:
            params["VersionId"] = task.version_id
        return params

    def target_object(self, task: Task) -> dict[str, Any]:
        return {**self.on_target, "Key": task.target_key}


def whole_second(time: datetime) -> datetime:
    """The second at or after a time. S3's conditions know whole seconds only: a time that was cut would say of the
    object that was planned that it is newer than itself."""
    return time if not time.microsecond else time.replace(microsecond=0) + timedelta(seconds=1)
