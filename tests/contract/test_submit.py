"""`s3sync submit` against EMR's and EMR Serverless's APIs: what is uploaded, and what is sent."""

import json
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.emrserverless.models import emrserverless_backends

from s3sync.emr.clusters import read_cluster
from tests.contract.deploying import REGION, SECRETS, Laptop, arguments_of, shown
from tests.servers.faults import Faults

CONF = Path(__file__).parents[2] / "conf"


def test_a_step_is_what_the_dry_run_showed(laptop: Laptop) -> None:
    cluster_id = laptop.cluster()
    options = ["--cluster-id", cluster_id, "--processor", "aarch64", "-v", "--in-flight", "7"]

    code, out, _ = laptop.run("submit", *laptop.job, *options, "--dry-run")

    assert code == 0
    dry = shown(out)
    assert laptop.listed() == {}, "a dry run uploads nothing"
    assert laptop.steps(cluster_id) == []
    assert {each["upload"] for each in dry["artifacts"]} == {True}

    code, _, err = laptop.run("submit", *laptop.job, *options)

    assert code == 0, err
    (step,) = laptop.steps(cluster_id)
    assert step["ActionOnFailure"] == "CONTINUE"
    (call,) = dry["calls"]
    assert (call["operation"], call["parameters"]["JobFlowId"]) == ("AddJobFlowSteps", cluster_id)
    expected, sent = call["parameters"]["Steps"][0]["HadoopJarStep"]["Args"], arguments_of(step)
    assert sent[:-1] == expected[:-1]  # the job's file has an id of its own each time
    config = yaml.safe_load(laptop.text(sent[-1]))
    assert config["source"] == {"bucket": "source-bucket"}
    assert config["target"] == {"bucket": "target-bucket"}
    assert config["copy"] == {"in_flight": "7"}
    assert config["plan"] == {"overwrite": "changed", "verify": "true"}
    assert config["run"]["work_uri"] == laptop.work_uri
    assert config["run"]["submission_id"]
    archives = sent[sent.index("--archives") + 1].split(",")
    assert [uri.partition("#")[2] for uri in archives] == ["app", "deps"]
    assert "aarch64" in archives[1]
    uploaded = laptop.listed()
    for uri in (*(uri.partition("#")[0] for uri in archives), sent[-4]):
        assert uri.removeprefix(f"s3://{laptop.bucket}/") in uploaded


def test_what_is_there_is_not_uploaded_again_and_a_job_under_way_is_not_sent_again(laptop: Laptop) -> None:
    cluster_id = laptop.cluster()
    options = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled"]
    assert laptop.run("submit", *laptop.job, *options)[0] == 0
    before = laptop.listed("s3sync/artifacts/packages/")

    code, _, err = laptop.run("submit", *laptop.job, *options)

    assert code == 0
    assert "is under way already" in err
    (step,) = laptop.steps(cluster_id)

    laptop.end_step(cluster_id, step["Id"], "COMPLETED")
    code, _, err = laptop.run("submit", *laptop.job, *options)

    assert len(laptop.steps(cluster_id)) == 2
    assert laptop.listed("s3sync/artifacts/packages/") == before
    assert err.count("Uploading") == 1, err  # the job's own file


@pytest.mark.parametrize(
    ("options", "action"), [((), "CONTINUE"), (("--on-failure", "cancel-and-wait"), "CANCEL_AND_WAIT")]
)
def test_a_failed_step_cancels_the_check_behind_it_only_where_asked(
    laptop: Laptop, options: tuple[str, ...], action: str
) -> None:
    cluster_id = laptop.cluster()
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled", "--check-after"]
    assert laptop.run("submit", *laptop.job, *where, *options)[0] == 0
    migrate, check = laptop.steps(cluster_id)
    assert (arguments_of(migrate)[-3], arguments_of(check)[-3]) == ("migrate", "check")
    assert migrate["ActionOnFailure"] == check["ActionOnFailure"] == action


BUCKETS = """\
jobs:
  photos: {source: {bucket: photos-old}, target: {bucket: photos-new}, check: true}
  music: {source: {bucket: music-old}, target: {bucket: music-new}}
  asleep: {enabled: false, source: {bucket: asleep-old}, target: {bucket: asleep-new}}
"""


