"""Steps, job runs and clusters, checked against the API's own description (botocore's models)."""

import json
from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from s3sync.config.jobs_file import Job
from s3sync.config.load import load
from s3sync.config.model import OnFailure, Processor, ScheduleConfig, SubmitConfig
from s3sync.emr.clusters import cluster_processor, filled, gaps, read_cluster, run_job_flow
from s3sync.emr.schedules import EXECUTION_ID, schedule_of, template
from s3sync.emr.spark_conf import release_of
from s3sync.emr.steps import STRINGS_MAX_CHARACTERS, JobRun, Shipment, add_steps, job_name, serverless_run, step
from s3sync.errors import ConfigError

CLUSTER = Path(__file__).parents[3] / "conf" / "emr" / "cluster.json"
JOB = JobRun("s3sync migrate a to b", "migrate", "s3://w/jobs/x.yml")
SHIPMENT = Shipment("s3://w/p/s3sync.py", "s3://w/p/app.tar.gz", "s3://w/p/deps.tar.gz")
OUTPUTS = {
    "LogUri": "s3://w/logs/",
    "ServiceRole": "r",
    "InstanceProfile": "p",
    "SecurityConfiguration": "s",
    "SubnetIds": "subnet-1,subnet-2",
}
ROLE = "arn:aws-cn:iam::123456789012:role/scheduler"


def trouble(service, operation, parameters):
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return ParamValidator().validate(parameters, model.input_shape).generate_report()


def test_a_step_is_spark_submit_in_cluster_mode():
    made = step(JOB, SHIPMENT, {"spark.b": "2", "spark.a": "1"}, OnFailure.CONTINUE)
    arguments = made["HadoopJarStep"]["Args"]
    assert made["ActionOnFailure"] == "CONTINUE"
    assert made["HadoopJarStep"]["Jar"] == "command-runner.jar"
    assert arguments[:5] == ["spark-submit", "--deploy-mode", "cluster", "--master", "yarn"]
    assert arguments[arguments.index("--archives") + 1] == "s3://w/p/app.tar.gz#app,s3://w/p/deps.tar.gz#deps"
    assert arguments[-4:] == ["s3://w/p/s3sync.py", "migrate", "--config-file", "s3://w/jobs/x.yml"]
    assert arguments[arguments.index("--conf") + 1] == "spark.a=1"
    assert trouble("emr", "AddJobFlowSteps", add_steps("j-1", [made])) == ""


def test_nodes_that_have_it_get_no_archives():
    assert (
        "--archives" not in step(JOB, Shipment("s3://e", None, None), {}, OnFailure.CONTINUE)["HadoopJarStep"]["Args"]
    )


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (OnFailure.CONTINUE, "CONTINUE"),
        (OnFailure.CANCEL_AND_WAIT, "CANCEL_AND_WAIT"),
        (OnFailure.TERMINATE_CLUSTER, "TERMINATE_CLUSTER"),
    ],
)
def test_what_a_failure_does_is_as_asked(asked, sent):
    assert step(JOB, SHIPMENT, {}, asked)["ActionOnFailure"] == sent


def test_the_strings_of_a_step_are_counted_with_its_jar():
    """One character below the most that EMR takes is taken, the next one refused."""
    made = step(JOB, SHIPMENT, {"spark.x": ""}, OnFailure.CONTINUE)["HadoopJarStep"]
    left = STRINGS_MAX_CHARACTERS - len(made["Jar"]) - sum(map(len, made["Args"]))
    step(JOB, SHIPMENT, {"spark.x": "y" * left}, OnFailure.CONTINUE)
    with pytest.raises(ConfigError, match="10,241 characters"):
        step(JOB, SHIPMENT, {"spark.x": "y" * (left + 1)}, OnFailure.CONTINUE)


