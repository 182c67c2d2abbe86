"""Imports go down only. Each module's syntax tree is walked, so imports inside functions count as well.

| layer | what it may import of s3sync | what only it may import of others |
|---|---|---|
| `python -m s3sync` | all below | |
| cli | all below | |
| demo | all below | moto, boto3, botocore |
| spark | all below | pyspark, py4j |
| runs | all below | |
| aws | all below | boto3, botocore, pycurl |
| planning, inventory, report, deploy | config, model, errors; not one another | |
| config | model, errors | |
| model, errors | nothing | |
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RANK = {
    "__main__": 8,
    "cli": 7,
    "demo": 6,
    "spark": 5,
    "runs": 4,
    "aws": 3,
    "planning": 2,
    "inventory": 2,
    "report": 2,
    "deploy": 2,
    "config": 1,
    "model": 0,
    "errors": 0,
}

OF_THE_TOP = {"", "__file__", "__path__", "__version__"}

RESERVED = {
    "pyspark": {"spark"},
    "py4j": {"spark"},
    "boto3": {"aws", "demo"},
    "botocore": {"aws", "demo"},
    "s3transfer": {"aws", "demo"},
    "pycurl": {"aws"},
    "moto": {"demo"},
}


def imported(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """(line, full name) of all that a module imports; `from a import b` gives `a.b`, which may be a name of `a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            start = ".".join(filter(None, (base, node.module)))
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            name = node.args[0] if node.args else None
            yield node.lineno, str(name.value) if isinstance(name, ast.Constant) else "(computed)"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "s3sync":
            yield node.lineno, f"s3sync.{node.attr}"


def breach(layer: str, name: str) -> str | None:
    """Why a module of `layer` must not import `name`; None where it may."""
    top, _, rest = name.partition(".")
    if name == "(computed)":
        return "a computed import hides what is imported"
    if top != "s3sync":
        return None if layer in RESERVED.get(top, {layer}) else f"only {', '.join(sorted(RESERVED[top]))} may"
    other = rest.partition(".")[0]
    if other not in RANK:
        return None if other in OF_THE_TOP else f"`{other}` has no place in the layers"
    if other == layer or RANK[other] < RANK[layer]:
        return None
    return f"{layer} stands below {other}" if RANK[other] > RANK[layer] else f"{layer} stands beside {other}"


def breaches(source: str, module: str) -> list[str]:
    """`module` is its full name, with `.__init__` for a package."""
    layer = module.split(".")[1]
    if layer == "__init__":
        return [f"{module}:{line}: {name}" for line, name in imported(ast.parse(source), module)]
    if layer not in RANK:
        return [f"{module}: `{layer}` has no place in the layers"]
    found = ((line, name, breach(layer, name)) for line, name in imported(ast.parse(source), module))
    return [f"{module}:{line}: {name}: {why}" for line, name, why in found if why]


def modules() -> list[Path]:
    return sorted((ROOT / "s3sync").rglob("*.py"))


def test_imports_go_down_only() -> None:
    found = modules()
    assert {path.relative_to(ROOT).as_posix() for path in found} > {"s3sync/model/task.py", "s3sync/s3/request.py"}
    bad = [
        line
        for path in found
        for line in breaches(path.read_text(), ".".join(path.relative_to(ROOT).with_suffix("").parts))
    ]
    assert bad == []


def test_jobs_only_call_the_command() -> None:
    """jobs/ are a few lines each: what they do is `s3sync.cli`'s, so it can be had without spark-submit too."""
    for path in sorted((ROOT / "jobs").glob("*.py")):
        names = [name for _, name in imported(ast.parse(path.read_text()), path.stem)]
        assert [name for name in names if not name.startswith(("s3sync.cli.", "sys"))] == [], path.name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("s3sync.model.keys", "import s3sync.errors"),
        ("s3sync.model.keys", "from s3sync import errors"),
        ("s3sync.model.keys", "from s3sync.config.model import Config"),
        ("s3sync.model.keys", "from ..config import model"),
        ("s3sync.model.__init__", "from ..config import model"),
        ("s3sync.errors", "from s3sync.model.task import Task"),
        ("s3sync.config.settings_transfer", "from s3sync.planning import filters"),
        ("s3sync.planning.diff", "def late():\n    from s3sync.runs.store import Store"),
        ("s3sync.planning.diff", "class A:\n    def late(self):\n        import s3sync.aws"),
        ("s3sync.planning.diff", "from s3sync.report import tally"),
        ("s3sync.planning.diff", "import importlib\nimportlib.import_module('s3sync.runs.store')"),
        ("s3sync.planning.diff", "name = 's3sync' + '.aws'\n__import__(name)"),
        ("s3sync.planning.diff", "if TYPE_CHECKING:\n    from s3sync.runs.store import Store"),
        ("s3sync.planning.diff", "import s3sync\nstore = s3sync.runs.store"),
        ("s3sync.emr.steps", "from s3sync.report import tally"),
        ("s3sync.emr.steps", "import boto3"),
        ("s3sync.aws.copy", "from s3sync.runs.folder import RunFolder"),
        ("s3sync.aws.copy", "import pyspark.sql"),
        ("s3sync.runs.folder", "import botocore"),
        ("s3sync.spark.watch", "try:\n    import boto3\nexcept ImportError:\n    boto3 = None"),
        ("s3sync.spark.watch", "from s3sync.cli import main"),
        ("s3sync.cli.main", "from pyspark.sql import SparkSession"),
        ("s3sync.demo.demo", "import pycurl"),
        ("s3sync.demo.demo", "from s3sync.cli.main import main"),
        ("s3sync.misc.things", "import json"),
        ("s3sync.cli.main", "from s3sync.misc import things"),
        ("s3sync.cli.main", "from s3sync import __main__"),
        ("s3sync.__init__", "from s3sync.model.task import Task"),
    ],
)
def test_a_breach_is_seen(module: str, source: str) -> None:
    assert len(breaches(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("s3sync.model.keys", "from s3sync.model.limits import KEY_MAX_BYTES\nimport pyarrow"),
        ("s3sync.model.__init__", "from . import limits"),
        ("s3sync.model.keys", "from .limits import KEY_MAX_BYTES"),
        ("s3sync.config.settings_transfer", "from s3sync.errors import ConfigError\nfrom s3sync import __version__"),
        ("s3sync.config.settings_transfer", "import s3sync\nversion = s3sync.__version__"),
        ("s3sync.aws.clients", "import boto3\nfrom s3sync.planning import parts"),
        ("s3sync.spark.watch", "from pyspark import TaskContext\nfrom s3sync.runs.folder import RunFolder"),
        ("s3sync.demo.demo", "import moto.server, boto3\nfrom s3sync.aws.clients import client"),
        ("s3sync.cli.main", "from s3sync.demo import run\nfrom s3sync.spark import session"),
    ],
)
def test_the_way_down_is_open(module: str, source: str) -> None:
    assert breaches(source, module) == []
