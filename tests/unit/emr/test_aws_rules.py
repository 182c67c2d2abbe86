"""Each request that is built for EMR, EMR Serverless and EventBridge Scheduler, against the table of what they take
(tests/servers/aws_rules.py): over configurations, with a broken request for each rule."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from s3sync.config.jobs_file import Job
from s3sync.config.load import load
from s3sync.config.model import OnFailure, Processor, ScheduleConfig, SubmitConfig
from s3sync.emr.clusters import filled, read_cluster, run_job_flow
from s3sync.emr.schedules import pascal_case, schedule_of
from s3sync.emr.spark_conf import RELEASES, Platform, read_spark_defaults, release_of, serverless_conf, yarn_conf
from s3sync.emr.steps import (
    STEPS_MAX,
    JobRun,
    Shipment,
    add_steps,
    job_name,
    refuse_side_by_side,
    refuse_too_many,
    serverless_run,
    step,
)
from s3sync.errors import ConfigError
from tests.servers.aws_rules import CREATE, JOB, RULES, RUN, STEPS, Place, troubles

CONF = Path(__file__).parents[3] / "conf"
CLUSTER = CONF / "emr" / "cluster.json"
OUTPUTS = {
    "LogUri": "s3://w/logs/",
    "ServiceRole": "r",
    "InstanceProfile": "p",
    "SecurityConfiguration": "s",
    "SubnetIds": "subnet-1,subnet-2",
}
ROLE = "arn:aws-cn:iam::123456789012:role/path/scheduler"
SUBMIT = SubmitConfig(execution_role_arn=ROLE, log_uri="s3://w/logs/")
LABELS = [f"{row.line}{row.first[0]}.{row.first[1]}.0" for row in RELEASES] + ["emr-7.99.0", "emr-spark-9.0.0"]
DEFAULTS = read_spark_defaults(CONF / "spark-defaults.conf")

buckets = st.from_regex(r"[a-z0-9][a-z0-9-]{1,60}[a-z0-9]", fullmatch=True)
# Keys may hold anything; a surrogate is no character.
prefixes = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=600)
users = st.dictionaries(st.from_regex(r"spark\.user\.[a-z]{1,12}", fullmatch=True), values, max_size=30)
job_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}", fullmatch=True)


def shipped(bucket: str) -> Shipment:
    top = f"s3://{bucket}/s3sync/artifacts/packages"
    return Shipment(f"{top}/s3sync.py", f"{top}/app.tar.gz", f"{top}/deps.tar.gz")


@st.composite
def jobs(draw: st.DrawFn) -> JobRun:
    bucket, target = draw(buckets), draw(buckets)
    assume(bucket != target)
    options = {
        "source.bucket": bucket,
        "target.bucket": target,
        "source.prefixes": draw(st.lists(prefixes, max_size=3)),
    }
    command = draw(st.sampled_from(["migrate", "check", "list", "doctor"]))
    try:
        config = load(options, {}, None, None)
    except ConfigError:
        config = load({"source.bucket": bucket, "target.bucket": target}, {}, None, None)
    name = job_name(command, config, draw(st.none() | job_names))
    return JobRun(name, command, f"s3://{bucket}/s3sync/artifacts/jobs/{command}-{target}-0123456789abcdef.yml")


def stepped(job: JobRun, conf: dict[str, str], on_failure: OnFailure = OnFailure.CONTINUE) -> dict[str, Any]:
    platform = Platform(Processor.AARCH64, "/usr/bin/python3.11", "3.5")
    return step(job, shipped("w"), yarn_conf(DEFAULTS, platform, conf, preinstalled=False), on_failure)


def run_of(job: JobRun, conf: dict[str, str], label: str, submit: SubmitConfig | None = None) -> dict[str, Any]:
    platform = Platform(Processor.AARCH64, "/usr/bin/python3.11", "3.5")
    shipment = shipped("w")
    made = serverless_conf(DEFAULTS, platform, conf, shipment.archives)
    release = release_of(label)
    return serverless_run(job, shipment, made, "00f1", submit or SUBMIT, "t-1", release)


def flow_of(steps: list[dict[str, Any]], name: str = "n", submit: SubmitConfig | None = None) -> dict[str, Any]:
    cluster = filled(read_cluster(CLUSTER), OUTPUTS, CLUSTER)
    submit = submit or SubmitConfig()
    return run_job_flow(cluster, steps, name=name, submit=submit, role_arn=submit.step_role_arn)


def scheduled(call: tuple[str, str], request: dict[str, Any], name: str = "photos") -> dict[str, Any]:
    config = ScheduleConfig("group", ROLE, "arn:aws-cn:sqs:cn-north-1:123456789012:dead")
    return schedule_of(Job(name, {}, schedule="rate(1 day)", timezone="Asia/Shanghai"), *call, request, config)


A_JOB = JobRun("s3sync migrate a to b", "migrate", "s3://w/jobs/x.yml")
RIGHT = {
    STEPS: add_steps("j-1ABC", [stepped(A_JOB, {})]),
    RUN: flow_of([stepped(A_JOB, {})]),
    JOB: run_of(A_JOB, {}, "emr-7.13.0"),
    CREATE: scheduled(JOB, run_of(A_JOB, {}, "emr-7.13.0")),
}


@pytest.mark.parametrize("operation", RIGHT, ids=lambda pair: pair[1])
def test_what_is_built_is_taken(operation: tuple[str, str]) -> None:
    assert troubles(*operation, RIGHT[operation]) == []


@pytest.mark.parametrize(
    ("rule", "operation"),
    [(rule, each) for rule in RULES for each in rule.operations if each in RIGHT],
    ids=lambda value: value.name if hasattr(value, "name") else value[1],
)
def test_each_rule_finds_what_breaks_it(rule: Any, operation: tuple[str, str]) -> None:
    """The negative control of each line of the table."""
    spoilt, place = rule.spoil(RIGHT[operation], Place())
    assert rule.name in [told.partition(":")[0] for told in troubles(*operation, spoilt, place)]


@pytest.mark.parametrize(
    ("operation", "spoil", "says"),
    [
        (STEPS, {"Steps": [{"Name": "x" * 257, "HadoopJarStep": {"Jar": "j"}}]}, "has 257"),
        (STEPS, {"Steps": [{"Name": "x\x00", "HadoopJarStep": {"Jar": "j"}}]}, "is not of the form"),
        (STEPS, {"Steps": [{"Name": "x", "ActionOnFailure": "NO", "HadoopJarStep": {"Jar": "j"}}]}, "is none of"),
        (STEPS, {"Steps": [{"Name": "x"}]}, "HadoopJarStep is missing"),
        (STEPS, {"Nonsense": 1}, "is unknown"),
        (JOB, {"executionTimeoutMinutes": -1}, "out of range"),
        (JOB, {"executionRoleArn": "arn:aws:iam::123456789012:role/ü"}, "is not of the form"),
        (JOB, {"tags": {"a": "!"}}, "is not of the form"),
        (CREATE, {"Name": "x" * 65}, "has 65"),
        (CREATE, {"State": "ON"}, "is none of"),
    ],
)
def test_aws_own_description_is_heeded(operation: tuple[str, str], spoil: dict[str, Any], says: str) -> None:
    found = troubles(*operation, {**RIGHT[operation], **spoil})
    assert found
    assert says in found[0]


@st.composite
def submits(draw: st.DrawFn) -> SubmitConfig:
    """What the options take: a value that they refuse is none."""
    given_options = {
        "submit.tags": draw(st.lists(st.text(min_size=1, max_size=150).map(lambda text: f"{text}=x"), max_size=3)),
        "submit.log_group": draw(st.text(min_size=1, max_size=40)),
        "submit.step_role_arn": f"arn:aws:iam::123456789012:role/{draw(st.text(min_size=1, max_size=20))}",
        "submit.execution_role_arn": f"arn:aws:iam::123456789012:role/{draw(st.text(min_size=1, max_size=20))}",
    }
    taken: dict[str, Any] = {}
    for name, value in given_options.items():
        try:
            load({name: value}, {}, None, None)
        except ConfigError:
            continue
        taken[name] = value
    submit = load(taken, {}, None, None).submit
    return replace(submit, execution_role_arn=submit.execution_role_arn or ROLE)


@settings(max_examples=100, deadline=None)
@given(submits())
def test_roles_tags_and_log_groups_that_are_taken_here_are_taken_there(submit: SubmitConfig) -> None:
    steps = RIGHT[STEPS]["Steps"]
    assert troubles(*JOB, run_of(A_JOB, {}, "emr-7.13.0", submit)) == []
    assert troubles(*RUN, flow_of(steps, submit=submit)) == []
    assert troubles(*STEPS, add_steps("j-1ABC", steps, submit.step_role_arn)) == []


def test_tags_and_roles_and_logs_go_where_they_belong() -> None:
    submit = SubmitConfig(tags=("cost-center=42", "application=mine"), log_group="/s3sync/steps", step_role_arn=ROLE)
    request = flow_of(RIGHT[STEPS]["Steps"], submit=submit)
    assert request["Tags"] == [
        {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"},
        {"Key": "application", "Value": "mine"},
        {"Key": "cost-center", "Value": "42"},
    ]
    assert request["StepExecutionRoleArn"] == ROLE
    logs = request["MonitoringConfiguration"]["CloudWatchLogConfiguration"]
    assert (logs["Enabled"], logs["LogGroupName"]) == (True, "/s3sync/steps")
    assert add_steps("j-1", [], ROLE)["ExecutionRoleArn"] == ROLE
    assert "ExecutionRoleArn" not in add_steps("j-1", [])
    run = run_of(A_JOB, {}, "emr-7.13.0", replace(submit, execution_role_arn=ROLE))
    assert run["tags"] == {"cost-center": "42", "application": "mine"}
    where = run["configurationOverrides"]["monitoringConfiguration"]["cloudWatchLoggingConfiguration"]
    assert where == {"enabled": True, "logGroupName": "/s3sync/steps"}


@settings(max_examples=150, deadline=None)
@given(st.lists(jobs(), min_size=1, max_size=3), users, st.sampled_from(OnFailure), st.integers(1, 3))
def test_steps_over_configurations(some: list[JobRun], conf: dict[str, str], on_failure: OnFailure, many: int) -> None:
    """Each is taken, or it is refused before it is sent."""
    commands = [job.command for job in some]
    try:
        refuse_side_by_side(many, commands, on_failure, "j-1")
        steps = [stepped(job, conf, on_failure) for job in some]
    except ConfigError:
        return
    assert troubles(*STEPS, add_steps("j-1ABC", steps), Place(concurrency=many)) == []
    assert troubles(*RUN, flow_of(steps, some[0].name), Place()) == []
    assert troubles(*CREATE, scheduled(STEPS, add_steps("j-1ABC", steps))) == []


@settings(max_examples=150, deadline=None)
@given(jobs(), users, st.sampled_from(LABELS))
def test_job_runs_over_configurations(job: JobRun, conf: dict[str, str], label: str) -> None:
    request = run_of(job, conf, label)
    assert troubles(*JOB, request, Place(release=label)) == []
    made = scheduled(JOB, request)
    assert troubles(*CREATE, made, Place(release=label)) == []
    assert json.loads(made["Target"]["Input"])["JobDriver"]["SparkSubmit"]["EntryPoint"] == shipped("w").entry


@given(st.integers(1, 300), st.integers(0, STEPS_MAX))
def test_as_many_steps_as_have_room(count: int, waiting: int) -> None:
    request = add_steps("j-1ABC", RIGHT[STEPS]["Steps"] * count)
    taken = troubles(*STEPS, request, Place(waiting=waiting)) == []
    try:
        refuse_too_many(count, STEPS_MAX - waiting)
    except ConfigError:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize(
    ("many", "commands", "on_failure", "says"),
    [
        (1, ["migrate", "check"], OnFailure.CANCEL_AND_WAIT, None),
        (2, ["migrate", "check"], OnFailure.CONTINUE, "--check-after: j-1 runs 2 steps at once"),
        (2, ["migrate"], OnFailure.CONTINUE, None),
        (2, ["migrate"], OnFailure.CANCEL_AND_WAIT, "--on-failure: .*`continue` only"),
        (2, ["migrate"], OnFailure.TERMINATE_CLUSTER, "--on-failure"),
    ],
)
def test_steps_that_need_an_order_are_refused_where_none_is_kept(
    many: int, commands: list[str], on_failure: OnFailure, says: str | None
) -> None:
    if says is None:
        refuse_side_by_side(many, commands, on_failure, "j-1")
        return
    with pytest.raises(ConfigError, match=says):
        refuse_side_by_side(many, commands, on_failure, "j-1")


@pytest.mark.parametrize(
    ("label", "minutes"), [("emr-7.1.0", 0), ("emr-7.10.0", 0), ("emr-7.11.0", 10_080), ("emr-spark-8.0.0", 10_080)]
)
def test_a_job_run_gets_the_most_time_that_its_release_gives(label: str, minutes: int) -> None:
    assert run_of(A_JOB, {}, label)["executionTimeoutMinutes"] == minutes


def test_the_words_of_users_stay_as_they_are_in_pascal_case() -> None:
    made = pascal_case(
        {
            "tags": {"team": "a"},
            "configurationOverrides": {"applicationConfiguration": [{"properties": {"spark.a": "1"}}]},
            "Configurations": [{"Classification": "yarn-site", "Properties": {"yarn.x": "1"}}],
        }
    )
    assert made == {
        "Tags": {"team": "a"},
        "ConfigurationOverrides": {"ApplicationConfiguration": [{"Properties": {"spark.a": "1"}}]},
        "Configurations": [{"Classification": "yarn-site", "Properties": {"yarn.x": "1"}}],
    }


def test_a_place_of_another_release_is_judged_by_its_own_rules() -> None:
    request = replace_minutes(RIGHT[JOB], 0)
    assert troubles(*JOB, request, Place(release="emr-7.10.0")) == []
    assert troubles(*JOB, request, replace(Place(), release="emr-7.11.0")) != []


def replace_minutes(request: dict[str, Any], minutes: int) -> dict[str, Any]:
    return {**request, "executionTimeoutMinutes": minutes}
