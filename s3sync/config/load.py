"""From files, environment and options to one frozen `Config`.

What an earlier run was asked for, taken over by a command that follows it (`check --run-id`, `--from-findings`).

Where the files of conf/ lie: beside the package in a checkout, inside it where it is installed (see setup.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from s3sync.config.access import accesses
from s3sync.config.contradictions import refuse_contradictions
from s3sync.config.model import Config, PlanConfig
from s3sync.config.origins import Given, from_env_file, from_environment, from_options, from_yaml, option_title
from s3sync.config.setting import Setting
from s3sync.config.settings_transfer import BY_NAME, SETTINGS
from s3sync.config.values import shown, write_date
from s3sync.errors import ConfigError
from s3sync.model.task import Overwrite


def load(
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    config_file: Path | None,
    env_file: Path | None,
    job: Mapping[str, Given] | None = None,
) -> Config:
    """The configuration: options before environment before .env file before YAML file before default. What a file of
    jobs says of one `job` comes right behind the options: a variable must not point all jobs at one bucket.

    `options` has the settings' names (`copy.part_size`) and texts as a person writes them, or plain values. Whether
    all that a command needs is there is asked by `check.check_ready`. Raises ConfigError.
    """
    given = {
        **(from_yaml(config_file) if config_file else {}),
        **(from_env_file(env_file) if env_file else {}),
        **from_environment(environ),
        **(job or {}),
        **from_options(options),
    }
    config = _built(given)
    refuse_contradictions(given, config)
    return config


def _built(given: Mapping[str, Given]) -> Config:
    sections: dict[str, dict[str, Any]] = {}
    for setting in SETTINGS:
        if setting.field is not None and setting.section != "access" and setting.name in given:
            section, _, name = setting.field.partition(".")
            sections.setdefault(section, {})[name] = given[setting.name].value
    config = Config(access=accesses(given))
    config = replace(
        config,
        **{
            part.name: replace(getattr(config, part.name), **sections[part.name])
            for part in fields(Config)
            if part.name in sections
        },
    )
    return replace(config, plan=_with_overwrite(config.plan, "plan.overwrite" in given))


def _with_overwrite(plan: PlanConfig, overwrite_is_given: bool) -> PlanConfig:
    """
    | verify | overwrite given | then: verify, overwrite                  |
    |--------|-----------------|------------------------------------------|
    | no     | nothing         | no, always: the default                  |
    | yes    | nothing         | yes, changed                             |
    | any    | changed         | yes, changed: it can't be known otherwise |
    | any    | never           | as given                                 |
    | no     | always          | as given                                 |
    | yes    | always          | refused as a contradiction               |
    """
    if plan.verify and not overwrite_is_given:
        return replace(plan, overwrite=Overwrite.CHANGED)
    if plan.overwrite is Overwrite.CHANGED:
        return replace(plan, verify=True)
    return plan


# What every run.json has had from the first. Nothing is added here, and nothing taken away: the fingerprint of a run is
# made of it.
_OF_THE_FIRST_FORMAT = frozenset(
    f"{section}.{name}"
    for section, names in {
        "source": "bucket prefixes",
        "target": "bucket prefix strip_prefix storage_class encryption kms_key_id bucket_key acl",
        "inventory": "manifests target_manifests",
        "filters": "include exclude min_size max_size modified_since not_modified_since storage_classes owner",
        "plan": "verify overwrite limit batch_objects batch_size from_findings",
        "copy": "mode preserve_etags tags multipart_threshold part_size giant_threshold",
        "check": "metadata deep deep_sample max_deep_bytes listings_only all_findings",
        "access": "inventory.endpoint_url source.endpoint_url target.endpoint_url",
    }.items()
    for name in names.split()
)


def describe(config: Config) -> dict[str, Any]:
    """What makes a run this run, by the settings' names: for its fingerprint, and to be shown.

    JSON values only, no secrets (C12). Credentials, pace (requests in flight, attempts), display, the work location
    and the run's id are left out: the same run may go on with others. So is a setting that came later and has its
    default: a run that a version without it began has the same description, and is gone on with.
    """
    described = {}
    for setting in SETTINGS:
        if setting.shapes_run and setting.field is not None:
            value = attrgetter(setting.field)(config)
            if setting.name in _OF_THE_FIRST_FORMAT or value != setting.default:
                described[setting.name] = _plain(value)
    return described


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return write_date(value)
    # An enum's member is a `str`, but only its value is the same text in every JSON writer.
    return str(value) if isinstance(value, str) else value


# | the command names        | the run had | then                                          |
# |--------------------------|-------------|-----------------------------------------------|
# | nothing (or the default) | anything    | what the run had                              |
# | a value                  | the same    | that                                          |
# | a value                  | another     | refused: it is another pair of buckets        |
def followed(config: Config, described: Mapping[str, Any], names: Iterable[str], run_id: str) -> Config:
    """The configuration with these settings as in the run that `described` is of (`config.load.describe`).

    Raises ConfigError where the command gives one of them another value.
    """
    for name in names:
        setting = BY_NAME[name]
        value = _value(setting, described[name]) if name in described else setting.default
        given = attrgetter(setting.field or name)(config)
        if value is None or given == value:
            continue
        if given != setting.default:
            raise ConfigError(
                option_title(setting),
                f"{shown(str(given))} is not what run {run_id} had, {shown(str(value))}; leave it away",
            )
        config = _with(config, setting, value)
    return config


def taken_over(config: Config, described: Mapping[str, Any], names: Iterable[str]) -> Config:
    """The configuration with these settings as in the run that `described` is of, but for those that are given here."""
    for name in names:
        setting = BY_NAME[name]
        value = _value(setting, described.get(name))
        if value is not None and attrgetter(setting.field or name)(config) == setting.default:
            config = _with(config, setting, value)
    return config


def _with(config: Config, setting: Setting, value: Any) -> Config:
    section, _, field = (setting.field or setting.name).partition(".")
    return replace(config, **{section: replace(getattr(config, section), **{field: value})})


def _value(setting: Setting, described: Any) -> Any:
    if isinstance(described, list):
        return tuple(setting.kind.parse(str(item)) for item in described)
    return setting.kind.parse(described) if isinstance(described, str) and described else described


PACKAGE = Path(__file__).parents[1]


def conf_file(name: str) -> Path:
    installed = PACKAGE / "conf" / name
    return installed if installed.exists() else PACKAGE.parent / "conf" / name