def test_all_jobs_of_the_file_are_one_call(laptop: Laptop) -> None:
    (laptop.folder / "buckets.yml").write_text(BUCKETS)
    cluster_id = laptop.cluster("emr-spark-8.0.0")
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled", "--buckets-file", "buckets.yml"]
    code, _, err = laptop.run("submit", "--all", *where, "--work-uri", laptop.work_uri, "--limit", "5")
    assert code == 0, err
    steps = laptop.steps(cluster_id)
    assert [step["Name"] for step in steps] == [
        "s3sync migrate photos: photos-old to photos-new",
        "s3sync check photos: photos-old to photos-new",
        "s3sync migrate music: music-old to music-new",
    ]
    configs = [yaml.safe_load(laptop.text(arguments_of(step)[-1])) for step in steps]
    assert [config["target"]["bucket"] for config in configs] == ["photos-new", "photos-new", "music-new"]
    assert {config["plan"]["limit"] for config in configs} == {"5"}
    assert len({config["run"]["submission_id"] for config in configs}) == 3

    code, _, err = laptop.run("submit", "--all", "--only", "music", *where, "--work-uri", laptop.work_uri)
    assert "is under way already" in err
    assert len(laptop.steps(cluster_id)) == 3


def test_a_job_has_its_own_role_where_the_file_names_one(laptop: Laptop) -> None:
    """A call has one role for its steps, so there is one call for each role in turn; the order is the file's."""
    own = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/photos"
    (laptop.folder / "buckets.yml").write_text(BUCKETS.replace("check: true", f"check: true, role: '{own}'"))
    options = [
        "--buckets-file",
        "buckets.yml",
        "--work-uri",
        laptop.work_uri,
        "--preinstalled",
        "--processor",
        "aarch64",
    ]
    code, out, err = laptop.run(
        "submit", "--all", *options, "--cluster-id", laptop.cluster(), "--step-role-arn", ROLE, "--dry-run"
    )
    assert code == 0, err
    calls = [call["parameters"] for call in shown(out)["calls"]]
    assert [(len(call["Steps"]), call["ExecutionRoleArn"]) for call in calls] == [(2, own), (1, ROLE)]

    code, _, err = laptop.run("submit", "--all", *options, *own_cluster(laptop)[:4])
    assert (code, "one role for all its steps" in err) == (2, True), err


def test_two_parts_of_one_bucket_are_two_jobs(laptop: Laptop) -> None:
    """They run one after the other, and one that is under way does not keep the other from being sent."""
    part = "{{source: {{bucket: all-old, prefixes: [{0}/]}}, target: {{bucket: all-new}}}}"
    (laptop.folder / "buckets.yml").write_text(f"jobs:\n  a: {part.format('a')}\n  b: {part.format('b')}\n")
    cluster_id = laptop.cluster()
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled", "--buckets-file", "buckets.yml"]
    for only in ("a", "b"):
        code, _, err = laptop.run("submit", "--all", "--only", only, *where, "--work-uri", laptop.work_uri)
        assert (code, "under way" in err) == (0, False), err
    assert len({step["Name"] for step in laptop.steps(cluster_id)}) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--check-after"], "--check-after: {cluster} runs 2 steps at once"),
        (["--on-failure", "cancel-and-wait"], "--on-failure: {cluster} runs 2 steps at once"),
    ],
)
def test_steps_that_need_an_order_are_not_sent_where_a_cluster_keeps_none(
    laptop: Laptop, options: list[str], says: str
) -> None:
    cluster_id = laptop.cluster()
    laptop.aws("emr").modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=2)
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled"]
    code, _, err = laptop.run("submit", *laptop.job, *where, *options)
    assert (code, laptop.steps(cluster_id)) == (2, [])
    assert says.format(cluster=cluster_id) in err
    assert laptop.run("submit", *laptop.job, *where)[0] == 0, "a job alone is no trouble"


def test_steps_that_need_an_order_are_not_sent_to_a_cluster_file_without_one(laptop: Laptop) -> None:
    options = own_cluster(laptop)
    text = (
        (laptop.folder / "cluster.json").read_text().replace('"StepConcurrencyLevel": 1', '"StepConcurrencyLevel": 4')
    )
    (laptop.folder / "cluster.json").write_text(text)
    code, _, err = laptop.run("submit", *laptop.job, *options, "--check-after")
    assert (code, "runs 4 steps at once" in err) == (2, True), err


