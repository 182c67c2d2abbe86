"""Packages by capability on a base that knows none of them: imports go down only, each module is looked at.

    cli                                           the command
    demo                                          the embedded server and the demo; not shipped to clusters
    retry
    checking
    copying
    doctor
    planning
    listing
    selection
    emr
    queues
    spark                                         how work is run on Spark
    report
    runs                                          what a run leaves on the work location
    s3                                            requests on the hot path
    aws                                           clients, credentials, errors
    inventory
    config
    model, errors

A package may import those below it. Each syntax tree is walked, so imports inside functions count as well.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Low to high.
ORDER = [
    *("errors", "model", "config", "inventory", "aws", "s3", "runs", "report", "spark", "queues", "emr", "selection"),
    *("listing", "planning", "doctor", "copying", "checking", "retry", "demo", "cli", "__main__"),
]
RANK = {name: place for place, name in enumerate(ORDER)}

OF_THE_TOP = {"", "__file__", "__path__", "__version__"}
FILES_MAX = 20
DEPTH_MAX = 2  # folders below s3sync/

# Who may import a library: packages (`aws.`) and modules. Spark's own are also those whose name says their role.
SPARK = ("spark.", "doctor.workers", "planning.sources", "planning.context")
SPARK_ROLES = ("job", "stage")
BOTO = (
    *("aws.", "demo.", "s3.transport.boto", "s3.transport.curl", "s3.wire.codec", "s3.wire.endpoints", "s3.wire.http"),
    *("runs.store", "inventory.locate", "queues.find", "queues.sqs", "copying.conditions.condition_requests"),
    "copying.conditions.try_conditions",
    *("emr.artifacts", "emr.logs", "emr.schedules", "doctor.identity", "doctor.sides"),
)
ALLOWED = {
    "pyspark": SPARK,
    "py4j": SPARK,
    "boto3": BOTO,
    "botocore": BOTO,
    "s3transfer": BOTO,
    "pycurl": ("s3.transport.",),
    "moto": ("demo.",),
}

# Pure: values in, values out. They reach for nothing of the machine, and import of s3sync what is pure only.
PURE = {
    *("errors", "model.", "selection.", "config.model", "config.partitions", "config.setting", "config.values"),
    *("inventory.columns", "inventory.manifest"),
    *("s3.request", "s3.engine.congestion", "s3.engine.rate_limit", "s3.engine.circuit_breaker"),
    *("s3.engine.error_class", "s3.engine.operation", "s3.wire.xml_text"),
    *("listing.key_space", "listing.page", "listing.page_xml", "listing.rounds", "listing.split"),
    "listing.split_scheduler",
    *("planning.batches", "planning.decision", "planning.from_findings", "planning.large_objects", "planning.method"),
    "planning.resolve",
    *("copying.object_copy", "copying.copy_object", "copying.multipart_copy", "copying.multipart_upload"),
    *(
        "copying.look_source",
        "copying.look_target",
        "listing.second_witness",
        "copying.late_tags",
        "copying.orphan_uploads",
    ),
    *("copying.annotations", "copying.settings", "copying.as_asked", "copying.source_parts"),
    *("checking.rules", "checking.compare", "checking.object_check"),
}
OF_THE_MACHINE = {
    *("boto3", "botocore", "pycurl", "pyspark", "py4j", "os", "socket", "subprocess", "threading", "time", "random"),
    *("tempfile", "shutil", "signal", "selectors", "pathlib"),
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


def is_among(name: str, entries: Iterable[str]) -> bool:
    """`name` without `s3sync.`; an entry with a dot at its end is a package, `x.` also stands for `x` itself."""
    return any(name == each or (each.endswith(".") and f"{name}.".startswith(each)) for each in entries)


def is_a_spark_role(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in SPARK_ROLES or last.endswith(tuple(f"_{role}" for role in SPARK_ROLES))


def breach(module: str, name: str) -> str | None:
    """Why `module` (without `s3sync.`) must not import `name`; None where it may."""
    top, _, rest = name.partition(".")
    if name == "(computed)":
        return "a computed import hides what is imported"
    return breach_inside(module, rest) if top == "s3sync" else breach_outside(module, top)


def breach_outside(module: str, library: str) -> str | None:
    if is_among(module, PURE) and library in OF_THE_MACHINE:
        return "the module is listed as pure"
    allowed = ALLOWED.get(library)
    if allowed is None or is_among(module, allowed) or (allowed is SPARK and is_a_spark_role(module)):
        return None
    return f"only {', '.join(allowed)} may"


def breach_inside(module: str, name: str) -> str | None:
    layer, other = module.partition(".")[0], name.partition(".")[0]
    if other in OF_THE_TOP:
        return None
    if other not in RANK:
        return f"`{other}` has no place in the layers"
    if RANK[other] > RANK[layer]:
        return f"{layer} stands below {other}"
    if is_among(module, PURE) and not any(is_among(part, PURE) for part in (name, name.rpartition(".")[0])):
        return "the module is listed as pure, and what it imports is not"
    return None


def breaches(source: str, module: str) -> list[str]:
    """`module` is its full name, with `.__init__` for a package."""
    name = module.removeprefix("s3sync.").removesuffix(".__init__")
    layer = name.partition(".")[0]
    if name == "__init__":
        return [f"{module}:{line}: {each}" for line, each in imported(ast.parse(source), module)]
    if layer not in RANK:
        return [f"{module}: `{layer}` has no place in the layers"]
    found = ((line, each, breach(name, each)) for line, each in imported(ast.parse(source), module))
    return [f"{module}:{line}: {each}: {why}" for line, each, why in found if why]


def modules() -> list[Path]:
    return sorted((ROOT / "s3sync").rglob("*.py"))


def full_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of names that import each other, directly or not (what stays when all without imports are taken away)."""
    left = {name: set(others) for name, others in imports.items()}
    while True:
        ends = {name for name, others in left.items() if not others & left.keys()}
        if not ends:
            break
        left = {name: others - ends for name, others in left.items() if name not in ends}
    while True:  # and those that nobody left imports
        wanted = set().union(*left.values()) if left else set()
        unused = left.keys() - wanted
        if not unused:
            return [sorted(left)] if left else []
        left = {name: others for name, others in left.items() if name not in unused}


