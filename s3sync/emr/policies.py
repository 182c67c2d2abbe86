"""The least policies for the very buckets that are configured: for the role that runs the job, and for buckets and keys
of other accounts. What those need who submit and schedule stands in conf/cloudformation/emr.yml.

A server-side copy is one request, signed with the target's credentials, so these read the source too; the source's own
credentials list it. No statement allows `s3:*`, and none names all buckets. AWS: "Actions, resources, and condition
keys for Amazon S3", "Allowing an AWS service to encrypt and decrypt with a KMS key".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from s3sync.config.model import Access, Config
from s3sync.config.values import split_s3_uri
from s3sync.model.closed_sets import PARTITIONS

Statement = dict[str, Any]

# What each request of S3 and SQS needs; a test compares the names with those that the code uses.
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "AbortMultipartUpload": ("s3:AbortMultipartUpload",),
    "CompleteMultipartUpload": ("s3:PutObject",),
    "CopyObject": ("s3:GetObject", "s3:PutObject"),
    "CreateMultipartUpload": ("s3:PutObject",),
    "DeleteObject": ("s3:DeleteObject",),
    "GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "GetObject": ("s3:GetObject",),
    "GetObjectAnnotation": ("s3:GetObjectAnnotation",),
    "GetObjectAttributes": ("s3:GetObject", "s3:GetObjectAttributes"),
    "GetObjectTagging": ("s3:GetObjectTagging",),
    "HeadBucket": ("s3:ListBucket",),
    "HeadObject": ("s3:GetObject",),
    "ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "ListObjectAnnotations": ("s3:ListObjectAnnotations",),
    "ListObjectVersions": ("s3:ListBucketVersions",),
    "ListObjectsV2": ("s3:ListBucket",),
    "PutObject": ("s3:PutObject",),
    "PutObjectAnnotation": ("s3:PutObjectAnnotation",),
    "PutObjectTagging": ("s3:PutObjectTagging",),
    "UploadPart": ("s3:PutObject",),
    "UploadPartCopy": ("s3:GetObject", "s3:PutObject"),
}
LIST = ("s3:ListBucket", "s3:ListBucketVersions")
READ = ("s3:GetObject", "s3:GetObjectAttributes")
TAGS = ("s3:GetObjectTagging",)
ANNOTATIONS = ("s3:GetObjectAnnotation", "s3:ListObjectAnnotations")
WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")
PROBES = (".s3sync-probe-*", ".s3sync-doctor-*")
# What only the doctor reads: a job runs without, and the doctor says `unknown` then.
LOOK = (
    "s3:GetBucketNotification",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketVersioning",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
)
USE_QUEUES = (
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
)
# Of `s3sync init` and `s3sync queues --purge`, which a person calls and no job does.
SET_UP_QUEUES = (
    "sqs:CreateQueue",
    "sqs:DeleteQueue",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:PurgeQueue",
)


@dataclass(frozen=True, slots=True)
class SideFacts:
    """`region` may be None where nobody told it; `account` is the bucket's owner, `principal` who reaches the bucket:
    the ARN of a role or a user. What is not known is a name in capitals, to be filled in."""

    region: str | None = None
    partition: str = "aws"
    account: str = "BUCKET-ACCOUNT"
    principal: str = "arn:aws:iam::JOB-ACCOUNT:role/JOB-ROLE"
    kms_key_arn: str | None = None

    @property
    def principal_account(self) -> str:
        return self.principal.split(":")[4]

    @property
    def is_foreign(self) -> bool:
        """Whether the bucket is another account's than its reader's."""
        return self.account != self.principal_account


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    source: SideFacts = field(default_factory=SideFacts)
    target: SideFacts = field(default_factory=SideFacts)


def policies(config: Config, facts: PolicyFacts) -> dict[str, Any]:
    """Names for people to IAM policies and bucket policies, only those that this configuration needs."""
    found: dict[str, Any] = {}
    same_reader = config.access.source == config.access.target
    target = _reads_source(config, facts) + _writes_target(config, facts)
    if same_reader:
        target = [*_lists_source(config, facts), *target]
    else:
        found["source role: " + facts.source.principal] = _document(
            [*_lists_source(config, facts), *_looks(config, facts)[:1], *_decrypts(facts.source, "Source")]
        )
    shared = [*_inventory(config, facts), *_work(config, facts), *_queues(config, facts), *_references(config, facts)]
    looks = _looks(config, facts) if same_reader else _looks(config, facts)[1:]
    found["job role: " + facts.target.principal] = _document([*target, *shared, *looks])
    if setting_up := _queues(config, facts, SET_UP_QUEUES):
        found["who calls s3sync init, and s3sync queues --purge"] = _document(setting_up)
    found.update(_of_other_accounts(config, facts))
    return found


def _document(statements: Iterable[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str], **more: Any) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": list(resources), **more}


def _bucket(side: SideFacts, bucket: str | None, key: str | None = None) -> str:
    arn = f"arn:{side.partition}:s3:::{bucket or 'SOURCE-BUCKET'}"
    return arn if key is None else f"{arn}/{key}"


def _source_keys(config: Config, facts: PolicyFacts) -> list[str]:
    return [_bucket(facts.source, config.source.bucket, f"{prefix}*") for prefix in config.source.prefixes or ("",)]


def _target_keys(config: Config, facts: PolicyFacts) -> list[str]:
    return [_bucket(facts.target, config.target.bucket, f"{config.target.prefix}*")]


def _reading(config: Config) -> tuple[str, ...]:
    return (*READ, *(TAGS if config.copy.tags else ()), *(ANNOTATIONS if config.copy.annotations else ()))


def _writing(config: Config) -> tuple[str, ...]:
    """What a copy's target is read for too: a repeat and a check look at it, and a write with If-Match needs
    s3:GetObject beside s3:PutObject (AWS: "How to prevent object overwrites with conditional writes")."""
    tags = ("s3:PutObjectTagging",) if config.copy.tags else ()
    annotations = ("s3:PutObjectAnnotation",) if config.copy.annotations else ()
    return (*WRITE, *_reading(config), *tags, *annotations, *(("s3:PutObjectAcl",) if config.target.acl else ()))


def _lists_source(config: Config, facts: PolicyFacts) -> list[Statement]:
    bucket = [_bucket(facts.source, config.source.bucket)]
    return [_allow("ListSource", LIST, bucket, **_of_prefixes(config.source.prefixes))]


def _of_prefixes(prefixes: Sequence[str]) -> dict[str, Any]:
    """Listing below the prefixes only. HeadBucket gives no prefix, so it has no part in this condition."""
    if not prefixes:
        return {}
    return {"Condition": {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}}


def _reads_source(config: Config, facts: PolicyFacts) -> list[Statement]:
    return [
        _allow("ReadSource", _reading(config), _source_keys(config, facts)),
        *_decrypts(facts.source, "Source"),
    ]


def _writes_target(config: Config, facts: PolicyFacts) -> list[Statement]:
    bucket = _bucket(facts.target, config.target.bucket)
    probes = [f"{bucket}/{config.target.prefix}{probe}" for probe in PROBES]
    statements = [
        _allow("WriteTarget", _writing(config), _target_keys(config, facts)),
        _allow("ListTarget", (*LIST, "s3:ListBucketMultipartUploads", "s3:GetEncryptionConfiguration"), [bucket]),
        _allow("RemoveProbes", ("s3:DeleteObject", "s3:DeleteObjectVersion"), probes),
    ]
    key = facts.target.kms_key_arn
    if key is not None:
        statements.append(_kms("EncryptTarget", ("kms:Decrypt", "kms:GenerateDataKey"), key, facts.target))
    return statements


def _decrypts(side: SideFacts, name: str) -> list[Statement]:
    return [_kms(f"Decrypt{name}", ("kms:Decrypt",), side.kms_key_arn, side)] if side.kms_key_arn else []


def _kms(sid: str, actions: Sequence[str], key: str, side: SideFacts) -> Statement:
    """Only by way of S3 in the key's region."""
    suffix = PARTITIONS[side.partition].suffixes[0]
    via = {"Condition": {"StringEquals": {"kms:ViaService": f"s3.{side.region}.{suffix}"}}} if side.region else {}
    return _allow(sid, actions, [key], **via)