def many_jobs(laptop: Laptop, count: int) -> list[str]:
    jobs = "\n".join(
        f"  j{n}: {{source: {{bucket: old-{n}}}, target: {{bucket: new-{n}}}, check: true}}" for n in range(count)
    )
    (laptop.folder / "buckets.yml").write_text(f"jobs:\n{jobs}\n")
    return ["--buckets-file", "buckets.yml", "--work-uri", laptop.work_uri, "--preinstalled", "--processor", "x86_64"]


def test_more_steps_than_a_cluster_takes_are_refused_before_anything_is_sent(laptop: Laptop) -> None:
    cluster_id = laptop.cluster()
    options = ["--cluster-id", cluster_id, *many_jobs(laptop, 129)]
    code, _, err = laptop.run("submit", "--all", *options)
    assert (code, laptop.listed()) == (2, {}), err
    assert "--all: these jobs and their checks are 258 steps, a cluster takes 256" in err
    code, _, err = laptop.run("submit", "--all", "--only", "j0", *options)
    assert code == 0, err
    waiting = [{"Name": "theirs", "HadoopJarStep": {"Jar": "j"}}]
    laptop.aws("emr").add_job_flow_steps(JobFlowId=cluster_id, Steps=waiting * 253)
    code, _, err = laptop.run("submit", "--all", "--only", "j1", *options)
    assert (code, "and 255 wait there already" in err) == (2, True), err
    with pytest.raises(ClientError, match="steps that wait"):  # the server would have refused it, as EMR does
        laptop.aws("emr").add_job_flow_steps(JobFlowId=cluster_id, Steps=waiting * 2)


def test_one_walk_over_what_waits_is_enough_for_all_jobs(laptop: Laptop, faults: Faults) -> None:
    cluster_id = laptop.cluster()
    options = ["--cluster-id", cluster_id, *many_jobs(laptop, 30)]
    faults.clear()
    code, _, err = laptop.run("submit", "--all", *options)
    assert code == 0, err
    assert faults.requests("ListSteps") == 1
    for step in laptop.steps(cluster_id)[:58]:
        laptop.end_step(cluster_id, step["Id"], "COMPLETED")
    code, _, err = laptop.run("submit", "--all", "--only", "j28", "--only", "j29", *options)
    assert (code, err.count("is under way already")) == (0, 2), err


def test_a_release_that_is_not_known_yet_is_tried_with_a_word(laptop: Laptop) -> None:
    where = ["--cluster-id", laptop.cluster("emr-7.77.0"), "--processor", "x86_64", "--preinstalled"]
    code, _, err = laptop.run("submit", *laptop.job, *where)
    assert (code, "emr-7.77.0 is newer than emr-7.14" in err) == (0, True), err


def own_cluster(laptop: Laptop) -> list[str]:
    """Options for a cluster of its own, without what the server's account has not."""
    cluster = read_cluster(CONF / "emr" / "cluster.json")
    cluster["Instances"]["Ec2SubnetIds"] = ["subnet-1"]
    cluster.pop("SecurityConfiguration")
    filled = {**cluster, "ServiceRole": "r", "JobFlowRole": "p"}
    (laptop.folder / "cluster.json").write_text(json.dumps(filled))
    return ["--cluster-file", "cluster.json", "--log-uri", f"s3://{laptop.bucket}/logs/", "--preinstalled"]


def test_jobs_on_a_cluster_of_their_own_are_not_sent_twice_while_it_works(laptop: Laptop) -> None:
    (laptop.folder / "buckets.yml").write_text(BUCKETS)
    options = [*own_cluster(laptop), "--buckets-file", "buckets.yml", "--work-uri", laptop.work_uri]
    code, _, err = laptop.run("submit", "--all", *options)
    assert code == 0, err
    code, _, again = laptop.run("submit", "--all", *options)
    assert (code, again.count("is under way already")) == (0, 3), again

    cluster_id = err.rpartition("of cluster ")[2].strip()
    for step in laptop.steps(cluster_id):
        laptop.end_step(cluster_id, step["Id"], "COMPLETED")
    code, _, err = laptop.run("submit", "--all", "--only", "music", *options)
    assert (code, "is under way already" in err) == (0, False), err


