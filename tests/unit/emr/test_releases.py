"""Releases, processors and the tags of wheels that fit them."""

import pytest

from s3sync.config.model import Processor
from s3sync.emr.spark_conf import Platform, platform_of, processor_of, python_version, release_of, word_about
from s3sync.errors import ConfigError


@pytest.mark.parametrize(
    ("label", "spark", "hadoop", "python", "limits_runs"),
    [
        ("emr-7.0.0", "3.5", "3.3.6", None, False),
        ("emr-7.1.0", "3.5", "3.3.6", "/usr/bin/python3.11", False),
        ("emr-7.3.0", "3.5", "3.3.6", "/usr/bin/python3.11", False),
        ("emr-7.4.0", "3.5", "3.4.0", "/usr/bin/python3.11", False),
        ("emr-7.10.0", "3.5", "3.4.1", "/usr/bin/python3.11", False),
        ("emr-7.11.0", "3.5", "3.4.1", "/usr/bin/python3.11", True),
        ("emr-7.13.0", "3.5", "3.4.2", "/usr/bin/python3.11", True),
        ("emr-7.14.0", "3.5", "3.4.2", "/usr/bin/python3.11", True),
        ("emr-spark-8.0.0", "4.0", None, "/usr/bin/python3.11", True),
    ],
)
def test_a_release_has_its_spark_hadoop_and_python(label, spark, hadoop, python, limits_runs):
    release = release_of(label)
    assert (release.spark, release.hadoop, release.python, release.limits_runs) == (spark, hadoop, python, limits_runs)
    assert word_about(label) is None


@pytest.mark.parametrize(
    ("label", "spark"),
    [("emr-7.15.0", "3.5"), ("emr-8.0.0", "3.5"), ("emr-spark-8.1.0", "4.0"), ("emr-spark-9.0.0", "4.0")],
)
def test_a_newer_one_than_is_known_is_tried_with_a_word(label, spark):
    assert release_of(label).spark == spark
    assert platform_of(label, Processor.AARCH64, None).spark == spark
    word = word_about(label)
    assert word is not None
    assert label in word
    assert "--python" in word


@pytest.mark.parametrize("label", ["emr-6.15.0", "emr-5.36.0", "emr-spark-7.0.0", "", "7.13.0", "emr-7.13"])
def test_an_old_release_and_none_at_all_are_refused_with_the_way_out(label):
    with pytest.raises(ConfigError, match=r"--release: .*emr-7.1.0 or newer"):
        release_of(label)


def test_a_release_without_a_python_that_is_new_enough_is_refused_unless_one_is_named():
    with pytest.raises(ConfigError, match=r"--release: emr-7.0.0 has Python 3.9 only.*--python"):
        platform_of("emr-7.0.0", Processor.X86_64, None)
    assert platform_of("emr-7.0.0", Processor.X86_64, "/opt/python3.12").version == "3.12"


@pytest.mark.parametrize(
    ("types", "processor"),
    [
        (("m7g.xlarge", "c7gn.4xlarge", "r8gd.large", "a1.large", "im4gn.large", "t4g.small"), Processor.AARCH64),
        (("m7i.xlarge", "m5.xlarge", "c5a.large", "g4dn.xlarge", "m6id.large"), Processor.X86_64),
        (("m7g.xlarge", "m7i.xlarge"), None),
        ((), None),
    ],
)
def test_the_processor_is_told_by_the_instance_types(types, processor):
    assert processor_of(types) is processor


def test_wheels_up_to_the_nodes_libc_and_no_newer():
    tags = platform_of("emr-7.13.0", Processor.AARCH64, None).wheel_tags
    assert tags[0] == "manylinux_2_34_aarch64"
    assert tags[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")
    assert all(tag.endswith("_aarch64") for tag in tags)


def test_another_python_is_taken():
    assert platform_of("emr-spark-8.0.0", Processor.X86_64, "/usr/bin/python3.12") == Platform(
        Processor.X86_64, "/usr/bin/python3.12", "4.0"
    )
    assert python_version("/opt/python3.13") == "3.13"
    with pytest.raises(ConfigError):
        python_version("/usr/bin/python3")