def _inventory(config: Config, facts: PolicyFacts) -> list[Statement]:
    statements = []
    for number, uri in enumerate(config.inventory.manifests, start=1):
        bucket, key = split_s3_uri(uri)
        # The data files lie beside the dated folders, or where the manifest says: below the report's own folder.
        folder = key.removesuffix("manifest.json")
        top = folder.rstrip("/").rpartition("/")[0] + "/" if key.endswith("manifest.json") else folder
        where = {"Condition": {"StringLike": {"s3:prefix": [f"{top}*"]}}} if top else {}
        statements += [
            _allow(f"ReadInventory{number}", ("s3:GetObject",), [_bucket(facts.source, bucket, f"{top}*")]),
            _allow(f"ListInventory{number}", ("s3:ListBucket",), [_bucket(facts.source, bucket)], **where),
        ]
    return statements


def _work(config: Config, facts: PolicyFacts) -> list[Statement]:
    if not config.run.work_uri.startswith("s3://"):
        return []
    bucket, key = split_s3_uri(config.run.work_uri)
    top = f"{key.strip('/')}/" if key.strip("/") else ""
    where = {"Condition": {"StringLike": {"s3:prefix": [f"{top}*"]}}} if top else {}
    actions = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
    return [
        _allow("UseWork", actions, [_bucket(facts.target, bucket, f"{top}*")]),
        _allow("ListWork", ("s3:ListBucket",), [_bucket(facts.target, bucket)], **where),
    ]


