"""The configuration of a job as a file for its driver: a `config.yml` with what differs from the defaults.

The step's arguments only name the file, so they stay short and the same for every command. A secret is never written:
keys that a laptop has are no use to a cluster, which has its role (C12).
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import yaml

from s3sync.config.model import Access, Config
from s3sync.config.settings import SETTINGS, Setting
from s3sync.errors import ConfigError

_NOT_SENT = ("submit", "schedule")
_SIDES = ("inventory", "source", "target", "queue", "work")
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


def job_text(config: Config) -> str:
    """The file's text; `load` of it gives `config` again, but for what is the submission's own. Raises ConfigError
    where the configuration holds keys, or names a work location that a cluster can't reach."""
    for side in _SIDES:
        refuse_keys(getattr(config.access, side), side)
    if not config.run.work_uri.startswith("s3://"):
        raise ConfigError(
            "--work-uri", f"{config.run.work_uri} is a folder of this machine; a cluster needs s3://BUCKET/PREFIX"
        )
    tree: dict[str, Any] = {}
    for setting in _sent():
        assert setting.field is not None  # noqa: S101  (`_sent` leaves the others out)
        value = attrgetter(setting.field)(config)
        if value != setting.default:
            _put(tree, setting.name.split("."), _written(setting, value))
    return yaml.safe_dump(tree, sort_keys=True, allow_unicode=True, default_flow_style=False)


def refuse_keys(access: Access, side: str) -> None:
    if any(getattr(access, field) is not None for field in _KEYS):
        name = f"{side}_aws_access_key_id".upper()
        raise ConfigError(
            f"access.{side}",
            f"has keys (${name} or $COPY_AWS_ACCESS_KEY_ID), which are not sent to a cluster; give a role "
            f"(--{side}-role-arn), or keep them in Secrets Manager (--{side}-credentials-uri secretsmanager:NAME)",
        )


def _sent() -> Iterable[Setting]:
    for setting in SETTINGS:
        is_ours = setting.section in _NOT_SENT or setting.name.startswith("access.deploy.")
        is_key = setting.kind.secret or setting.name.endswith(_KEYS)
        if setting.field is not None and not is_ours and not is_key:
            yield setting


def _written(setting: Setting, value: Any) -> str | list[str]:
    if setting.is_list:
        return [setting.kind.write(item) for item in value]
    return str(setting.kind.write(value))


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    *folders, name = path
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[name] = value
