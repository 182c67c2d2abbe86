"""Where each value comes from: precedence, the default of the access settings, what verify and overwrite make."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.access import accesses
from s3sync.config.load import describe, load
from s3sync.config.model import Access, Config, Mode, Owner, Secret
from s3sync.config.origins import from_env_file, from_environment, from_options, from_yaml
from s3sync.config.settings_transfer import SETTINGS
from s3sync.errors import ConfigError
from s3sync.model.limits import GIB, MIB
from s3sync.model.task import Overwrite

KEY = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def from_variables(**variables):
    return load({}, variables, None, None)


SOURCES = ("file", "env_file", "environment", "options")


@pytest.mark.parametrize("present", [c for n in range(5) for c in combinations(range(4), n)])
def test_options_before_environment_before_env_file_before_file_before_default(write, present):
    def number(source):
        return 11 + SOURCES.index(source)

    given_in = {SOURCES[at] for at in present}
    config = load(
        {"copy.in_flight": str(number("options"))} if "options" in given_in else {},
        {"S3SYNC_COPY_IN_FLIGHT": str(number("environment"))} if "environment" in given_in else {},
        write("c.yml", f"copy: {{in_flight: {number('file')}}}") if "file" in given_in else None,
        write("v.env", f"S3SYNC_COPY_IN_FLIGHT={number('env_file')}") if "env_file" in given_in else None,
    )
    assert config.copy.in_flight == (11 + max(present) if present else Config().copy.in_flight)


def test_sources_are_merged_setting_by_setting(write):
    config = load(
        {"target.bucket": "from-options"},
        {"S3SYNC_SOURCE_BUCKET": "from-environment"},
        write("c.yml", "copy: {part_size: 64MiB}\ntarget: {bucket: from-file, prefix: p/}\n"),
        write("v.env", "TARGET_REGION_NAME=eu-west-1\nHOME=/foreign\n"),
    )
    assert (config.source.bucket, config.target.bucket, config.target.prefix) == (
        "from-environment",
        "from-options",
        "p/",
    )
    assert config.copy.part_size_bytes == 64 * MIB
    assert config.access.target.region_name == "eu-west-1"


def test_a_value_of_each_kind_in_yaml(write):
    path = write(
        "c.yml",
        """
        source: {prefixes: [a/, "b c/"], expected_owner: 012345678901, requester_pays: yes}
        filters: {modified_since: 2026-01-31T18:00:00+08:00, min_size: 10, owner: others, include: ["*.jpg"]}
        copy: {mode: downup, part_size: 1GiB, tags: false}
        run: {lock_timeout: 1m30s}
        """,
    )
    config = load({}, {}, path, None)
    assert config.source.prefixes == ("a/", "b c/")
    assert config.source.expected_owner == "012345678901"  # not the number that YAML would make of it
    assert config.source.requester_pays is True
    assert config.filters.modified_since == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert (config.filters.min_size_bytes, config.filters.owner) == (10, Owner.OTHERS)
    assert (config.copy.mode, config.copy.part_size_bytes, config.copy.tags) == (Mode.DOWNUP, GIB, False)
    assert config.run.lock_timeout_seconds == 90


@pytest.mark.parametrize("text", ["", "# nothing\n", "copy:\n", "copy: {mode: }\n", "target: {prefix: ~}\n", "~\n"])
def test_what_is_left_empty_in_yaml_is_not_given(write, text):
    assert from_yaml(write("c.yml", text)) == {}


def test_empty_variables_are_not_given(write):
    assert from_environment({"TARGET_REGION_NAME": "", "S3SYNC_SOURCE_PREFIXES": ""}) == {}
    assert from_env_file(write("v.env", "TARGET_REGION_NAME=\nQUEUE_NUM=''\n")) == {}


def test_lists_are_written_with_commas_in_variables_and_count_each_value_once():
    found = from_environment({"S3SYNC_SOURCE_PREFIXES": "b/, a/,b/"})["source.prefixes"]
    assert found.value == ("b/", "a/")
    assert found.place == "$S3SYNC_SOURCE_PREFIXES"


def test_an_options_list_is_not_split_at_commas():
    assert from_options({"source.prefixes": ["a,b/"]})["source.prefixes"].value == ("a,b/",)


def test_env_files_take_quotes_comments_and_export_and_expand_nothing(write):
    path = write("v.env", "# c\n\nexport COPY_PROFILE_NAME='a b' # c\nSOURCE_PROFILE_NAME=$HOME${X}\n")
    given = from_env_file(path)
    assert {name: found.value for name, found in given.items()} == {
        "access.copy.profile_name": "a b",
        "access.source.profile_name": "$HOME${X}",
    }
    assert given["access.copy.profile_name"].place == f"{path}:3: COPY_PROFILE_NAME"


def test_options_may_be_plain_values():
    moment = datetime(2026, 1, 31, 18, tzinfo=UTC)
    options = {
        "plan.verify": True,
        "plan.limit": 7,
        "copy.mode": Mode.DOWNUP,
        "source.prefixes": "a/",
        "filters.modified_since": moment,
        "run.run_id": None,
    }
    config = load(options, {}, None, None)
    assert (config.plan.verify, config.plan.limit, config.copy.mode) == (True, 7, Mode.DOWNUP)
    assert (config.source.prefixes, config.filters.modified_since, config.run.run_id) == (("a/",), moment, None)


def test_every_variable_reaches_its_field():
    """A sample for each setting but those that exclude one another; the old names are among them."""
    config = from_variables(
        QUEUE_NAME_PATTERN=r"q-\d+",
        QUEUE_NUM="3",
        DEAD_QUEUE_NAME="dead",
        MAX_RECEIVE_NUM="5",
        S3SYNC_SQS_BATCH_NUM="50",
        INVENTORY_REGION_NAME="eu-west-1",
        WORK_ENDPOINT_URL="http://127.0.0.1:1",
    )
    assert (config.sqs.queue_name_pattern, config.sqs.queue_num, config.sqs.dead_queue_name) == (r"q-\d+", 3, "dead")
    assert (config.sqs.max_receive_num, config.sqs.batch_num) == (5, 50)
    assert config.access.inventory == Access(region_name="eu-west-1")
    assert config.access.work == Access(endpoint_url="http://127.0.0.1:1")


@pytest.mark.parametrize("side", ["source", "target", "queue", "work"])
def test_copy_is_the_default_of_the_other_sides(side):
    access = from_variables(COPY_PROFILE_NAME="p", COPY_REGION_NAME="eu-west-1", COPY_ROLE_ARN=ROLE).access
    assert getattr(access, side) == Access(profile_name="p", region_name="eu-west-1", role_arn=ROLE)
    assert access.inventory == Access()


ROLE = "arn:aws-cn:iam::123456789012:role/copier"
COPY_KEYS = {
    "COPY_AWS_ACCESS_KEY_ID": "copykey",
    "COPY_AWS_SECRET_ACCESS_KEY": "copysecret",
    "COPY_AWS_SESSION_TOKEN": "copytoken",
    "COPY_ROLE_ARN": ROLE,
    "COPY_EXTERNAL_ID": "copy-id",
    "COPY_REGION_NAME": "cn-north-1",
}
OTHER_ROLE = "arn:aws:iam::210987654321:role/other"
COPY_IDENTITY = Access(
    aws_access_key_id="copykey",
    aws_secret_access_key=Secret("copysecret"),
    aws_session_token=Secret("copytoken"),
    region_name="cn-north-1",
)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(
            {"TARGET_AWS_ACCESS_KEY_ID": "k", "TARGET_AWS_SECRET_ACCESS_KEY": "s"},
            Access(aws_access_key_id="k", aws_secret_access_key=Secret("s"), region_name="cn-north-1"),
            id="own keys: neither copy's token nor its role",
        ),
        pytest.param(
            {"TARGET_PROFILE_NAME": "p"},
            Access(profile_name="p", region_name="cn-north-1"),
            id="own profile beats copy's keys",
        ),
        pytest.param(
            {"TARGET_ROLE_ARN": OTHER_ROLE},
            replace(COPY_IDENTITY, role_arn=OTHER_ROLE),
            id="own role, assumed with copy's keys, without copy's external id",
        ),
        pytest.param(
            {"TARGET_REGION_NAME": "cn-northwest-1"},
            replace(COPY_IDENTITY, role_arn=ROLE, external_id="copy-id", region_name="cn-northwest-1"),
            id="only a region: all else is copy's",
        ),
        pytest.param({}, replace(COPY_IDENTITY, role_arn=ROLE, external_id="copy-id"), id="nothing"),
    ],
)
def test_the_table_of_access_row_by_row(own, expected):
    assert from_variables(**COPY_KEYS, **own).access.target == expected


@given(st.sets(st.sampled_from(["profile", "keys", "token", "role", "region"])), st.sampled_from(["profile", "keys"]))
def test_c12_credentials_of_two_sides_never_mix(own, copy):
    def variables(side, what):
        fields = {
            "profile": ("PROFILE_NAME",),
            "keys": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            "token": ("AWS_SESSION_TOKEN",),
            "role": (),
            "region": ("REGION_NAME",),
        }
        return {f"{side}_{field}": f"{side.lower()}-{field[:3]}" for name in what for field in fields[name]}

    given = from_environment(variables("COPY", {copy, "token"}) | variables("SOURCE", own))
    access = accesses(given).source
    identity = (
        access.profile_name,
        access.aws_access_key_id,
        access.aws_secret_access_key and access.aws_secret_access_key.reveal(),
        access.aws_session_token and access.aws_session_token.reveal(),
    )
    sides = {text.partition("-")[0] for text in identity if text}
    assert len(sides) <= 1


def test_a_token_from_a_lower_source_than_its_key_is_stale(write):
    old = write(
        "v.env", f"TARGET_AWS_ACCESS_KEY_ID={KEY}\nTARGET_AWS_SECRET_ACCESS_KEY=s\nTARGET_AWS_SESSION_TOKEN=t\n"
    )
    environ = {"TARGET_AWS_ACCESS_KEY_ID": "new", "TARGET_AWS_SECRET_ACCESS_KEY": "new-secret"}
    assert load({}, {}, None, old).access.target.aws_session_token == Secret("t")
    assert load({}, environ, None, old).access.target.aws_session_token is None
    above = load({}, {"TARGET_AWS_SESSION_TOKEN": "u"}, None, old)
    assert above.access.target.aws_session_token == Secret("u")


@pytest.mark.parametrize(
    ("verify", "overwrite", "expected"),
    [
        (False, None, (False, Overwrite.ALWAYS)),
        (True, None, (True, Overwrite.CHANGED)),
        (False, "changed", (True, Overwrite.CHANGED)),
        (True, "changed", (True, Overwrite.CHANGED)),
        (False, "never", (False, Overwrite.NEVER)),
        (True, "never", (True, Overwrite.NEVER)),
        (False, "always", (False, Overwrite.ALWAYS)),
    ],
)
def test_the_table_of_verify_and_overwrite_row_by_row(verify, overwrite, expected):
    plan = load({"plan.verify": verify, "plan.overwrite": overwrite}, {}, None, None).plan
    assert (plan.verify, plan.overwrite) == expected


def test_verify_with_overwrite_always_is_refused():
    with pytest.raises(ConfigError, match="leave one of them away"):
        load({"plan.verify": True, "plan.overwrite": "always"}, {}, None, None)


@pytest.mark.parametrize(
    "difference",
    [
        {"TARGET_ENDPOINT_URL": "http://127.0.0.1:2"},
        {"TARGET_REGION_NAME": "cn-north-1"},
        {"S3SYNC_TARGET_PREFIX": "copy/"},
        {"S3SYNC_TARGET_STRIP_PREFIX": "a/"},
        {"S3SYNC_TARGET_BUCKET": "other"},
    ],
)
def test_one_name_may_be_two_buckets_or_two_places_in_one(difference):
    same = {"S3SYNC_SOURCE_BUCKET": "same", "S3SYNC_TARGET_BUCKET": "same"}
    from_variables(**{**same, **difference})
    with pytest.raises(ConfigError, match="onto itself"):
        from_variables(**same)


@pytest.mark.parametrize("prefix", ["a/", "a/b/", "a/b/c"])
def test_a_prefix_may_be_wider_or_narrower_than_what_is_stripped(prefix):
    options = {"source.prefixes": ["a/b/", prefix], "target.strip_prefix": "a/b/"}
    assert load(options, {}, None, None).target.strip_prefix == "a/b/"
    with pytest.raises(ConfigError, match="correct one of the two"):
        load({**options, "source.prefixes": [prefix, "a/x/"]}, {}, None, None)


def test_a_server_may_have_storage_classes_of_its_own():
    own = {"S3SYNC_TARGET_STORAGE_CLASS": "COLD"}
    assert from_variables(**own, TARGET_ENDPOINT_URL="http://127.0.0.1:1").target.storage_class == "COLD"
    with pytest.raises(ConfigError, match="not a storage class that S3 takes"):
        from_variables(**own)


def test_a_description_is_json_and_has_no_credentials():
    """C12"""
    secrets = {
        "SOURCE_AWS_ACCESS_KEY_ID": KEY,
        "SOURCE_AWS_SECRET_ACCESS_KEY": "hunter2",
        "SOURCE_AWS_SESSION_TOKEN": "t0k",
    }
    config = load(
        {"filters.modified_since": "2026-01-31T18:00:00+08:00", "source.prefixes": ["a/"]}, secrets, None, None
    )
    described = describe(config)
    assert json.loads(json.dumps(described)) == described
    assert described["filters.modified_since"] == "2026-01-31T10:00:00Z"
    assert described["source.prefixes"] == ["a/"]
    text = json.dumps(described)
    assert not any(word in text for word in (KEY, "hunter2", "t0k", "***"))


@pytest.mark.parametrize(
    ("variable", "shapes_run"),
    [
        ("SOURCE_ENDPOINT_URL", True),
        ("TARGET_ENDPOINT_URL", True),
        ("INVENTORY_ENDPOINT_URL", True),
        ("COPY_ENDPOINT_URL", True),
        ("WORK_ENDPOINT_URL", False),
        ("SOURCE_PROFILE_NAME", False),
        ("TARGET_REGION_NAME", False),
    ],
)
def test_another_endpoint_is_another_run_and_other_credentials_are_not(variable, shapes_run):
    value = "http://127.0.0.1:1" if "URL" in variable else "other"
    assert (describe(from_variables(**{variable: value})) != describe(Config())) is shapes_run


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.section != "access"], ids=lambda s: s.name)
def test_a_description_changes_with_what_shapes_the_run_and_with_nothing_else(setting):
    other = {
        "BUCKET": "other-bucket",
        "PREFIX": "other/",
        "S3_URI": "s3://other-bucket/m/",
        "PATTERN": "*.x",
        "SIZE": "48MiB",
        "DATE": "2026-01-31T18:00:00Z",
        "CLASS": "STANDARD_IA",
        "ACCOUNT": "123456789012",
        "DURATION": "7s",
        "N": "7",
        "URI": "s3://other-bucket/w",
        "ACL": "private",
        "CLUSTER": "j-2AXXXXXXGAPLF",
        "APPLICATION": "00fother",
        "ARN": ROLE,
        "LABEL": "emr-7.1.0",
        "PATH": "/opt/python3.12",
        "NAME=VALUE": "spark.executor.cores=4",
        "QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:dead",
        "KEY": "alias/x",
        "SHARE": "5%",
        "VERDICT": "size_differs",
    }
    text = other.get(setting.kind.name, "other")
    if "|" in setting.kind.name:
        text = next(word for word in setting.kind.name.split("|") if word != setting.default_text)
    needed = {
        "target.kms_key_id": {"target.encryption": "aws:kms"},
        "target.bucket_key": {"target.encryption": "aws:kms"},
        "check.max_deep_bytes": {"check.deep": True},
        "plan.verdicts": {"plan.from_findings": "some"},
    }
    options = needed.get(setting.name, {})
    before, after = (
        load(options, {}, None, None),
        load({**options, setting.name: text and ([text] if setting.is_list else text)}, {}, None, None),
    )
    assert before != after
    assert (describe(before) != describe(after)) is setting.shapes_run
