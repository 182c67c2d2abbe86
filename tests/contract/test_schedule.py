"""`s3sync schedule` against EventBridge Scheduler's API: put, changed, shown, removed; and a second run that finds its
target locked."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from s3sync.cli.main import main
from tests.contract.deploying import Laptop, shown
from tests.contract.test_submit import ROLE as JOB_ROLE
from tests.contract.test_submit import application
from tests.locks import lock_of
from tests.unit.emr.test_templates import linted

ROLE = "arn:aws:iam::123456789012:role/scheduler"
JOBS = """\
jobs:
  photos:
    schedule: cron(0 3 * * ? *)
    timezone: Asia/Shanghai
    check: true
    source: {bucket: photos-old}
    target: {bucket: photos-new}
    inventory: {manifests: ["s3://reports-bucket/inv/photos-old/daily/"]}
  music: {schedule: rate(7 days), enabled: false, source: {bucket: music-old}, target: {bucket: music-new}}
  once: {source: {bucket: once-old}, target: {bucket: once-new}}
"""


@pytest.fixture
def where(laptop: Laptop) -> list[str]:
    (laptop.folder / "buckets.yml").write_text(JOBS)
    options = ["--buckets-file", "buckets.yml", "--work-uri", laptop.work_uri, "--cluster-id", laptop.cluster()]
    options += ["--processor", "x86_64", "--preinstalled", "--scheduler-role-arn", ROLE]
    return [*options, "--schedule-group", laptop.bucket]


def schedule(laptop: Laptop, name: str) -> Any:
    return laptop.aws("scheduler").get_schedule(GroupName=laptop.bucket, Name=name)


def test_put_list_change_remove(laptop: Laptop, where: list[str]) -> None:
    code, _, err = laptop.run("schedule", "put", *where)
    assert code == 0, err
    photos, music = schedule(laptop, "photos"), schedule(laptop, "music")
    assert (photos["ScheduleExpression"], photos["ScheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Asia/Shanghai",
    )
    assert (photos["State"], music["State"]) == ("ENABLED", "DISABLED")
    assert photos["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:emr:addJobFlowSteps"
    assert photos["Target"]["RoleArn"] == ROLE
    steps = json.loads(photos["Target"]["Input"])["Steps"]
    assert [step["Name"] for step in steps] == [
        "s3sync migrate photos: photos-old to photos-new",
        "s3sync check photos: photos-old to photos-new",
    ]
    config = yaml.safe_load(laptop.text(steps[0]["HadoopJarStep"]["Args"][-1]))
    assert config["inventory"] == {
        "manifests": ["s3://reports-bucket/inv/photos-old/daily/"]
    }  # the newest, at its time
    assert config["run"]["if_locked"] == "skip"
    assert "submission_id" not in config["run"]

    code, out, _ = laptop.run("schedule", "list", *where)
    assert out.splitlines() == [
        "music\trate(7 days)\tUTC\tdisabled\temr:addJobFlowSteps",
        "photos\tcron(0 3 * * ? *)\tAsia/Shanghai\tenabled\temr:addJobFlowSteps",
    ]

    (laptop.folder / "buckets.yml").write_text(JOBS.replace("cron(0 3", "cron(0 5"))
    code, _, err = laptop.run("schedule", "put", *where)
    assert "photos: changed" in err
    assert "music: is as it was" in err
    assert schedule(laptop, "photos")["ScheduleExpression"] == "cron(0 5 * * ? *)"

    code, _, err = laptop.run("schedule", "remove", *where, "--only", "photos", "--only", "gone")
    assert "photos: removed" in err
    assert "gone: is not there" in err
    assert laptop.run("schedule", "list", *where)[1].count("\n") == 1
    laptop.run("schedule", "remove", *where)
    assert laptop.run("schedule", "list", *where)[1] == ""


def test_what_the_scheduler_sends_is_what_emr_takes(laptop: Laptop, where: list[str]) -> None:
    laptop.run("schedule", "put", *where)
    request = json.loads(schedule(laptop, "photos")["Target"]["Input"])
    laptop.aws("emr").add_job_flow_steps(**request)
    assert len(laptop.steps(request["JobFlowId"])) == 2
    assert {step["ActionOnFailure"] for step in request["Steps"]} == {"CONTINUE"}


def test_a_schedule_of_job_runs_has_the_members_as_a_universal_target_wants_them(laptop: Laptop) -> None:
    """The server refuses any other, as the call itself would be refused each time."""
    (laptop.folder / "buckets.yml").write_text(JOBS.replace("check: true", "check: false"))
    options = ["--buckets-file", "buckets.yml", "--work-uri", laptop.work_uri, "--schedule-group", laptop.bucket]
    options += ["--application-id", application(laptop), "--execution-role-arn", JOB_ROLE, "--processor", "aarch64"]
    code, _, err = laptop.run("schedule", "put", *options, "--scheduler-role-arn", ROLE)
    assert code == 0, err
    target = schedule(laptop, "photos")["Target"]
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:emrserverless:startJobRun"
    made = json.loads(target["Input"])
    assert made["JobDriver"]["SparkSubmit"]["EntryPoint"].startswith("s3://")
    assert made["ExecutionTimeoutMinutes"] == 10_080
    plain = json.dumps({"applicationId": "00f1", "clientToken": "t", "executionRoleArn": JOB_ROLE})
    with pytest.raises(ClientError, match="PascalCase"):  # the negative control
        laptop.aws("scheduler").update_schedule(
            Name="photos",
            GroupName=laptop.bucket,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**target, "Input": plain},
        )
    laptop.run("schedule", "remove", *options)


def test_a_dry_run_shows_the_schedule_and_makes_none(laptop: Laptop, where: list[str]) -> None:
    code, out, _ = laptop.run("schedule", "put", *where, "--only", "music", "--dry-run")
    assert code == 0
    (call,) = shown(out)["calls"]
    assert call["operation"] == "CreateSchedule"
    assert call["parameters"]["Name"] == "music"
    assert laptop.run("schedule", "list", *where)[1] == ""


def test_the_schedules_as_a_template_for_those_who_deploy_by_stacks(
    laptop: Laptop, where: list[str], tmp_path: Path
) -> None:
    code, out, err = laptop.run("schedule", "template", *where)
    assert code == 0, err
    resources = list(shown(out)["Resources"].values())
    assert [each["Properties"]["Name"] for each in resources] == ["photos", "music"]
    (tmp_path / "schedules.json").write_text(out)
    assert (linted(tmp_path / "schedules.json").stdout, laptop.run("schedule", "list", *where)[1]) == ("", "")
    uploaded = laptop.listed("s3sync/artifacts/jobs/")
    for step in json.loads(resources[0]["Properties"]["Target"]["Input"])["Steps"]:
        assert step["HadoopJarStep"]["Args"][-1].removeprefix(f"s3://{laptop.bucket}/") in uploaded
    assert laptop.run("schedule", "put", *where)[0] == 0
    for each in resources:
        made = schedule(laptop, each["Properties"]["Name"])
        assert {name: made[name] for name in each["Properties"]} == each["Properties"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["schedule"], "act"),
        (["schedule", "stop"], "act: invalid choice"),
        (["schedule", "put", "--only", "once"], "once has no `schedule`"),
        (["schedule", "put", "--only", "nothing"], "'nothing' is no job"),
    ],
)
def test_a_mistake_is_one_line(laptop: Laptop, where: list[str], arguments: list[str], says: str) -> None:
    code, _, err = laptop.run(*arguments, *where)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_run_that_is_still_at_work_is_not_started_twice(
    tmp_path: Path, server_env: dict[str, str], bucket_factory: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """What a schedule sends says `if_locked: skip`: the second run ends at once with 0; without it, with 2."""
    source, target = bucket_factory(), bucket_factory()
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    work = tmp_path / "work"
    endpoint_url = server_env["TARGET_ENDPOINT_URL"]
    options = ["-s", source, "-t", target, "--work-uri", str(work), "--lock-timeout", "2s"]
    said = threading.Event()
    with lock_of(work, endpoint_url, target, "the-first-run", timeout_seconds=2.0, say=lambda _: said.set()):
        assert main(["migrate", *options, "--if-locked", "skip"]) == 0
        assert "nothing done" in capsys.readouterr().err
        assert main(["migrate", *options]) == 2
        assert "is alive and works on this target" in capsys.readouterr().err
        monkeypatch.setenv("S3SYNC_RUN_IF_LOCKED", "skip")  # as the file has it that a schedule sends
        assert main(["check", "-s", source, "-t", target, "--work-uri", str(work)]) == 0
        assert "nothing done" in capsys.readouterr().err
        assert not (work / "runs").exists()
        assert not (work / "fingerprints").exists()  # C18: nothing says which run it would have been
