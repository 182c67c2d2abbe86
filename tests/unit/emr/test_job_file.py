"""A configuration survives the way to the cluster, and takes no secret with it (C12)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.load import load
from s3sync.config.model import AccessConfig, Config, IfLocked, OnFailure
from s3sync.emr.steps import job_text
from s3sync.errors import ConfigError

WORK = {"run.work_uri": "s3://work-bucket/s3sync"}


def there_and_back(config, tmp_path):
    path = tmp_path / "job.yml"
    path.write_text(job_text(config), encoding="utf-8")
    return load({}, {}, path, None)


def sent(config):
    """What of a configuration a driver gets."""
    empty = Config()
    access = replace(config.access, deploy=empty.access.deploy)
    return replace(config, submit=empty.submit, schedule=empty.schedule, access=access)


SAMPLES = {
    "source.bucket": "source-bucket",
    "source.prefixes": ["a b/", "ü/", "'x': #y", "-z"],
    "target.bucket": "target-bucket",
    "target.prefix": "p/",
    "target.expected_owner": "001234567890",
    "target.encryption": "aws:kms",
    "target.kms_key_id": "alias/x",
    "filters.exclude": ["*.tmp", "[a]*", "null", "true"],
    "filters.min_size": "5MiB",
    "filters.modified_since": "2026-01-31T18:00:00+08:00",
    "plan.verify": "true",
    "plan.batch_size": "1GiB",
    "copy.in_flight": "7",
    "run.progress_interval": "1m30s",
    "run.if_locked": "skip",
    "access.source.role_arn": "arn:aws:iam::123456789012:role/copier",
    "access.target.external_id": "x-1",
    "access.target.role_arn": "arn:aws-cn:iam::123456789012:role/copier",
    "access.queue.credentials_uri": "secretsmanager:s3sync/keys",
    "access.work.endpoint_url": "https://s3.example.com:9000",
    "sqs.queue_name_pattern": "s3sync-{index}",
    "sqs.queue_num": "4",
}


def test_all_samples_survive(tmp_path):
    config = load({**WORK, **SAMPLES}, {}, None, None)
    assert there_and_back(config, tmp_path) == sent(config)
    assert config.run.if_locked is IfLocked.SKIP


@given(
    st.sets(
        st.sampled_from(sorted(SAMPLES)).filter(
            lambda name: name not in ("target.kms_key_id", "access.target.external_id")
        )
    )
)
def test_any_of_them_survive(tmp_path_factory, names):
    config = load({**WORK, **{name: SAMPLES[name] for name in names}}, {}, None, None)
    assert there_and_back(config, tmp_path_factory.mktemp("job")) == sent(config)


def test_nothing_given_sends_the_work_location_alone():
    assert job_text(load(WORK, {}, None, None)) == "run:\n  work_uri: s3://work-bucket/s3sync\n"


def test_what_is_the_submissions_own_stays_here(tmp_path):
    options = {**WORK, "submit.cluster_id": "j-2AXXXXXXGAPLF", "submit.on_failure": "terminate-cluster"}
    config = load(options, {"DEPLOY_PROFILE_NAME": "laptop", "DEPLOY_REGION_NAME": "eu-west-1"}, None, None)
    assert config.submit.on_failure is OnFailure.TERMINATE_CLUSTER
    assert "laptop" not in job_text(config)
    assert there_and_back(config, tmp_path).access == AccessConfig()


@pytest.mark.parametrize("side", ["COPY", "INVENTORY", "SOURCE", "TARGET", "QUEUE", "WORK"])
def test_c12_keys_are_refused_with_the_way_out(side):
    environ = {f"{side}_AWS_ACCESS_KEY_ID": "AKIAX", f"{side}_AWS_SECRET_ACCESS_KEY": "hunter2"}
    with pytest.raises(ConfigError, match=r"role.*secretsmanager:NAME") as caught:
        job_text(load(WORK, environ, None, None))
    assert "hunter2" not in str(caught.value)


def test_the_laptops_keys_for_emr_do_no_harm():
    environ = {"DEPLOY_AWS_ACCESS_KEY_ID": "AKIAX", "DEPLOY_AWS_SECRET_ACCESS_KEY": "hunter2"}
    assert "AKIAX" not in job_text(load(WORK, environ, None, None))


def test_a_folder_of_this_machine_is_refused():
    with pytest.raises(ConfigError, match=r"--work-uri: .*s3://BUCKET/PREFIX"):
        job_text(Config())
