"""Settings that are right one by one and wrong together.

Every rule raises ConfigError at the place of one of the settings, and names the other one and the way out. `given`
says where each value stands, `config` what came of it.
"""

from collections.abc import Callable, Mapping

from s3sync.config.access import side_fields
from s3sync.config.model import Config, Mode, Owner
from s3sync.config.origins import Given, option_title
from s3sync.config.partitions import service, share_names
from s3sync.config.settings_transfer import BY_NAME
from s3sync.config.values import did_you_mean, one_of, shown
from s3sync.errors import ConfigError
from s3sync.model.closed_sets import STORAGE_CLASSES, WRITABLE_CLASSES
from s3sync.model.task import Overwrite

_KMS = ("aws:kms", "aws:kms:dsse")
NO_QUEUE = -1  # `-n -1`
_SIDES = ("copy", "inventory", "source", "target", "queue", "work", "deploy")

Answers = Mapping[str, Given]


def refuse_contradictions(given: Answers, config: Config) -> None:
    """Raises ConfigError for the first rule that is broken."""
    for side in _SIDES:
        _check_credentials(given, side)
    for rule in _RULES:
        rule(given, config)


def check_ready(config: Config) -> None:
    """What `migrate` and `plan` can't do without. Raises ConfigError that names the option to give."""
    follows_a_check = config.plan.from_findings is not None  # which names both buckets
    if config.source.bucket is None and not config.inventory.manifests and not follows_a_check:
        raise ConfigError(_option("source.bucket"), "is missing; say what to copy: -s BUCKET, or -m MANIFEST")
    if config.target.bucket is None and not follows_a_check:
        raise ConfigError(_option("target.bucket"), "is missing; say where to copy to: -t BUCKET")
    if config.copy.mode is Mode.CHECK:
        raise ConfigError(_option("copy.mode"), "check copies nothing; give copy")


def check_migrate(config: Config) -> None:
    """As `check_ready`, or as `check_comparable` with `--mode check`."""
    (check_comparable if config.copy.mode is Mode.CHECK else check_ready)(config)


def check_comparable(config: Config) -> None:
    """What a check can't do without. Raises ConfigError that names the option to give."""
    if config.check.requeue and config.sqs.dead_queue_name is None:
        raise ConfigError(_option("check.requeue"), "needs the dead-letter queue; give --dead-queue-name")
    if config.run.run_id is not None:
        return  # the run names both buckets
    if config.source.bucket is None and not config.inventory.manifests:
        raise ConfigError(
            _option("source.bucket"), "is missing; say what to compare: -s BUCKET, -m MANIFEST or --run-id"
        )
    if config.target.bucket is None and not config.inventory.target_manifests:
        raise ConfigError(
            _option("target.bucket"), "is missing; say with what: -t BUCKET, --target-manifest-path or --run-id"
        )


def check_queues(config: Config) -> None:
    """What every command of the queues can't do without. Raises ConfigError that names the option to give."""
    if config.sqs.queue_name_pattern is None:
        raise ConfigError(_option("sqs.queue_name_pattern"), r"is missing; give the queues' names, such as s3sync-\d+")
    if config.sqs.dead_queue_name is None:
        raise ConfigError(_option("sqs.dead_queue_name"), "is missing; give a queue's name, such as s3sync-dead")


def check_executor(config: Config) -> None:
    """As `check_queues`, for what takes from them."""
    check_queues(config)
    if config.retry.queue_number == NO_QUEUE and not config.retry.including_dead:
        raise ConfigError(_option("retry.queue"), "-1 takes from no work queue; give -d too, for the dead-letter queue")


def check_retry(config: Config) -> None:
    """As `check_executor`; the tables of a run stand for the queues."""
    if config.retry.from_run is None:
        check_executor(config)
    elif config.retry.including_dead or config.retry.queue_number is not None:
        raise ConfigError(_option("retry.from_run"), "takes tasks from tables, not from queues; leave -n and -d away")


