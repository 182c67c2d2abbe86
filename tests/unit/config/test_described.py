"""What a command takes over from the run that it follows: the table of the module."""

import pytest

from s3sync.config.load import describe, followed, load
from s3sync.errors import ConfigError

NAMES = ("source.bucket", "source.prefixes", "target.prefix", "copy.tags")
RUN = describe(
    load(
        {"source.bucket": "from-here", "source.prefixes": ["a/", "b/"], "target.prefix": "to/", "copy.tags": "false"},
        {},
        None,
        None,
    )
)


def following(**options):
    config = load({name.replace("__", "."): value for name, value in options.items()}, {}, None, None)
    return followed(config, RUN, NAMES, "run-1")


def test_what_is_not_given_is_the_runs():
    config = following()
    assert (config.source.bucket, config.source.prefixes) == ("from-here", ("a/", "b/"))
    assert (config.target.prefix, config.copy.tags) == ("to/", False)
    assert config.target.bucket is None  # not among the names


def test_the_same_may_be_given_again():
    assert following(source__bucket="from-here", source__prefixes=["a/", "b/"]) == following()


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"source__bucket": "elsewhere"}, "-s/--source-bucket"),
        ({"source__prefixes": ["a/"]}, "--prefix"),
        ({"target__prefix": "other/"}, "--target-prefix"),
    ],
)
def test_another_value_is_a_mistake(options, place):
    with pytest.raises(ConfigError, match="run-1") as caught:
        following(**options)
    assert caught.value.place == place


def test_a_run_that_had_the_default_asks_for_nothing():
    nothing = describe(load({}, {}, None, None))
    config = load({"source.bucket": "mine-only"}, {}, None, None)
    assert followed(config, nothing, NAMES, "run-1") == config
    assert followed(config, {}, NAMES, "run-1") == config
