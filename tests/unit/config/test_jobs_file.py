"""The file of jobs: what is right, and that each mistake is one line that names its place."""

from pathlib import Path

import pytest

from s3sync.config.jobs_file import chosen, read_jobs
from s3sync.config.load import load
from s3sync.errors import ConfigError

CONF = Path(__file__).parents[3] / "conf"
TWO = """\
jobs:
  photos:
    schedule: cron(0 3 * * ? *)
    timezone: Europe/Berlin
    check: true
    source: {bucket: photos-old, prefixes: [a/, b/]}
    target: {bucket: photos-new}
  music:
    enabled: false
    source: {bucket: music-old}
    target: {bucket: music-new}
"""


def jobs_of(text, tmp_path):
    path = tmp_path / "buckets.yml"
    path.write_text(text)
    return read_jobs(path)


def test_the_file_in_conf_is_right():
    (job,) = read_jobs(CONF / "buckets.yml")
    assert (job.name, job.enabled, job.check) == ("example", False, True)


def test_jobs_have_their_times_and_settings(tmp_path):
    photos, music = jobs_of(TWO, tmp_path)
    assert (photos.schedule, photos.timezone, photos.check) == ("cron(0 3 * * ? *)", "Europe/Berlin", True)
    assert photos.given["source.prefixes"].value == ("a/", "b/")
    assert (music.schedule, music.enabled, music.check) == (None, False, False)


def test_a_job_wins_over_variables_and_an_option_over_the_job(tmp_path):
    photos, _ = jobs_of(TWO, tmp_path)
    environ = {"S3SYNC_TARGET_BUCKET": "everything-into-this-one", "S3SYNC_COPY_IN_FLIGHT": "9"}
    config = load({"source.prefixes": ["c/"]}, environ, CONF / "config.yml", None, photos.given)
    assert (config.target.bucket, config.source.prefixes, config.copy.in_flight) == ("photos-new", ("c/",), 9)


def test_some_are_chosen(tmp_path):
    jobs = jobs_of(TWO, tmp_path)
    assert [job.name for job in chosen(jobs, ["music"])] == ["music"]
    assert chosen(jobs, []) == jobs
    with pytest.raises(ConfigError, match="--only: 'musik' is no job; did you mean music"):
        chosen(jobs, ["musik"])


BAD = [
    ("", "buckets.yml: must hold one section `jobs`"),
    ("photos: {}\n", "buckets.yml:1: must hold one section `jobs`"),
    ("jobs: {}\n", "names no job"),
    ("jobs: [a]\n", "must be a section"),
    ("jobs:\n  a b: {}\n", "buckets.yml:2: a b: is not a job's name"),
    ("jobs:\n  a: {}\n  a: {}\n", "given twice"),
    ("jobs:\n  a: x\n", "buckets.yml:2: a: must be a section"),
    ("jobs:\n  a:\n    schedule: daily\n", "a.schedule: 'daily' is no schedule; write one such as rate(1 day)"),
    ("jobs:\n  a:\n    schedule: cron(0 3 * * *)\n", "is no schedule"),
    ("jobs:\n  a:\n    schedule: {group: x}\n", "takes one value"),
    ("jobs:\n  a:\n    timezone: Mars\n", "'Mars' is no time zone"),
    ("jobs:\n  a:\n    enabled: perhaps\n", "neither true nor false"),
    ("jobs:\n  a:\n    sauce: {}\n", "buckets.yml:3: sauce: is not a setting"),
    ("jobs:\n  a:\n    source: {bucket: X}\n", "is not a bucket's name"),
    ("jobs:\n  a:\n    submit: {cluster_id: j-2AXXXXXXGAPLF}\n", "is not of a single job"),
    ("jobs:\n  a:\n    access: {source: {aws_access_key_id: AK}}\n", "is not of a single job"),
    ("jobs:\n  a:\n    access: {deploy: {profile_name: p}}\n", "is not of a single job"),
    ("jobs:\n  - a\n", "must be a section"),
    ("jobs: {a: }\n", "must be a section"),
    ("{", "is not YAML"),
]


@pytest.mark.parametrize(("text", "says"), BAD)
def test_a_mistake_is_one_line_that_names_its_place(text, says, tmp_path):
    with pytest.raises(ConfigError) as caught:
        jobs_of(text, tmp_path)
    line = str(caught.value)
    assert says in line
    assert "\n" not in line
    assert "buckets.yml" in caught.value.place
