"""What pip is asked for, what is shipped of its answer, and what is refused."""

from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from s3sync.config.model import Processor
from s3sync.emr.package import artifact, files_below, locked_requirements, write_tar_gz
from s3sync.emr.spark_conf import Platform
from s3sync.emr.wheels import SERVICES, is_shipped, missing, pins, pip_arguments, refuse_foreign_libraries
from s3sync.errors import ConfigError

HERE = Path(__file__).parents[3]
X86 = Platform(Processor.X86_64, "/usr/bin/python3.11", "3.5")


def elf(machine: int) -> bytes:
    return b"\x7fELF" + b"\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little") + bytes(40)


def test_pip_gets_wheels_of_the_cluster_and_never_builds():
    arguments = pip_arguments(X86, Path("/t"), Path("/lock"))
    assert "--only-binary=:all:" in arguments
    assert arguments[arguments.index("--python-version") + 1] == "3.11"
    assert arguments.count("--platform") == len(X86.wheel_tags)
    assert arguments[-3:] == ["--require-hashes", "--requirement", "/lock"]


def test_what_the_package_needs_is_in_the_lock_that_it_ships():
    """setup.py has ranges; the lock, which is part of the package, exact versions within them."""
    locked = {Requirement(pin).name: pin.partition("==")[2] for pin in pins(locked_requirements().read_text())}
    needed = [Requirement(line) for line in requires("s3sync-spark") or () if "extra ==" not in line]
    assert len(needed) > 8
    assert [str(each) for each in needed if locked.get(canonicalize_name(each.name), "0") not in each.specifier] == []


@pytest.mark.parametrize(
    ("name", "shipped"),
    [
        ("boto3/__init__.py", True),
        ("pyarrow/libarrow.so.2600", True),
        ("botocore/data/s3/2006-03-01/service-2.json.gz", True),
        ("botocore/data/endpoints.json", True),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("boto3/data/ec2/2016-11-15/resources-1.json", False),
        ("botocore/cacert.pem", True),
        ("certifi/cacert.pem", True),
        ("pandas/tests/test_x.py", False),
        ("pandas/_testing/__init__.py", True),
        ("numpy/core/tests/data/x.csv", False),
        ("pyarrow/include/arrow/api.h", False),
        ("bin/f2py", False),
        ("yaml/__pycache__/a.pyc", False),
        ("rich-15.dist-info/METADATA", True),
        ("numpy/__init__.pyi", False),
    ],
)
def test_what_of_the_tree_is_shipped(name, shipped):
    assert is_shipped(name) is shipped


def test_every_service_that_a_driver_asks_is_shipped():
    """`submit` and `schedule` run on laptops; what they alone ask is not needed on a cluster."""
    import re

    laptop = {"emr", "emr-serverless", "scheduler", "cloudformation", "iam", "ec2"}
    text = "".join(path.read_text() for path in (HERE / "s3sync").rglob("*.py"))
    used = set(re.findall(r'\bclient\(\s*"([a-z0-9-]+)"', text)) - laptop
    assert used >= {"s3", "sqs"}
    assert used <= set(SERVICES)


def test_libraries_of_another_processor_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "good.cpython-311-x86_64-linux-gnu.so").write_bytes(elf(62))
    (tmp_path / "a" / "libx.so.1.2").write_bytes(elf(62))
    assert refuse_foreign_libraries(tmp_path, Processor.X86_64) == 2
    with pytest.raises(ConfigError, match="is for x86_64"):
        refuse_foreign_libraries(tmp_path, Processor.AARCH64)
    (tmp_path / "mac.so").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(40))
    with pytest.raises(ConfigError, match=r"mac.so is no library for Linux"):
        refuse_foreign_libraries(tmp_path, Processor.X86_64)


def put_dist(tree, name, version, *needs):
    folder = tree / f"{name}-{version}.dist-info"
    folder.mkdir()
    lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")


def test_what_the_clusters_python_would_have_asked_for_is_missed(tmp_path):
    put_dist(tmp_path, "Some_Thing", "1.0", "other>=2", 'only-39; python_version < "3.10"', 'x; extra == "y"')
    put_dist(tmp_path, "other", "2.1", 'on-linux; sys_platform == "linux"', 'arm; platform_machine == "aarch64"')
    assert missing(tmp_path, X86, ["some-thing>=1"]) == ["on-linux (for other)"]
    arm = Platform(Processor.AARCH64, X86.python, "3.5")
    assert missing(tmp_path, arm, []) == ["on-linux (for other)", "arm (for other)"]
    assert missing(tmp_path, X86, ["some-thing>=2", "absent"])[:2] == [
        "some-thing>=2 (for s3sync)",
        "absent (for s3sync)",
    ]


def test_an_archive_depends_on_its_content_alone(tmp_path):
    import os

    for place, moment in (("a", 1), ("b", 2_000_000_000)):
        (tmp_path / place / "deep" / "__pycache__").mkdir(parents=True)
        (tmp_path / place / "deep" / "x.py").write_text("x = 1\n")
        (tmp_path / place / "deep" / "__pycache__" / "x.pyc").write_text(place)
        os.utime(tmp_path / place / "deep" / "x.py", (moment, moment))
        write_tar_gz(tmp_path / f"{place}.tar.gz", files_below(tmp_path / place))
    one, other = (artifact(tmp_path / f"{place}.tar.gz", "packages", "s3sync", ".tar.gz") for place in "ab")
    assert one.name == other.name
    assert one.uri("s3://b/p/") == f"s3://b/p/packages/s3sync-{one.sha256[:16]}.tar.gz"
    (tmp_path / "a" / "deep" / "x.py").write_text("x = 2\n")
    write_tar_gz(tmp_path / "a.tar.gz", files_below(tmp_path / "a"))
    assert artifact(tmp_path / "a.tar.gz", "packages", "s3sync", ".tar.gz").name != one.name
