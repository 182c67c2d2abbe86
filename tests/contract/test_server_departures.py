"""Every entry of the capabilities table, probed on the live server: true means it works as on S3, false that it still
departs. When one of these fails, the table is out of date, and some other test may be stronger from now on."""

from collections.abc import Callable
from typing import Any

import pytest

from s3sync.demo.preconditions import FORMS, Departures
from s3sync.demo.server import EmbeddedServer
from tests.conftest import connect
from tests.servers import Server, probe_features, probe_preconditions
from tests.servers.capabilities import FLAGS, TABLE
from tests.servers.ground import Ground

PROBES: dict[str, Callable[[Ground], bool]] = {
    name: getattr(module, name)
    for module in (probe_preconditions, probe_features)
    for name in FLAGS
    if hasattr(module, name)
}


@pytest.fixture
def ground(s3: Any, server: Server, bucket_factory: Callable[..., str]) -> Ground:
    bucket = bucket_factory()
    s3.put_object(
        Bucket=bucket,
        Key="source",
        Body=b"source",
        ContentType="text/plain",
        Metadata={"colour": "blue"},
        Tagging="team=a%20b",
    )
    return Ground(s3, server, bucket, bucket_factory)


def test_every_entry_of_the_table_has_a_probe():
    assert set(PROBES) == set(FLAGS)


@pytest.mark.parametrize("capability", FLAGS)
def test_the_table_tells_what_the_server_does(capability: str, ground: Ground):
    assert PROBES[capability](ground) == getattr(ground.server.capabilities, capability)


MOTO_FORGETS = (
    "copy_source_if_match",
    "copy_source_if_unmodified_since",
    "copy_source_if_modified_since",
    "part_copy_source_if_match",
    "copy_if_none_match",
    "copy_if_match",
    "complete_if_match",
)  # If-None-Match of a source and of a completion, and both of PutObject, it knows


@pytest.mark.parametrize("capability", MOTO_FORGETS)
def test_the_probes_notice_a_departure(capability: str):
    """The negative control: moto without the layer that adds the preconditions."""
    with EmbeddedServer(departures=Departures(ignored=FORMS)) as bare:
        server = Server("bare", bare.endpoint_url, bare.endpoint_url, "any", "any", "us-east-1", TABLE["embedded"])
        s3 = connect(server.s3_endpoint, "any", "any", server.region)
        bucket = f"bare-{capability.replace('_', '-')}"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="source", Body=b"source")
        assert not PROBES[capability](Ground(s3, server, bucket, lambda: bucket))
