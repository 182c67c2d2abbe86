"""What holds for every file of the repository, whatever it is about."""

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
SELF = Path(__file__).resolve()

Rule = Callable[[str, str], list[str]]  # path and text to the lines to mend


def files() -> list[Path]:
    """What git tracks or would track. A copy of the tree without git must hold nothing else."""
    if not (ROOT / ".git").exists():
        hidden = re.compile(r"(^|/)(\.(?!ci/)[^/]*|build|__pycache__|[^/]*\.egg-info)/")
        found = [path for path in ROOT.rglob("*") if not hidden.search(path.relative_to(ROOT).as_posix())]
    else:
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in found if path.is_file())


def texts() -> dict[str, str]:
    """Path to text; files that are no UTF-8 (packed test data) are left out, and so are the tests of these rules."""
    result = {}
    for path in files():
        if path.resolve() != SELF:
            try:
                result[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
    assert "s3sync/model/task.py" in result
    assert "Makefile" in result
    return result


def package() -> dict[str, str]:
    return {name: text for name, text in texts().items() if name.startswith("s3sync/") and name.endswith(".py")}


def too_long(name: str, text: str) -> list[str]:
    count = len(text.splitlines())
    return [f"{name}: has {count} lines; {LINES_MAX} is the most"] if count > LINES_MAX else []


def named_for_nothing(name: str, text: str) -> list[str]:
    """A module is named for what it is about; these words say nothing."""
    words = set(re.split(r"[/_.]", name))
    vague = words & {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}
    return [f"{name}: `{word}` does not say what it is about" for word in sorted(vague)]


def undescribed(name: str, text: str) -> list[str]:
    """A module says what it is about. A Protocol says what it obliges to: as a whole, or in each of its methods."""
    tree = ast.parse(text)
    missing = [] if ast.get_docstring(tree) else [f"{name}: has no docstring"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Protocol") for base in node.bases):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            if not ast.get_docstring(node) and not all(map(ast.get_docstring, methods)):
                missing.append(f"{name}:{node.lineno}: {node.name} does not say what it obliges to")
    return missing


def matching(pattern: str, problem: str) -> Rule:
    found = re.compile(pattern)

    def rule(name: str, text: str) -> list[str]:
        return [f"{name}:{number}: {problem}" for number, line in enumerate(text.splitlines(), 1) if found.search(line)]

    rule.__name__ = problem.replace(" ", "_")
    return rule


left_open = matching(r"\b(TODO|FIXME|XXX|HACK)\b", "work left open in a comment")
silenced = matching(
    r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!:\s*[A-Z])|#\s*ruff:\s*noqa(?!:)|#\s*mypy:\s*ignore-errors",
    "silences a checker without saying which of its rules",
)
bare_except = matching(r"^\s*except\s*:", "catches everything, Ctrl-C too")
of_this_machine = matching(
    r"(?<![\w.:/$}*-])/(work|root)/(?!\*)|file:///(work|root|opt)(?![\w-])",
    "names a path of one machine",
)
package_host = matching(
    r"pythonhosted\.org|pypi\.org|--(extra-)?index-url|--find-links|^\s*-[if] (https?|file):",
    "names a host that packages come from",
)

OF_THE_PACKAGE = [too_long, named_for_nothing, undescribed, bare_except]
OF_EVERY_TEXT = [left_open, silenced, of_this_machine, package_host]


@pytest.mark.parametrize("rule", OF_THE_PACKAGE)
def test_rules_of_the_package(rule: Rule) -> None:
    assert [line for name, text in package().items() for line in rule(name, text)] == []


@pytest.mark.parametrize("rule", OF_EVERY_TEXT)
def test_rules_of_every_text(rule: Rule) -> None:
    assert [line for name, text in texts().items() for line in rule(name, text)] == []


def test_every_folder_with_modules_is_a_package() -> None:
    """A folder without __init__.py works in a checkout and is missing from the wheel."""
    folders = {Path(name).parent for name in package()}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


LOCKS = [
    "conf/requirements.txt",
    *(f"requirements/{name}.txt" for name in ("bench", "build", "dev-spark35", "dev-spark40", "dev-spark43")),
]
LOCKED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def not_locked(text: str) -> list[str]:
    """What of a lock is more, or less, than an exact version with the hashes of its files."""
    return [line for line in LOCKED.sub("", text).splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_exact_versions_with_hashes_only(name: str) -> None:
    text = (ROOT / name).read_text()
    assert LOCKED.search(text)
    assert not_locked(text) == []


@pytest.mark.parametrize("line", ["a==1.0\n", "a>=1.0 \\\n    --hash=sha256:" + 64 * "0" + "\n", "--find-links /x\n"])
def test_what_is_not_locked_is_seen(line: str) -> None:
    assert not_locked(line) != []


def test_all_locks_name_the_same_versions() -> None:
    """A cluster, an image and all environments of the tests run the same; they differ in Spark alone."""
    found: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ]+)", (ROOT / name).read_text(), re.MULTILINE):
            found.setdefault(package.lower().replace("_", "-"), set()).add(version)
    assert {package: versions for package, versions in found.items() if len(versions) > 1} == {
        "pyspark": {"3.5.9", "4.0.5", "4.3.0"}
    }


