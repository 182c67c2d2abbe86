"""What the plan knows of the buckets' encryption."""

from datetime import UTC, datetime

import pytest

from s3sync.aws.buckets import BucketFacts
from s3sync.config.model import Config, TargetConfig
from s3sync.planning.context import Preparation
from s3sync.planning.stage import _target_hides_md5


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
    prepared = Preparation(config, (), BucketFacts(now), BucketFacts(now, "aws:kms" if default else None))
    assert _target_hides_md5(prepared) is hidden
