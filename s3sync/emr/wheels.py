"""The tree of dependencies for a cluster: what pip is asked for, what of its answer is shipped, and what is checked.

pip fetches wheels for a processor and a Python that are not the laptop's (`--platform`, `--python-version`), but it
judges the markers of requirements (`; python_version < "3.12"`) by the Python that it runs on. So the tree is checked
afterwards: no library of another processor, and nothing missing that the cluster's Python would have asked for.
"""

import re
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from s3sync.config.model import Processor
from s3sync.emr.spark_conf import Platform
from s3sync.errors import ConfigError

# Services of AWS whose descriptions botocore needs on a cluster; the other 400 are half of the tree's files.
SERVICES = ("kms", "s3", "secretsmanager", "signin", "sqs", "ssm", "sso", "sso-oidc", "sts")
_ELF_MACHINES = {62: Processor.X86_64, 183: Processor.AARCH64}  # ELF specification, e_machine
_LIBRARY = re.compile(r"\.so(\.[0-9]+)*$")
_NOT_SHIPPED = re.compile(r"(^|/)(__pycache__|tests)/|^bin/|^pyarrow/(include|src)/|\.(pyi|pxd|pyx|h|hpp|lib|a)$")
_DESCRIPTION = re.compile(r"^(?:botocore|boto3)/data/([^/]+)/")


def pip_arguments(platform: Platform, target: Path, locked: Path) -> list[str]:
    """The arguments after `python -m pip`. A file whose hash is not in `locked` is refused."""
    arguments = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
    arguments += ["--target", str(target), "--only-binary=:all:"]
    arguments += ["--implementation", "cp", "--python-version", platform.version]
    for tag in platform.wheel_tags:
        arguments += ["--platform", tag]
    return [*arguments, "--require-hashes", "--requirement", str(locked)]


def pins(locked: str) -> list[str]:
    """The requirements of a lock (`name==version`, then the hashes of its files)."""
    return re.findall(r"^([A-Za-z0-9._-]+==[^ \\]+)", locked, re.MULTILINE)


def is_shipped(name: str) -> bool:
    """Whether a file of the tree is needed on a cluster; `name` is relative to the tree.

    | what                                       | shipped |
    |--------------------------------------------|---------|
    | tests, headers, stubs, scripts, bytecode   | no      |
    | botocore's description of a used service   | yes     |
    | botocore's description of another service  | no      |
    | everything else                            | yes     |
    """
    if _NOT_SHIPPED.search(name):
        return False
    service = _DESCRIPTION.match(name)
    return service is None or service[1] in SERVICES


def refuse_foreign_libraries(tree: Path, processor: Processor) -> int:
    """The number of native libraries in the tree. Raises ConfigError for one of another processor, or of none."""
    count = 0
    for path in sorted(tree.rglob("*")):
        if not _LIBRARY.search(path.name) or not path.is_file():
            continue
        with path.open("rb") as file:
            head = file.read(20)
        machine = _ELF_MACHINES.get(int.from_bytes(head[18:20], "little")) if head[:4] == b"\x7fELF" else None
        if machine is not processor:
            what = f"is for {machine}" if machine else "is no library for Linux on x86_64 or aarch64"
            raise ConfigError(
                "--processor", f"{path.relative_to(tree)} {what}, and the cluster has {processor}; remove the cache"
            )
        count += 1
    return count


def missing(tree: Path, platform: Platform, requirements: Iterable[str]) -> list[str]:
    """What the cluster's Python would want and the tree does not have, as requirements with who asks for them."""
    held = dict(_distributions(tree))
    environment = {
        "python_version": platform.version,
        "python_full_version": f"{platform.version}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": str(platform.processor),
        "extra": "",
    }
    wanted = [("s3sync", line) for line in requirements]
    wanted += [(name, line) for name, (_, lines) in held.items() for line in lines]
    found = []
    for who, line in wanted:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        version = held.get(canonicalize_name(requirement.name), (None, ()))[0]
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name}{requirement.specifier} (for {who})")
    return found


def _distributions(tree: Path) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    for path in sorted(tree.glob("*.dist-info/METADATA")):
        told = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        yield canonicalize_name(told["Name"]), (told["Version"], told.get_all("Requires-Dist") or [])