def check_enqueue(config: Config) -> None:
    """As `check_ready` and `check_queues`; a run that is there needs no buckets."""
    check_queues(config)
    if config.retry.from_run is None:
        check_ready(config)


def check_list(config: Config) -> None:
    """What `list` can't do without. Raises ConfigError that names the option to give."""
    if config.source.bucket is None:
        raise ConfigError("s3sync list", "say what to list: s3sync list s3://BUCKET/FOLDER/ -o OUTPUT")
    if config.listing.output is None:
        raise ConfigError(_option("listing.output"), "is missing; say where the listing goes: -o OUTPUT")


def _option(name: str) -> str:
    return option_title(BY_NAME[name])


def _place(given: Answers, name: str) -> str:
    return given[name].place if name in given else _option(name)


def _check_credentials(given: Answers, side: str) -> None:
    """
    | given                       | without            | then    |
    |-----------------------------|--------------------|---------|
    | key id                      | secret             | refused |
    | secret, or token            | key id             | refused |
    | profile and key id          |                    | refused |
    | external id                 | role               | refused |
    | credentials_uri and any of profile, key id       | refused |
    """
    own = side_fields(given, side)

    def name(field: str) -> str:
        return BY_NAME[f"access.{side}.{field}"].env[0]

    key = "aws_access_key_id"
    for field, needed in (
        (key, "aws_secret_access_key"),
        ("aws_secret_access_key", key),
        ("aws_session_token", key),
        ("external_id", "role_arn"),
    ):
        if field in own and needed not in own:
            raise ConfigError(
                own[field].place, f"is given without access.{side}.{needed}; give it too (${name(needed)})"
            )
    if key in own and "profile_name" in own:
        raise ConfigError(
            own["profile_name"].place, f"and a key ({own[key].place}) are both given; keep the profile or the key"
        )

    uri = own.get("credentials_uri")
    for field in ("profile_name", key):
        if uri is not None and field in own:
            raise ConfigError(uri.place, f"and {own[field].place} both say whose credentials to use; keep one of them")


def _check_overwrite(given: Answers, config: Config) -> None:
    if config.plan.verify and config.plan.overwrite is Overwrite.ALWAYS:
        raise ConfigError(
            _place(given, "plan.verify"),
            f"skips what the target has, but {_place(given, 'plan.overwrite')} is always; "
            "leave one of them away, or give --overwrite changed",
        )


def _check_encryption(given: Answers, config: Config) -> None:
    target = config.target
    if target.kms_key_id is not None and target.encryption not in _KMS:
        raise ConfigError(
            _place(given, "target.kms_key_id"), f"needs target.encryption {one_of(_KMS)}; give --encryption aws:kms"
        )
    if target.bucket_key and target.encryption != "aws:kms":
        raise ConfigError(
            _place(given, "target.bucket_key"), "needs target.encryption aws:kms; give --encryption aws:kms"
        )
    if config.copy.preserve_etags and target.encryption in _KMS:
        raise ConfigError(
            _place(given, "copy.preserve_etags"),
            f"is not possible with {_place(given, 'target.encryption')} {target.encryption}: "
            "such an ETag is no MD5; leave one of them away",
        )


def _check_filters(given: Answers, config: Config) -> None:
    filters = config.filters
    least, most = filters.min_size_bytes, filters.max_size_bytes
    if least is not None and most is not None and least > most:
        raise ConfigError(
            _place(given, "filters.min_size"),
            f"is larger than {_place(given, 'filters.max_size')}, so no object is left; exchange the two",
        )
    since, until = filters.modified_since, filters.not_modified_since
    if since is not None and until is not None and since >= until:
        raise ConfigError(
            _place(given, "filters.modified_since"),
            f"is not before {_place(given, 'filters.not_modified_since')}, so no object is left; correct one",
        )


def _check_owner(given: Answers, config: Config) -> None:
    if config.filters.owner is not Owner.ANY and config.inventory.manifests:
        raise ConfigError(
            _place(given, "filters.owner"),
            f"needs a listing of the bucket, and {_place(given, 'inventory.manifests')} replaces it; "
            "leave one of them away",
        )