def test_arguments_that_emr_would_refuse_are_refused_here():
    conf = {f"spark.x{n}": "y" * 100 for n in range(STRINGS_MAX_CHARACTERS // 100)}
    with pytest.raises(ConfigError, match="10,240"):
        step(JOB, SHIPMENT, conf, OnFailure.CONTINUE)


def test_a_serverless_run_has_its_logs():
    release, submit = release_of("emr-7.13.0"), SubmitConfig(execution_role_arn=ROLE, log_uri="s3://w/logs/")
    request = serverless_run(JOB, SHIPMENT, {"spark.a": "x y"}, "00f1", submit, "token", release)
    assert request["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"] == '--conf spark.a="x y"'
    assert trouble("emr-serverless", "StartJobRun", request) == ""
    without = serverless_run(JOB, SHIPMENT, {}, "00f1", SubmitConfig(execution_role_arn=ROLE), "token", release)
    assert "configurationOverrides" not in without


def test_the_clusters_file_is_what_the_issue_of_a_cluster_takes():
    cluster = filled(read_cluster(CLUSTER), OUTPUTS, CLUSTER)
    assert gaps(cluster) == set()
    assert cluster["Instances"]["Ec2SubnetIds"] == ["subnet-1", "subnet-2"]
    request = run_job_flow(cluster, [step(JOB, SHIPMENT, {}, OnFailure.CONTINUE)], name="n", submit=SubmitConfig())
    assert trouble("emr", "RunJobFlow", request) == ""
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert request["AutoTerminationPolicy"]
    assert request["ManagedScalingPolicy"]["ComputeLimits"]["UnitType"] == "InstanceFleetUnits"
    kinds = {fleet["InstanceFleetType"]: fleet for fleet in request["Instances"]["InstanceFleets"]}
    assert kinds["TASK"]["TargetSpotCapacity"] > 0
    assert "TargetSpotCapacity" not in kinds["CORE"]  # drivers run on core nodes
    assert cluster_processor(cluster, CLUSTER) is Processor.AARCH64


def test_the_checker_of_the_api_finds_a_mistake():
    assert "Unknown parameter" in trouble("emr", "RunJobFlow", {"Name": "n", "Instances": {}, "Nonsense": 1})


def test_a_gap_that_nothing_fills_is_named():
    with pytest.raises(ConfigError, match=r"\$\{SubnetIds\}.*--stack"):
        filled(read_cluster(CLUSTER), {name: value for name, value in OUTPUTS.items() if name != "SubnetIds"}, CLUSTER)


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is not JSON"), ("[]", "a JSON object"), ('{"Name": "x"}', "ReleaseLabel is missing")]
)
def test_a_bad_clusters_file_is_named(text, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_cluster(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_cluster(tmp_path / "none.json")


def test_mixed_processors_are_refused(tmp_path):
    text = CLUSTER.read_text().replace("m6g.xlarge", "m6i.xlarge")
    with pytest.raises(ConfigError, match="mixes"):
        cluster_processor(json.loads(text), CLUSTER)


def named(job=None, **options):
    given = {"target.bucket": "b-new", **{name.replace("__", "."): value for name, value in options.items()}}
    return job_name("migrate", load(given, {}, None, None), job)


def test_a_job_has_the_same_name_each_time_and_another_job_another_one():
    assert named(source__bucket="a-old") == "s3sync migrate a-old to b-new"
    assert named("photos", source__bucket="a-old") == "s3sync migrate photos: a-old to b-new"
    assert named(inventory__manifests=["s3://inv/m/"]) == "s3sync migrate s3://inv/m/ to b-new"
    assert named(source__bucket="a-old", source__prefixes=["x/"], target__prefix="y/") == (
        "s3sync migrate a-old/x/ to b-new/y/"
    )
    assert named(source__bucket="a-old", source__prefixes=["x/", "z/"]) == "s3sync migrate a-old/x/ and 1 more to b-new"


def test_a_name_is_one_that_emr_takes():
    long = [named(source__bucket="a-old", source__prefixes=[f"{'p' * 900}{n}/\n"]) for n in range(2)]
    assert [len(name) for name in long] == [256, 256]
    assert len(set(long)) == 2
    assert "\n" not in named(source__bucket="a-old", source__prefixes=["x\n"])


def scheduled(service="emr", operation="AddJobFlowSteps", parameters=None, **job):
    given = {"schedule": "rate(1 day)", "timezone": "Asia/Shanghai", **job}
    config = ScheduleConfig("group", ROLE, "arn:aws-cn:sqs:cn-north-1:123456789012:dead")
    return schedule_of(Job("photos", {}, **given), service, operation, parameters or {"JobFlowId": "j-1"}, config)


def test_a_schedule_calls_emr_itself():
    made = scheduled()
    assert trouble("scheduler", "CreateSchedule", made) == ""
    assert made["Target"]["Arn"] == "arn:aws-cn:scheduler:::aws-sdk:emr:addJobFlowSteps"
    assert json.loads(made["Target"]["Input"]) == {"JobFlowId": "j-1"}
    assert (made["State"], made["ScheduleExpressionTimezone"]) == ("ENABLED", "Asia/Shanghai")
    assert made["Target"]["DeadLetterConfig"]["Arn"].endswith(":dead")
    assert scheduled(enabled=False)["State"] == "DISABLED"


def test_each_serverless_run_of_a_schedule_has_a_token_of_its_own():
    made = scheduled("emr-serverless", "StartJobRun", {"clientToken": "fixed", "applicationId": "x"})
    assert made["Target"]["Arn"].endswith("aws-sdk:emrserverless:startJobRun")
    assert json.loads(made["Target"]["Input"])["ClientToken"] == EXECUTION_ID


def test_a_schedule_needs_a_time_and_a_role():
    with pytest.raises(ConfigError, match="no `schedule`"):
        scheduled(schedule=None)
    with pytest.raises(ConfigError, match="--scheduler-role-arn"):
        schedule_of(Job("a", {}, schedule="rate(1 day)"), "emr", "RunJobFlow", {}, ScheduleConfig())


def test_schedules_as_a_template_are_the_same_schedules():
    photos = scheduled()
    made = template([photos, {**photos, "Name": "pho-tos"}])
    assert len(made["Resources"]) == 2
    assert [each["Properties"]["Name"] for each in made["Resources"].values()] == ["photos", "pho-tos"]
    assert next(iter(made["Resources"].values())) == {"Type": "AWS::Scheduler::Schedule", "Properties": photos}
    assert all(name.isalnum() for name in made["Resources"])
