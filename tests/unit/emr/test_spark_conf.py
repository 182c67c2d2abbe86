"""Spark's settings of a submission: each with its reason, none of them a secret (C12), none that breaks the job."""

from pathlib import Path

import pytest

from s3sync.config.model import Processor
from s3sync.emr.spark_conf import Platform, read_spark_defaults, serverless_conf, user_conf, yarn_conf
from s3sync.errors import ConfigError
from s3sync.spark.session import REQUIRED

FILE = Path(__file__).parents[3] / "conf" / "spark-defaults.conf"
PLATFORM = Platform(Processor.X86_64, "/usr/bin/python3.11", "3.5")


def test_every_line_has_its_reason_above_it():
    lines = FILE.read_text().splitlines()
    found = [n for n, line in enumerate(lines) if line.startswith("spark.")]
    assert len(found) >= 15
    assert [lines[n] for n in found if not lines[n - 1].startswith("# ")] == []


def test_the_file_agrees_with_what_the_session_requires():
    defaults = read_spark_defaults(FILE)
    assert {name: defaults[name] for name in REQUIRED} == REQUIRED


def test_yarn_starts_no_driver_twice_and_no_task_speculatively():
    conf = yarn_conf(read_spark_defaults(FILE), PLATFORM, {"spark.executor.cores": "8"}, preinstalled=False)
    assert conf["spark.yarn.maxAppAttempts"] == "1"
    assert conf["spark.speculation"] == "false"
    assert conf["spark.executor.cores"] == "8"
    assert conf["spark.executorEnv.PYTHONPATH"] == conf["spark.yarn.appMasterEnv.PYTHONPATH"] == "./app:./deps"
    assert conf["spark.network.crypto.enabled"] == conf["spark.io.encryption.enabled"] == "true"
    assert (
        yarn_conf({}, PLATFORM, {}, preinstalled=True)["spark.executorEnv.PYTHONPATH"]
        == "/opt/s3sync/app:/opt/s3sync/deps"
    )


def test_serverless_has_no_yarn():
    conf = serverless_conf(
        {"spark.yarn.maxAppAttempts": "1", "spark.a": "b"}, PLATFORM, {}, ["s3://a#app", "s3://d#deps"]
    )
    assert not any(name.startswith("spark.yarn.") for name in conf)
    assert conf["spark.archives"] == "s3://a#app,s3://d#deps"
    assert conf["spark.a"] == "b"


@pytest.mark.parametrize("name", ["spark.speculation", "spark.yarn.maxAppAttempts", "spark.executorEnv.PYTHONPATH"])
def test_what_the_job_relies_on_is_not_overridden(name):
    with pytest.raises(ConfigError, match=name):
        yarn_conf({}, PLATFORM, {name: "x"}, preinstalled=False)


@pytest.mark.parametrize(
    "line",
    [
        "spark.hadoop.fs.s3a.secret.key=hunter2",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY=hunter2",
        "spark.hadoop.fs.s3a.access.key=hunter2",
        "spark.executorEnv.AWS_SESSION_TOKEN=hunter2",
        "spark.ssl.keyStorePassword=hunter2",
        "spark.driver.extraJavaOptions=-Djavax.net.ssl.trustStorePassword=hunter2",
    ],
)
def test_c12_a_secret_is_refused_and_not_shown(line, tmp_path):
    with pytest.raises(ConfigError) as caught:
        user_conf([line])
    assert "hunter2" not in str(caught.value)
    file = tmp_path / "f.conf"
    file.write_text(line.replace("=", " ", 1))
    with pytest.raises(ConfigError) as caught:
        read_spark_defaults(file)
    assert "hunter2" not in str(caught.value)


def test_a_class_that_provides_credentials_is_no_secret():
    assert user_conf(["spark.hadoop.fs.s3.customAWSCredentialsProvider=com.example.P"])


@pytest.mark.parametrize("text", ["executor.cores 4", "spark.executor.cores", "spark.a 1\nspark.a 2"])
def test_a_bad_line_is_named(text, tmp_path):
    file = tmp_path / "f.conf"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"f\.conf:[12]"):
        read_spark_defaults(file)
    with pytest.raises(ConfigError, match=r"nowhere\.conf"):
        read_spark_defaults(tmp_path / "nowhere.conf")
