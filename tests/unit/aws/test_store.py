"""What the work location can't do is told as such: never an empty answer, never another error."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from s3sync.aws.store import LocalStore, S3Store
from s3sync.errors import StoreError

EXPIRED = "Credentials were refreshed, but the refreshed credentials are still expired."


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "runs")
    with pytest.raises(StoreError, match="runs: can't be listed"):
        list(LocalStore(tmp_path).names("runs/"))


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(LocalStore(tmp_path).names("runs/")) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.put("a", b""),
        lambda store: store.put_new("a", b""),
        lambda store: store.get("a"),
        lambda store: store.delete("a"),
        lambda store: list(store.names("a")),
    ],
    ids=["put", "put_new", "get", "delete", "names"],
)
def test_credentials_that_stay_expired_are_the_stores_trouble(act: Any) -> None:
    """botocore raises a bare RuntimeError for them."""

    def expired(**_: Any) -> Any:
        raise RuntimeError(EXPIRED)

    def pages(**_: Any) -> Any:
        yield expired()

    s3 = SimpleNamespace(
        put_object=expired,
        get_object=expired,
        delete_object=expired,
        get_paginator=lambda _: SimpleNamespace(paginate=pages),
    )
    with pytest.raises(StoreError, match=f"s3://bucket/runs/a: cannot be .*: {EXPIRED}"):
        act(S3Store(cast("Any", s3), "bucket", "runs"))
