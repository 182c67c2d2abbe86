"""What the doctor sees of workers: on a local Spark, and judged from made-up answers."""

import pytest

from s3sync.config.load import load
from s3sync.doctor.symptom import Health
from s3sync.doctor.workers import PACKAGES, judge, look_at_workers, versions

NOW = 1_700_000_000.0


def told(**more):
    return {**versions(), "host": "a", "time": str(NOW), "source": "ok", "target": "ok", **more}


def test_workers_like_the_driver_are_well():
    assert [each.health for each in judge([told(), told()], versions(), NOW)] == [Health.OK]


@pytest.mark.parametrize(
    ("more", "topic", "health"),
    [
        ({"python": "3.9.1"}, "workers: python", Health.PROBLEM),
        ({"python": "3.99.1"}, "workers: python", Health.PROBLEM),
        ({"pyarrow": ""}, "workers: pyarrow", Health.PROBLEM),
        ({"pyarrow": "1.0"}, "workers: pyarrow", Health.WARNING),
        ({"pyspark": "2.4.0"}, "workers: pyspark", Health.WARNING),
        ({"processor": "z80"}, "workers: processor", Health.WARNING),
        ({"time": str(NOW + 120)}, "workers: clock", Health.WARNING),
        (
            {"target": "problem", "target found": "no connection", "target todo": "NAT"},
            "workers: network",
            Health.PROBLEM,
        ),
    ],
)
def test_a_worker_that_differs_is_told(more, topic, health):
    _, *found = judge([told(), told(**more, host="b")], versions(), NOW)
    assert [(each.topic, each.health) for each in found] == [(topic, health)]
    assert found[0].todo


def test_the_workers_of_a_local_spark_are_asked(server_env):
    config = load({"source.bucket": "a-bucket", "target.bucket": "b-bucket"}, server_env, None, None)
    found = list(look_at_workers(config))
    assert [each.health for each in found] == [Health.OK], found
    assert "1 machines" in found[0].found
    assert all(versions()[name] for name in PACKAGES)