def test_without_a_cluster_one_is_started_and_ends_behind_the_job(laptop: Laptop) -> None:
    options = [*own_cluster(laptop), "--release", "emr-spark-8.0.0"]
    code, out, err = laptop.run("submit", *laptop.job, *options, "--dry-run")
    assert code == 0, err
    (call,) = shown(out)["calls"]
    assert call["operation"] == "RunJobFlow"
    assert call["parameters"]["ReleaseLabel"] == "emr-spark-8.0.0"
    assert call["parameters"]["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False

    code, _, err = laptop.run("submit", *laptop.job, *options)

    assert code == 0, err
    cluster_id = err.rpartition("of cluster ")[2].strip()
    described = laptop.aws("emr").describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert described["Name"] == "s3sync migrate source-bucket to target-bucket"
    (step,) = laptop.steps(cluster_id)
    assert arguments_of(step)[-3] == "migrate"


def test_the_stacks_outputs_fill_the_clusters_gaps(laptop: Laptop) -> None:
    names = {"LogUri": f"s3://{laptop.bucket}/logs/", "SubnetIds": "subnet-1,subnet-2"}
    names |= {"ServiceRole": "r", "InstanceProfile": "p", "SecurityConfiguration": "s"}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in names.items()},
    }
    laptop.aws("cloudformation").create_stack(StackName=laptop.bucket, TemplateBody=json.dumps(template))
    code, out, err = laptop.run("submit", *laptop.job, "--stack", laptop.bucket, "--preinstalled", "--dry-run")
    assert code == 0, err
    (call,) = shown(out)["calls"]
    assert call["parameters"]["Instances"]["Ec2SubnetIds"] == ["subnet-1", "subnet-2"]
    assert call["parameters"]["LogUri"] == names["LogUri"]


def application(laptop: Laptop) -> str:
    made = laptop.aws("emr-serverless").create_application(
        name="s3sync", releaseLabel="emr-7.13.0", type="SPARK", clientToken="t", architecture="ARM64"
    )
    found = str(made["applicationId"])
    # The server says of an application without runs that there is none of that id; AWS lists none.
    emrserverless_backends[DEFAULT_ACCOUNT_ID][REGION].job_runs[found] = []
    return found


ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/job"