def imports_of_modules() -> dict[str, set[str]]:
    names = {full_name(path).removesuffix(".__init__"): path for path in modules()}
    found = {}
    for name, path in names.items():
        each = {target for _, target in imported(ast.parse(path.read_text()), full_name(path))}
        found[name] = {
            target if target in names else target.rpartition(".")[0] for target in each if target.startswith("s3sync.")
        } - {name, "s3sync"}
    return found


def class_names(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(name)
    return found


def test_imports_go_down_only() -> None:
    found = modules()
    assert {path.relative_to(ROOT).as_posix() for path in found} > {"s3sync/model/task.py", "s3sync/s3/request.py"}
    assert [line for path in found for line in breaches(path.read_text(), full_name(path))] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports_of_modules()) == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_the_lists_name_modules_that_exist() -> None:
    names = {full_name(path).removeprefix("s3sync.").removesuffix(".__init__") for path in modules()}
    listed = {*PURE, *SPARK, *BOTO, *(each for allowed in ALLOWED.values() for each in allowed)}
    assert {each for each in listed if each.rstrip(".") not in names} == set()


def test_a_folder_is_taken_in_at_a_glance() -> None:
    paths = [path.relative_to(ROOT / "s3sync") for path in modules() if path.name != "__init__.py"]
    counts = Counter(path.parent for path in paths)
    assert {folder: count for folder, count in counts.items() if count > FILES_MAX} == {}
    assert [path.as_posix() for path in paths if len(path.parts) - 1 > DEPTH_MAX] == []


