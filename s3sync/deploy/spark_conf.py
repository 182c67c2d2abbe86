"""Spark's settings of a submission: conf/spark-defaults.conf, what the shipped package needs, and the user's own.

Spark's configuration is shown in consoles and written to event logs, so nothing in it may be a secret (C12).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from s3sync.deploy.releases import Platform
from s3sync.errors import ConfigError

APP, DEPS = "app", "deps"
PREINSTALLED = "/opt/s3sync"
SECRET_NAMES = re.compile(r"secret|password|token|access[._-]?key", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"(secret|password|token|access[._-]?key)[a-z._-]*=\S", re.IGNORECASE)
_LINE = re.compile(r"(spark\.[^\s=]+)(?:\s*=\s*|\s+)(\S.*)")

# Spark's own channels on YARN, which makes the key for them itself: what the driver hands to tasks, and what they
# spill, is encrypted. On a standalone cluster the operator gives the key, so they are not in spark-defaults.conf.
ENCRYPTED = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.io.encryption.enabled": "true",
}


def read_spark_defaults(path: Path) -> dict[str, str]:
    """The lines of a file such as conf/spark-defaults.conf. Raises ConfigError that names the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), f"cannot be read ({type(error).__name__}); name another with --spark-defaults"
        ) from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place = f"{path}:{number}"
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise ConfigError(place, "is not of the form `spark.NAME VALUE`")
        name, value = parts.groups()
        if name in found:
            raise ConfigError(place, f"{name} is given twice; keep one of the two")
        found[name] = value
        refuse_secret(name, found[name], place)
    return found


def user_conf(lines: Iterable[str]) -> dict[str, str]:
    """The values of `--spark-conf NAME=VALUE`."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition("=")
        refuse_secret(name, value, "--spark-conf")
        found[name] = value
    return found


def refuse_secret(name: str, value: str, place: str) -> None:
    if SECRET_NAMES.search(name) or _SECRET_VALUES.search(value):
        raise ConfigError(
            place, f"{name} holds a secret, and everyone who sees the job sees Spark's settings; use a role instead"
        )


def python_path(*, preinstalled: bool) -> str:
    """Where the package and its dependencies are, seen from a container: unpacked archives, or the nodes' own."""
    return ":".join(f"{PREINSTALLED if preinstalled else '.'}/{name}" for name in (APP, DEPS))


def yarn_conf(
    defaults: Mapping[str, str], platform: Platform, user: Mapping[str, str], *, preinstalled: bool
) -> dict[str, str]:
    """For spark-submit on YARN in cluster mode; the user's own settings win over the file's, never over ours."""
    path = python_path(preinstalled=preinstalled)
    ours = {
        **ENCRYPTED,
        "spark.speculation": "false",
        "spark.yarn.maxAppAttempts": "1",
        "spark.yarn.submit.waitAppCompletion": "true",  # the step's state is the job's
        "spark.pyspark.python": platform.python,
        "spark.yarn.appMasterEnv.PYSPARK_PYTHON": platform.python,
        "spark.executorEnv.PYSPARK_PYTHON": platform.python,
        "spark.yarn.appMasterEnv.PYTHONPATH": path,
        "spark.executorEnv.PYTHONPATH": path,
    }
    _refuse_overrides(user, ours)
    return {**defaults, **user, **ours}


def serverless_conf(
    defaults: Mapping[str, str], platform: Platform, user: Mapping[str, str], archives: Iterable[str]
) -> dict[str, str]:
    """For EMR Serverless, which has no YARN and whose driver has an environment of its own."""
    path = python_path(preinstalled=False)
    ours = {
        "spark.speculation": "false",
        "spark.archives": ",".join(archives),
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": platform.python,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": platform.python,
        "spark.executorEnv.PYSPARK_PYTHON": platform.python,
        "spark.emr-serverless.driverEnv.PYTHONPATH": path,
        "spark.executorEnv.PYTHONPATH": path,
    }
    _refuse_overrides(user, ours)
    kept = {name: value for name, value in defaults.items() if not name.startswith("spark.yarn.")}
    return {**kept, **user, **ours}


def _refuse_overrides(user: Mapping[str, str], ours: Mapping[str, str]) -> None:
    for name in user.keys() & ours.keys():
        raise ConfigError("--spark-conf", f"{name} is set by s3sync, which relies on it; leave it away")
