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
PYTHON_LEAST = "3.11"  # s3sync's own
RUN_MINUTES_MAX = 10_080  # EMR Serverless, "StartJobRun": 7 days
_LABEL = re.compile(r"(emr-(?:spark-)?)([0-9]+)\.([0-9]+)\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Release:
    """What the releases of one line (`emr-`, `emr-spark-`) have from `first` on, up to the next row: series of Spark,
    version of Hadoop where AWS tells it, Pythons of the nodes.

    `limits_runs`: on EMR Serverless no batch job may run longer than `RUN_MINUTES_MAX`, or without a limit."""

    line: str
    first: tuple[int, int]
    spark: str
    hadoop: str | None
    pythons: tuple[str, ...]
    limits_runs: bool = False

    @property
    def python(self) -> str | None:
        """The path of the Python there that s3sync runs on, if there is one."""
        return f"/usr/bin/python{PYTHON_LEAST}" if PYTHON_LEAST in self.pythons else None


# EMR release guide: "Application versions in Amazon EMR 7.x releases", "Hadoop version history", "Spark release
# history". EMR Serverless API reference: "StartJobRun". All stand on Amazon Linux 2023 and Java 17.
RELEASES = (
    Release("emr-", (7, 0), "3.5", "3.3.6", ("3.9",)),
    Release("emr-", (7, 1), "3.5", "3.3.6", ("3.9", "3.11")),
    Release("emr-", (7, 4), "3.5", "3.4.0", ("3.9", "3.11")),
    Release("emr-", (7, 8), "3.5", "3.4.1", ("3.9", "3.11")),
    Release("emr-", (7, 11), "3.5", "3.4.1", ("3.9", "3.11"), limits_runs=True),
    Release("emr-", (7, 13), "3.5", "3.4.2", ("3.9", "3.11"), limits_runs=True),
    Release("emr-spark-", (8, 0), "4.0", None, ("3.11", "3.12", "3.13"), limits_runs=True),
)
# The newest ones that are known here.
NEWEST = {"emr-": (7, 14), "emr-spark-": (8, 0)}


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


# | label                                       | then                                                |
# |---------------------------------------------|-----------------------------------------------------|
# | of a line, in or above a row, up to NEWEST  | that row                                            |
# | of a line, above NEWEST                     | the line's last row, and `word_about` has a word    |
# | of a line, below its first row              | refused                                             |
# | of no line                                  | refused                                             |
def release_of(label: str, place: str = "--release") -> Release:
    """What the release of that label has, as far as is known. Raises ConfigError at `place` for one that is too old, or
    is none."""
    line, version = _parsed(label)
    rows = [row for row in RELEASES if row.line == line and row.first <= version]
    if not rows:
        raise ConfigError(
            place, f"{label} is no release that s3sync runs on; take emr-7.1.0 or newer, such as {DEFAULT_RELEASE}"
        )
    return rows[-1]


def word_about(label: str) -> str | None:
    """What to say of a release that is newer than what is known here; it is tried all the same."""
    line, version = _parsed(label)
    if version <= NEWEST.get(line, version):
        return None
    row = release_of(label)
    known = ".".join(map(str, NEWEST[line]))
    return (
        f"{label} is newer than {line}{known}, the newest release that s3sync knows; it is tried as if it had Spark "
        f"{row.spark} and {row.python}. Where it has not, name another Python with --python"
    )


def _parsed(label: str) -> tuple[str, tuple[int, int]]:
    found = _LABEL.fullmatch(label)
    return (found[1], (int(found[2]), int(found[3]))) if found else ("", (0, 0))


def platform_of(label: str, processor: Processor, python: str | None) -> Platform:
    """The platform of a cluster; `python` overrides the release's. Raises ConfigError where there is none to use."""
    release = release_of(label)
    chosen = python or release.python
    if chosen is None:
        raise ConfigError(
            "--release",
            f"{label} has Python {' and '.join(release.pythons)} only, and s3sync needs {PYTHON_LEAST}; take emr-7.1.0 "
            "or newer, or install one by a bootstrap action and name it with --python",
        )
    return Platform(processor, chosen, release.spark)


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
