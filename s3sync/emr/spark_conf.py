"""Spark's settings of a submission: conf/spark-defaults.conf, what the shipped package needs, and the user's own.

Spark's configuration is shown in consoles and written to event logs, so nothing in it may be a secret (C12).

Releases of EMR: which Spark they have, which Python their nodes have, and which wheels run there.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from s3sync.config.model import Processor
from s3sync.errors import ConfigError

DEFAULT_RELEASE = "emr-7.13.0"
LIBC_MINOR = range(34, 16, -1)  # Amazon Linux 2023 has glibc 2.34, and wheels for older ones run there


@dataclass(frozen=True, slots=True)
class Release:
    """`python` is the path of the newest Python that every release of the series has and s3sync can use."""

    series: str
    spark: str
    python: str


# EMR release guide, 2026: emr-7.13.0 has Spark 3.5.6 and Python 3.9 and 3.11 on its nodes, emr-spark-8.0.0 Spark 4.0.2
# and Python 3.11 to 3.13. Both stand on Amazon Linux 2023 and Java 17.
RELEASES = (
    Release("emr-7.", "3.5", "/usr/bin/python3.11"),
    Release("emr-spark-8.", "4.0", "/usr/bin/python3.11"),
)


@dataclass(frozen=True, slots=True)
class Platform:
    """What the wheels must fit: the processor and the version of Python (`3.11`), and the series of Spark."""

    processor: Processor
    python: str
    spark: str

    @property
    def version(self) -> str:
        return python_version(self.python)

    @property
    def wheel_tags(self) -> tuple[str, ...]:
        """Platform tags of wheels, the newest first (PEP 600; `manylinux2014` is the old name of 2_17)."""
        newer = tuple(f"manylinux_2_{minor}_{self.processor}" for minor in LIBC_MINOR)
        return (*newer, f"manylinux2014_{self.processor}")


def release_of(label: str, place: str = "--release") -> Release:
    """The series that a release label belongs to. Raises ConfigError at `place` for one that is not known."""
    for release in RELEASES:
        if label.startswith(release.series):
            return release
    known = " or ".join(f"{release.series}x" for release in RELEASES)
    raise ConfigError(place, f"{label} is no release that s3sync runs on; take {known}, such as {DEFAULT_RELEASE}")


def platform_of(label: str, processor: Processor, python: str | None) -> Platform:
    """The platform of a cluster; `python` overrides the release's."""
    release = release_of(label)
    return Platform(processor, python or release.python, release.spark)


def python_version(python: str) -> str:
    """`3.11` of `/usr/bin/python3.11`."""
    found = re.search(r"python(3\.[0-9]+)$", python)
    if found is None:
        raise ConfigError("--python", f"{python} does not end with a version; write one such as /usr/bin/python3.11")
    return found[1]


def processor_of(instance_types: tuple[str, ...]) -> Processor | None:
    """The processor of instance types such as `m7g.xlarge`; None where there are none, or both kinds.

    Graviton families have a `g` behind the generation's number (EC2: "Instance type naming conventions"); `a1` is the
    one exception.
    """
    kinds = {
        Processor.AARCH64 if re.match(r"(a1$|[a-z]+[0-9]+g)", name.partition(".")[0]) else Processor.X86_64
        for name in instance_types
    }
    return kinds.pop() if len(kinds) == 1 else None


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
