"""The table of planning/route.py, row by row."""

import pytest

from s3sync.config.model import Access, Mode
from s3sync.planning.resolve import is_relayed


def at(endpoint_url=None, region_name="us-east-1", **more):
    return Access(endpoint_url=endpoint_url, region_name=region_name, **more)


# One of each partition of AWS.
REGIONS = (
    "eu-west-1",
    "cn-north-1",
    "us-gov-west-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-east-1",
)
VPC = "https://bucket.vpce-1a2b-3c4d.s3.us-east-1.vpce.amazonaws.com"
AWS = "https://s3.dualstack.eu-west-1.amazonaws.com"
CEPH = "https://Ceph.example:443/"


@pytest.mark.parametrize(
    ("mode", "source", "target", "relayed"),
    [
        (Mode.DOWNUP, at(), at(), True),
        (Mode.DOWNUP, at(CEPH), at(), True),
        (Mode.COPY, at(), at(), False),
        (Mode.COPY, at(region_name="us-east-1"), at(region_name="eu-west-1"), False),
        (Mode.COPY, at(AWS), at(), False),
        (Mode.COPY, at(profile_name="a"), at(profile_name="b", role_arn="c"), False),
        (Mode.COPY, at(CEPH), at("https://ceph.example"), False),
        (Mode.COPY, at(CEPH, "a"), at(CEPH, "b"), False),
        (Mode.COPY, at(CEPH), at("http://ceph.example"), True),
        (Mode.COPY, at(CEPH), at("https://ceph.example:8443"), True),
        (Mode.COPY, at(CEPH), at(), True),
        (Mode.COPY, at(), at(CEPH), True),
        (Mode.COPY, at("https://amazonaws.com.example"), at(), True),
        (Mode.COPY, at(region_name="cn-north-1"), at(region_name="us-east-1"), True),
        (Mode.COPY, at(region_name="cn-north-1"), at(region_name="cn-northwest-1"), False),
        (Mode.COPY, at(region_name=None), at(region_name="us-gov-west-1"), True),
        *(
            (Mode.COPY, at(region_name=one), at(region_name=other), one != other)
            for one in REGIONS
            for other in REGIONS
        ),
        (Mode.COPY, at("https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"), at(), True),
        (Mode.COPY, at(VPC), at(region_name="us-east-1"), False),
        (Mode.COPY, at(VPC), at(region_name="eu-west-1"), True),
        (Mode.COPY, at(region_name="eu-west-1"), at(VPC), True),
    ],
)
def test_where_the_bytes_go(mode, source, target, relayed):
    assert is_relayed(mode, source, target) == relayed