def _check_strip_prefix(given: Answers, config: Config) -> None:
    strip = config.target.strip_prefix
    for prefix in config.source.prefixes:
        if not prefix.startswith(strip) and not strip.startswith(prefix):
            raise ConfigError(
                _place(given, "target.strip_prefix"),
                f"{shown(strip)} is not how keys of the prefix {shown(prefix)} begin "
                f"({_place(given, 'source.prefixes')}); correct one of the two",
            )


def _check_deep(given: Answers, config: Config) -> None:
    check = config.check
    is_deep = check.deep or check.deep_sample is not None
    if check.deep and check.deep_sample is not None:
        raise ConfigError(
            _place(given, "check.deep_sample"), f"is less than {_place(given, 'check.deep')}; leave one of them away"
        )
    if check.max_deep_bytes is not None and not is_deep:
        raise ConfigError(_place(given, "check.max_deep_bytes"), "limits --deep or --deep-sample; give one of them")
    if check.listings_only and (is_deep or check.metadata):
        other = "check.metadata" if check.metadata else "check.deep" if check.deep else "check.deep_sample"
        raise ConfigError(
            _place(given, "check.listings_only"),
            f"makes no request for single objects, which {_place(given, other)} needs; leave one of them away",
        )


def _check_from_findings(given: Answers, config: Config) -> None:
    if config.plan.from_findings is not None and config.inventory.manifests:
        raise ConfigError(
            _place(given, "plan.from_findings"),
            f"says what to copy, and so does {_place(given, 'inventory.manifests')}; leave one of them away",
        )


def _check_verdicts(given: Answers, config: Config) -> None:
    if config.plan.verdicts and config.plan.from_findings is None:
        place = _place(given, "plan.verdicts")
        raise ConfigError(place, "chooses among the findings of a check; name it with --from-findings")


def _check_findings_unverified(given: Answers, config: Config) -> None:
    """A listing can't see what a check has found by looking deeper: it would skip the copies that mend it."""
    if config.plan.from_findings is not None and config.plan.verify:
        raise ConfigError(
            _place(given, "plan.verify"),
            f"skips what the listings call equal, and {_place(given, 'plan.from_findings')} names what a check found "
            "to differ all the same; leave -v away",
        )


def _check_storage_classes(given: Answers, config: Config) -> None:
    """Other servers than AWS's have storage classes of their own."""
    for name, classes, known, access, fault in (
        (
            "target.storage_class",
            (config.target.storage_class,),
            WRITABLE_CLASSES,
            config.access.target,
            "not a storage class that S3 takes for a copy",
        ),
        (
            "filters.storage_classes",
            config.filters.storage_classes,
            tuple(STORAGE_CLASSES),
            config.access.source,
            "not a storage class of S3",
        ),
    ):
        for storage_class in classes:
            if storage_class is not None and storage_class not in known and service(access) is None:
                near = did_you_mean(storage_class.upper(), known) or "; write one such as STANDARD_IA"
                raise ConfigError(_place(given, name), f"{shown(storage_class)} is {fault}{near}")


def _check_mapping(given: Answers, config: Config) -> None:
    """The same name at another endpoint, or in another partition of AWS, is another bucket."""
    source, target = config.source, config.target
    if source.bucket is None or source.bucket != target.bucket or target.prefix != target.strip_prefix:
        return
    if share_names(config.access.source, config.access.target):
        raise ConfigError(
            _place(given, "target.bucket"),
            f"{shown(target.bucket)} is the source too, and the keys stay the same: each object would be copied onto "
            "itself; give another bucket or --target-prefix",
        )


_RULES: tuple[Callable[[Answers, Config], None], ...] = (
    _check_overwrite,
    _check_encryption,
    _check_filters,
    _check_owner,
    _check_strip_prefix,
    _check_storage_classes,
    _check_mapping,
    _check_deep,
    _check_from_findings,
    _check_verdicts,
    _check_findings_unverified,
)