def test_a_file_has_a_name_of_its_own() -> None:
    """But for roles, which stand once in each package that has them. The demo's model of S3 speaks S3's own nouns."""
    roles = {"job.py", "stage.py", "task.py", "batch.py", "__init__.py"}
    counts = Counter(path.name for path in modules() if "demo" not in path.parts)
    assert {name: count for name, count in counts.items() if count > 1 and name not in roles} == {}


def test_a_class_has_a_name_of_its_own() -> None:
    shipped = [path for path in modules() if "demo" not in path.parts]
    found = class_names({full_name(path): ast.parse(path.read_text()) for path in shipped})
    assert {name: where for name, where in found.items() if len(where) > 1 and not name.startswith("_")} == {}


def test_two_classes_of_one_name_are_seen() -> None:
    trees = {"a": ast.parse("class Side: ..."), "b": ast.parse("class Side: ...\nclass Other: ...")}
    assert class_names(trees) == {"Side": ["a", "b"], "Other": ["b"]}


def test_jobs_only_call_the_command() -> None:
    """jobs/ are a few lines each: what they do is `s3sync.cli`'s, so it can be had without spark-submit too."""
    for path in sorted((ROOT / "jobs").glob("*.py")):
        names = [name for _, name in imported(ast.parse(path.read_text()), path.stem)]
        assert [name for name in names if not name.startswith(("s3sync.cli.", "sys"))] == [], path.name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("s3sync.model.keys", "from s3sync.config.model import Config"),
        ("s3sync.model.keys", "from ..config import model"),
        ("s3sync.model.__init__", "from ..config import model"),
        ("s3sync.errors", "from s3sync.model.task import Task"),
        ("s3sync.config.values", "from s3sync.selection import filters"),
        ("s3sync.planning.diff", "def late():\n    from s3sync.copying.batch import copy_batch"),
        ("s3sync.planning.diff", "class A:\n    def late(self):\n        import s3sync.copying"),
        ("s3sync.planning.diff", "import importlib\nimportlib.import_module('s3sync.retry.consumer')"),
        ("s3sync.planning.diff", "name = 's3sync' + '.aws'\n__import__(name)"),
        ("s3sync.planning.diff", "if TYPE_CHECKING:\n    from s3sync.checking.job import check"),
        ("s3sync.planning.diff", "import s3sync\nbatch = s3sync.copying.batch"),
        ("s3sync.planning.batches", "from s3sync.runs.store import Store"),
        ("s3sync.planning.batches", "import os"),
        ("s3sync.emr.steps", "from s3sync.copying.job import migrate"),
        ("s3sync.emr.steps", "import boto3"),
        ("s3sync.s3.engine.engine", "from s3sync.runs.folder import RunFolder"),
        ("s3sync.s3.engine.engine", "import botocore"),
        ("s3sync.copying.batch", "import pyspark.sql"),
        ("s3sync.runs.folder", "import botocore"),
        ("s3sync.copying.stage", "try:\n    import boto3\nexcept ImportError:\n    boto3 = None"),
        ("s3sync.copying.stage", "from s3sync.cli import main"),
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
        ("s3sync.config.load", "from s3sync.errors import ConfigError\nfrom s3sync import __version__"),
        ("s3sync.config.load", "import s3sync\nversion = s3sync.__version__"),
        ("s3sync.aws.clients", "import boto3\nfrom s3sync.model import keys"),
        ("s3sync.copying.stage", "from pyspark import TaskContext\nfrom s3sync.runs.folder import RunFolder"),
        ("s3sync.listing.list_stage", "from pyspark import TaskContext"),
        ("s3sync.demo.demo", "import moto.server, boto3\nfrom s3sync.aws.clients import client"),
        ("s3sync.cli.main", "from s3sync.demo import demo\nfrom s3sync.spark import session"),
    ],
)
def test_the_way_down_is_open(module: str, source: str) -> None:
    assert breaches(source, module) == []
