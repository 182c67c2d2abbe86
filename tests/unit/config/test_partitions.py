"""Whether a bucket's name means the same bucket for both sides."""

import pytest

from s3sync.config.model import Access
from s3sync.config.partitions import share_names

ROWS = [
    (None, "eu-west-1", None, "us-east-1", True),
    (None, "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "eu-west-1", True),
    (None, "eu-west-1", "https://bucket.vpce-1-a.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1", True),
    (None, "eu-west-1", None, "cn-north-1", False),
    (None, "us-gov-west-1", None, "us-gov-east-1", True),
    (None, "eusc-de-east-1", None, "eu-central-1", False),
    (None, "eu-isoe-west-1", None, "eu-west-1", False),
    (None, "us-iso-east-1", None, "us-isob-east-1", False),
    (None, "us-isof-east-1", None, "us-isof-south-1", True),
    ("https://s3.eusc-de-east-1.amazonaws.eu", None, None, "eu-west-1", False),
    ("https://s3.cn-north-1.amazonaws.com.cn", None, None, "cn-north-1", True),
    ("https://s3.us-gov-west-1.amazonaws.com", "us-east-1", None, "us-gov-west-1", True),
    ("http://LOCALHOST:9000", None, "http://localhost:9000/", None, True),
    ("http://localhost:80", None, "http://localhost", None, True),
    ("http://localhost:9000", None, "http://localhost:9001", None, False),
    ("http://localhost:9000", "cn-north-1", "http://localhost:9000", "us-east-1", True),
    (None, "us-east-1", "http://localhost:9000", "us-east-1", False),
]


@pytest.mark.parametrize(("one", "one_region", "other", "other_region", "same"), ROWS)
def test_share_names(one, one_region, other, other_region, same):
    first = Access(endpoint_url=one, region_name=one_region)
    second = Access(endpoint_url=other, region_name=other_region)
    assert share_names(first, second) is share_names(second, first) is same
