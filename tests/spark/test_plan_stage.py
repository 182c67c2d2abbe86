"""What the plan knows of the buckets' encryption."""

from datetime import UTC, datetime

import pytest

from s3sync.aws.buckets import BucketFacts
from s3sync.config.model import Config, CopyConfig, ETags, TargetConfig
from s3sync.planning.context import Preparation
from s3sync.planning.stage import _may_copy_all_again, _target_hides_md5
from s3sync.selection.own_prefixes import OwnPlaces


@pytest.mark.parametrize(
    ("asked", "default", "hidden"),
    [
        (None, False, False),
        (None, True, True),
        ("AES256", True, False),
        ("AES256", False, False),
        ("aws:kms", False, True),
        ("aws:kms", True, True),
    ],
)
def test_what_a_run_asks_for_decides_whether_its_copies_hide_md5s(
    asked: str | None, default: bool, hidden: bool
) -> None:
    now = datetime.now(UTC)
    config = Config(target=TargetConfig(encryption=asked))
    prepared = Preparation(config, (), BucketFacts(now), BucketFacts(now, "aws:kms" if default else None), OwnPlaces())
    assert _target_hides_md5(prepared) is hidden


@pytest.mark.parametrize(
    ("is_hidden", "asked", "etags", "told"),
    [
        (True, None, ETags.MD5, True),
        (False, None, ETags.MD5, False),
        (True, "AES256", ETags.MD5, False),
        (True, None, ETags.OPAQUE, False),
    ],
)
def test_an_encryption_that_may_not_be_looked_at_is_said(
    is_hidden: bool, asked: str | None, etags: ETags, told: bool
) -> None:
    now = datetime.now(UTC)
    config = Config(target=TargetConfig(encryption=asked), copy=CopyConfig(etags=etags))
    prepared = Preparation(config, (), BucketFacts(now), BucketFacts(now, is_hidden=is_hidden), OwnPlaces())
    assert _may_copy_all_again(prepared) is told
