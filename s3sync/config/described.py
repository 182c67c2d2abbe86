"""What an earlier run was asked for, taken over by a command that follows it (`check --run-id`, `--from-findings`)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from s3sync.config.model import Config
from s3sync.config.setting import Setting
from s3sync.config.settings import BY_NAME
from s3sync.config.sources import option_title
from s3sync.config.values import shown
from s3sync.errors import ConfigError


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
        value = _value(setting, described.get(name))
        given = attrgetter(setting.field or name)(config)
        if value is None or given == value:
            continue
        if given != setting.default:
            raise ConfigError(
                option_title(setting),
                f"{shown(str(given))} is not what run {run_id} had, {shown(str(value))}; leave it away",
            )
        section, _, field = (setting.field or name).partition(".")
        config = replace(config, **{section: replace(getattr(config, section), **{field: value})})
    return config


def _value(setting: Setting, described: Any) -> Any:
    if isinstance(described, list):
        return tuple(setting.kind.parse(str(item)) for item in described)
    return setting.kind.parse(described) if isinstance(described, str) and described else described
