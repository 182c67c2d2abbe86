"""What a worker process does without, so that its memory stays small and flat (C11)."""

import sys
from collections.abc import Sequence
from types import ModuleType

import pyarrow as pa


class _NoPandas:
    """Stands before Python's own finders: there is no pandas."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def keep_small() -> None:
    """For a process that does nothing but a worker's tasks. To be called before the first rows are read; again does no
    harm.

    Arrow's memory is the C library's, which gives it back: mimalloc, its own choice, keeps some 40 MB after a batch.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    _spare_pandas()


def _spare_pandas() -> None:
    """Let pyarrow find that there is no pandas, which it looks for once, at the first list that becomes an array: as
    soon as it finds it, it loads it, for 50 MB and half a second. Everybody else can import pandas as ever.

    Without effect where pandas or pyarrow's knowledge of it is there already.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([None])
    finally:
        sys.meta_path.remove(finder)