def _queues(config: Config, facts: PolicyFacts, actions: Sequence[str] = USE_QUEUES) -> list[Statement]:
    pattern = config.sqs.queue_name_pattern
    if pattern is None:
        return []
    side = facts.target
    region = config.access.queue.region_name or side.region or "REGION"
    top = f"arn:{side.partition}:sqs:{region}:{side.principal_account}"
    beginning = pattern.split("{index}")[0].split("\\")[0].split("[")[0].split("(")[0].split(".")[0]
    names = [f"{top}:{beginning}*", *([f"{top}:{config.sqs.dead_queue_name}"] if config.sqs.dead_queue_name else [])]
    return [
        _allow("UseQueues" if actions is USE_QUEUES else "SetUpQueues", actions, names),
        _allow("FindQueues", ("sqs:ListQueues",), [f"{top}:*"]),
    ]


def _references(config: Config, facts: PolicyFacts) -> list[Statement]:
    """Roles that are assumed and keys that are kept elsewhere, as far as this role reaches for them."""
    access = config.access
    sides: tuple[Access, ...] = (access.inventory, access.source, access.target, access.queue, access.work)
    roles = sorted({side.role_arn for side in sides if side.role_arn})
    uris = sorted({side.credentials_uri for side in sides if side.credentials_uri})
    statements = [_allow("AssumeRoles", ("sts:AssumeRole",), roles)] if roles else []
    for kind, action in (("secretsmanager", "secretsmanager:GetSecretValue"), ("ssm", "ssm:GetParameter")):
        named = [uri.partition(":")[2] for uri in uris if uri.startswith(f"{kind}:")]
        if named:
            statements.append(_allow(f"Read{kind.capitalize()}", (action,), [_kept_arn(kind, n, facts) for n in named]))
    return statements


def _kept_arn(kind: str, name: str, facts: PolicyFacts) -> str:
    if name.startswith("arn:"):
        return name
    side = facts.target
    top = f"arn:{side.partition}:{kind}:{side.region or 'REGION'}:{side.principal_account}"
    # Secrets Manager puts six characters of its own behind the name.
    return f"{top}:secret:{name}-??????" if kind == "secretsmanager" else f"{top}:parameter/{name.lstrip('/')}"


def _looks(config: Config, facts: PolicyFacts) -> list[Statement]:
    """For `s3sync doctor`, and for what `migrate` looks at first; a run does without."""
    return [
        _allow(
            "LookAtSource",
            ("s3:GetBucketVersioning", "s3:GetEncryptionConfiguration"),
            [_bucket(facts.source, config.source.bucket)],
        ),
        _allow("LookAtTarget", LOOK, [_bucket(facts.target, config.target.bucket)]),
    ]


def _of_other_accounts(config: Config, facts: PolicyFacts) -> dict[str, Any]:
    """Policies of buckets and keys whose account is not that of the role: both sides must allow it there."""
    found: dict[str, Any] = {}
    readers = sorted({facts.source.principal, facts.target.principal})
    if facts.source.account != facts.target.principal_account or facts.source.is_foreign:
        statements = [
            _for(readers, _allow("ReadSource", _reading(config), _source_keys(config, facts))),
            _for(readers, _lists_source(config, facts)[0]),
        ]
        found[f"bucket policy of s3://{config.source.bucket}"] = _document(statements)
        if facts.source.kms_key_arn:
            grant = _kms("DecryptSource", ("kms:Decrypt",), facts.source.kms_key_arn, facts.source)
            found[f"statement for the policy of {facts.source.kms_key_arn}"] = _for(readers, {**grant, "Resource": "*"})
    if facts.target.is_foreign:
        own = [_for([facts.target.principal], each) for each in _writes_target(config, facts)[:3]]
        found[f"bucket policy of s3://{config.target.bucket}"] = _document(own)
        if facts.target.kms_key_arn:
            grant = _kms(
                "EncryptTarget", ("kms:Decrypt", "kms:GenerateDataKey"), facts.target.kms_key_arn, facts.target
            )
            found[f"statement for the policy of {facts.target.kms_key_arn}"] = _for(
                [facts.target.principal], {**grant, "Resource": "*"}
            )
    return found


def _for(principals: Sequence[str], statement: Statement) -> Statement:
    who = {"Principal": {"AWS": principals[0] if len(principals) == 1 else list(principals)}}
    return {
        "Sid": statement["Sid"],
        "Effect": "Allow",
        **who,
        **{k: v for k, v in statement.items() if k not in ("Sid", "Effect")},
    }