def test_a_job_run_of_a_serverless_application(laptop: Laptop) -> None:
    application_id = application(laptop)
    where = ["--application-id", application_id, "--execution-role-arn", ROLE]
    where += ["--log-uri", f"s3://{laptop.bucket}/logs/", "--processor", "aarch64"]
    code, _, err = laptop.run("submit", *laptop.job, *where)
    assert code == 0, err
    assert "ends a job run after 7 days (emr-7.13.0 allows no longer one); the same command goes on then" in err
    serverless = laptop.aws("emr-serverless")
    (listed,) = serverless.list_job_runs(applicationId=application_id)["jobRuns"]
    run = serverless.get_job_run(applicationId=application_id, jobRunId=listed["id"])["jobRun"]
    spark = run["jobDriver"]["sparkSubmit"]
    assert spark["entryPointArguments"][:2] == ["migrate", "--config-file"]
    assert "spark.archives=s3://" in spark["sparkSubmitParameters"]
    assert "-aarch64-" in spark["sparkSubmitParameters"]
    assert run["executionRole"] == ROLE
    assert yaml.safe_load(laptop.text(spark["entryPointArguments"][-1]))["source"] == {"bucket": "source-bucket"}

    emrserverless_backends[DEFAULT_ACCOUNT_ID][REGION].job_runs[application_id][0].state = "RUNNING"
    code, _, err = laptop.run("submit", *laptop.job, *where)
    assert "is under way already" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("submit", "give either a job, such as migrate, or --all"),
        ("submit migrate --all", "give either a job"),
        ("submit {job} --only photos", "--only: chooses among the jobs of --all"),
        ("submit migrate -t target-bucket --work-uri {work}", "-s/--source-bucket: is missing"),
        ("submit migrat", "job: invalid choice"),
        ("submit {job} --cluster-id nonsense", "--cluster-id: 'nonsense' is not the id of an EMR cluster"),
        ("submit {job} --cluster-id {cluster}", "--processor: the cluster does not tell"),
        ("submit {job} --cluster-id {ended} --processor x86_64", "--cluster-id: {ended} is TERMINATED"),
        ("submit {job} --cluster-id {cluster} --application-id 00f1", "are both given"),
        ("submit {job} --application-id {application}", "--execution-role-arn: is missing"),
        ("submit {job} --application-id {application} --execution-role-arn " + ROLE + " --check-after", "side by side"),
        ("submit {job} --application-id {application} --execution-role-arn " + ROLE + " --preinstalled", "bootstrap"),
        ("submit {job} --preinstalled", "is not filled; write the value there, or name the stack"),
        ("submit {job} --release emr-6.15.0 --cluster-id {cluster} --processor x86_64", "is no release"),
        ("submit {job} --cluster-file nowhere.json", "nowhere.json: cannot be read"),
        (
            "submit migrate -s a-bucket -t b-bucket --cluster-id {cluster} --processor x86_64 --preinstalled",
            "--artifacts-uri: is missing",
        ),
        (
            (
                "submit migrate -s a-bucket -t b-bucket --artifacts-uri {work} --cluster-id {cluster} "
                "--processor x86_64 --preinstalled"
            ),
            "--work-uri: s3sync-work is a folder of this machine",
        ),
        ("submit {job} --cluster-id {cluster} --processor x86_64 --artifacts-uri {work}/a,b", "parts Spark's list"),
        (
            "submit {job} --cluster-id {cluster} --processor x86_64 --spark-conf spark.password=x --preinstalled",
            "holds a secret",
        ),
        (
            (
                "submit {job} --artifacts-uri s3://no-such-bucket-at-all/x --cluster-id {cluster} "
                "--processor x86_64 --preinstalled"
            ),
            "no-such-bucket-at-all",
        ),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(laptop: Laptop, arguments: str, says: str) -> None:
    names: dict[str, str] = {"work": laptop.work_uri, "job": " ".join(laptop.job), "cluster": laptop.cluster()}
    if "{ended}" in arguments:
        names["ended"] = laptop.cluster()
        laptop.aws("emr").terminate_job_flows(JobFlowIds=[names["ended"]])
    if "{application}" in arguments:
        names["application"] = application(laptop)
    code, out, err = laptop.run(*arguments.format(**names).split())
    assert code in (1, 2), err
    assert says.format(**names) in err.replace("\n", " ")
    assert out == ""
    assert len([line for line in err.splitlines() if line.startswith("s3sync: ")]) == 1
    assert "Traceback" not in err
    assert laptop.steps(names["cluster"]) == []


def test_c12_no_secret_is_sent_or_uploaded(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laptop's own keys for EMR stay there; keys of a side are refused before anything is sent."""
    cluster_id = laptop.cluster()
    where = ["--cluster-id", cluster_id, "--processor", "x86_64", "--preinstalled"]
    monkeypatch.setenv("DEPLOY_AWS_ACCESS_KEY_ID", "AKIADEPLOY")
    monkeypatch.setenv("DEPLOY_AWS_SECRET_ACCESS_KEY", "PLANTEDdeployKey")
    monkeypatch.setenv("SOURCE_CREDENTIALS_URI", "secretsmanager:s3sync/source")
    code, out, err = laptop.run("submit", *laptop.job, *where, "--dry-run")
    assert laptop.run("submit", *laptop.job, *where)[0] == code == 0
    (step,) = laptop.steps(cluster_id)
    everything = out + err + json.dumps(arguments_of(step))
    for key in laptop.listed():
        if not key.endswith(".gz"):
            everything += laptop.text(f"s3://{laptop.bucket}/{key}")
    assert [word for word in (*SECRETS, "PLANTEDdeployKey", "AKIADEPLOY") if word in everything] == []
    assert "secretsmanager:s3sync/source" in everything

    laptop.end_step(cluster_id, step["Id"], "COMPLETED")
    monkeypatch.delenv("SOURCE_CREDENTIALS_URI")
    for side in ("SOURCE", "TARGET", "INVENTORY", "QUEUE", "WORK", "COPY"):
        with monkeypatch.context() as planted:
            planted.setenv(f"{side}_AWS_ACCESS_KEY_ID", "AKIASIDE")
            planted.setenv(f"{side}_AWS_SECRET_ACCESS_KEY", f"PLANTED{side}")
            code, out, err = laptop.run("submit", *laptop.job, *where)
        assert code == 2
        assert f"PLANTED{side}" not in out + err
        assert "secretsmanager:NAME" in err
    assert len(laptop.steps(cluster_id)) == 1
