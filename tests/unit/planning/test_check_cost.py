"""What a look at single objects will cost, before it is done."""

import pytest

from s3sync.config.model import CheckConfig
from s3sync.model.limits import MIB
from s3sync.planning.check_cost import deep_bytes, look_estimate

DEEP = CheckConfig(deep=True)


@pytest.mark.parametrize(
    ("check", "tags", "requests"),
    [
        (CheckConfig(), True, {"HeadObject": 20}),
        (CheckConfig(metadata=True), True, {"HeadObject": 20, "GetObjectTagging": 20}),
        (CheckConfig(metadata=True), False, {"HeadObject": 20}),
        (DEEP, True, {"HeadObject": 20, "GetObject": 14}),
        (CheckConfig(deep_sample=0.5), True, {"HeadObject": 20, "GetObject": 12}),
    ],
)
def test_requests(check, tags, requests):
    assert dict(look_estimate(10, 3, 16 * MIB, check, tags=tags).by_operation) == requests


def test_nothing_to_look_at_costs_nothing():
    assert look_estimate(0, 0, 0, DEEP, tags=True).by_operation == {}


@pytest.mark.parametrize(
    ("check", "read"),
    [
        (CheckConfig(), 0),
        (DEEP, 1000),
        (CheckConfig(deep_sample=0.1), 100),
        (CheckConfig(deep=True, max_deep_bytes=7), 7),
        (CheckConfig(deep_sample=0.1, max_deep_bytes=7000), 100),
    ],
)
def test_bytes(check, read):
    assert deep_bytes(1000, check) == read
