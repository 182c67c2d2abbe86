import pickle
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from s3sync.config.model import Config, CopyConfig, PlanConfig, SourceConfig, TargetConfig
from s3sync.copying.settings import CopySettings, whole_second
from s3sync.model.conditions import AS_S3, NONE_HEEDED
from s3sync.model.task import Overwrite
from tests.unit.scripted import PLANNED_AT, a_task, some_settings

CONFIG = Config(
    source=SourceConfig(bucket="from", expected_owner="1", requester_pays=True),
    target=TargetConfig(
        bucket="into",
        expected_owner="2",
        storage_class="STANDARD_IA",
        encryption="aws:kms",
        kms_key_id="k",
        bucket_key=True,
        acl="private",
    ),
    plan=PlanConfig(overwrite=Overwrite.NEVER),
    copy=CopyConfig(tags=False, preserve_etags=True, part_size_bytes=7),
)


def test_they_are_made_of_the_configuration() -> None:
    assert CopySettings.of(CONFIG, PLANNED_AT, conditions=NONE_HEEDED) == CopySettings(
        source_bucket="from",
        target_bucket="into",
        planned_at=PLANNED_AT,
        conditions=NONE_HEEDED,
        overwrite=Overwrite.NEVER,
        storage_class="STANDARD_IA",
        encryption="aws:kms",
        kms_key_id="k",
        bucket_key=True,
        acl="private",
        source_expected_owner="1",
        target_expected_owner="2",
        requester_pays=True,
        tags=False,
        preserve_etags=True,
        part_size_bytes=7,
    )


@pytest.mark.parametrize("config", [replace(CONFIG, source=SourceConfig()), replace(CONFIG, target=TargetConfig())])
def test_both_buckets_must_be_known(config: Config) -> None:
    with pytest.raises(ValueError, match="both buckets"):
        CopySettings.of(config, PLANNED_AT, conditions=AS_S3)


def test_they_travel_to_the_workers() -> None:
    settings = CopySettings.of(CONFIG, PLANNED_AT, conditions=AS_S3)
    arrived = pickle.loads(pickle.dumps(settings))
    assert arrived == settings
    assert arrived.on_new_target == settings.on_new_target


def test_the_parameters_that_requests_share() -> None:
    settings = some_settings(requester_pays=True)
    assert settings.source_object(a_task(version_id="v")) == {
        "Bucket": "from",
        "Key": "a/key",
        "VersionId": "v",
        "RequestPayer": "requester",
    }
    assert settings.target_object(a_task()) == {"Bucket": "into", "Key": "to/a/key", "RequestPayer": "requester"}


@pytest.mark.parametrize(("microsecond", "second"), [(0, 0), (1, 1), (999_999, 1)])
def test_whole_second(microsecond: int, second: int) -> None:
    time = datetime(2026, 1, 1, 0, 0, 0, microsecond, tzinfo=UTC)
    assert whole_second(time) == datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