BREACHES = [
    (too_long, "s3sync/a.py", "x = 1\n" * (LINES_MAX + 1)),
    (named_for_nothing, "s3sync/aws/utils.py", ""),
    (named_for_nothing, "s3sync/aws/queue_manager.py", ""),
    (named_for_nothing, "s3sync/helpers/parts.py", ""),
    (undescribed, "s3sync/a.py", "x = 1\n"),
    (undescribed, "s3sync/a.py", '"""Things."""\nclass Store(Protocol):\n    def put(self) -> None: ...\n'),
    (bare_except, "s3sync/a.py", "try:\n    x()\nexcept:\n    pass\n"),
    (left_open, "docs/a.md", "This is a TODO: for later\n"),
    (left_open, "s3sync/a.py", "x = 1  # FIXME\n"),
    (silenced, "s3sync/a.py", "x = 1  # type: ignore\n"),
    (silenced, "s3sync/a.py", "x = 1  # noqa\n"),
    (silenced, "s3sync/a.py", "# mypy: ignore-errors\n"),
    (of_this_machine, "docs/a.md", "cd /work/main\n"),
    (of_this_machine, "tests/a.py", 'path = "/root/.aws/config"\n'),
    (of_this_machine, "docs/a.md", "file:///opt/wheels\n"),
    (package_host, "Makefile", "pip install --index-url https://x\n"),
    (package_host, "requirements/a.txt", "-i https://packages.example.org/simple\n"),
    (package_host, "docs/a.md", "see https://pypi.org/project/s3sync-spark\n"),
]

NO_BREACHES = [
    (too_long, "s3sync/a.py", "x = 1\n" * LINES_MAX),
    (named_for_nothing, "s3sync/queues/find.py", ""),
    (undescribed, "s3sync/a.py", '"""Things."""\nclass A(Protocol):\n    def put(self) -> None:\n        """Put."""\n'),
    (bare_except, "s3sync/a.py", "try:\n    x()\nexcept ValueError:\n    pass\n"),
    (left_open, "s3sync/a.py", "todo = ['xxx']\n"),
    (silenced, "s3sync/a.py", "x = 1  # type: ignore[assignment]\ny = 1  # noqa: S101\n"),
    (of_this_machine, "docs/a.md", "s3://bucket/work/runs, ./work/x, file:///work-place, https://x/root/, {x}/work/\n"),
    (package_host, "docs/a.md", "pip install -i; from PyPI\n"),
]


@pytest.mark.parametrize(("rule", "name", "text"), BREACHES)
def test_a_breach_is_seen(rule: Rule, name: str, text: str) -> None:
    assert len(rule(name, text)) == 1


@pytest.mark.parametrize(("rule", "name", "text"), NO_BREACHES)
def test_what_is_allowed_passes(rule: Rule, name: str, text: str) -> None:
    assert rule(name, text) == []
