"""What the work location can't do is told as such: never an empty answer, never another error."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3sync.errors import StoreError
from s3sync.runs.store import LocalStore

Write = Callable[[LocalStore, str, bytes], object]


@contextmanager
def at_most_in_a_file(size_bytes: int) -> Iterator[None]:
    """Inside, the system refuses to write more than so much into one file, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "runs")
    with pytest.raises(StoreError, match="runs: can't be listed"):
        list(LocalStore(tmp_path).names("runs/"))


def test_a_file_that_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file/below: cannot be deleted: Not a directory"):
        LocalStore(tmp_path).delete("file/below")
    LocalStore(tmp_path).delete("nothing/there")


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path).names("runs/")) == []


@pytest.mark.parametrize("write", [LocalStore.put, LocalStore.put_new])
def test_a_body_that_the_disk_does_not_take_leaves_nothing_behind(tmp_path: Path, write: Write) -> None:
    with at_most_in_a_file(1024), pytest.raises(StoreError, match=r"runs/a: cannot be written"):
        write(LocalStore(tmp_path), "runs/a", bytes(4096))
    assert list((tmp_path / "runs").iterdir()) == []
    write(LocalStore(tmp_path), "runs/a", bytes(4096))  # the limit was the cause
    assert [each.name for each in (tmp_path / "runs").iterdir()] == ["a"]
