"""C11: a worker does without pandas, and its buffer of outcomes is bounded by rows."""

import subprocess
import sys
from pathlib import Path

import pytest

import s3sync

PACKAGE = Path(s3sync.__file__).parent
ON_WORKERS = ("spark", "listing", "planning", "copying", "checking", "retry")

SCRIPT = """
import sys
import pyarrow as pa
from s3sync.runs.worker_memory import keep_small
if {spared}:
    keep_small()
    keep_small()
assert pa.array(["a", None]).to_pylist() == ["a", None]
assert pa.table({{"a": [1, 2]}}).filter(pa.array([True, False])).num_rows == 1
print("pandas" in sys.modules, pa.default_memory_pool().backend_name)
import pandas
assert pandas.DataFrame({{"a": [1]}}).shape == (1, 1)
"""


def loaded(spared: bool) -> list[str]:
    script = SCRIPT.format(spared=spared)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_pandas_is_not_loaded_and_can_be_all_the_same() -> None:
    assert loaded(spared=True) == ["False", "system"]


@pytest.mark.parametrize("package", ON_WORKERS)
def test_no_module_of_a_task_loads_pandas(package: str) -> None:
    """A worker comes in by any of these modules; which it loads first is up to Spark."""
    modules = sorted(f"s3sync.{package}.{path.stem}" for path in (PACKAGE / package).glob("[a-z]*.py"))
    script = f"import sys, {', '.join(modules)}; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_pyarrow_loads_pandas_by_itself() -> None:
    """The control: where this fails, pyarrow has changed, and `keep_small` has nothing to do any more."""
    assert loaded(spared=False)[0] == "True"
