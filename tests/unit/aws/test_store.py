"""What the work location can't do is told as such: never an empty answer, never another error."""

from pathlib import Path

import pytest

from s3sync.aws.store import LocalStore
from s3sync.errors import StoreError


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "runs")
    with pytest.raises(StoreError, match="runs: can't be listed"):
        list(LocalStore(tmp_path).names("runs/"))


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path).names("runs/")) == []
