"""Releases of EMR: which Spark they have, which Python their nodes have, and which wheels run there."""

import re
from dataclasses import dataclass

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
