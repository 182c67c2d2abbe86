"""A relay between two services: each has its own endpoint, keys and region, and knows nothing of the other's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.demo.server import EmbeddedServer
from s3sync.demo.wire import App, Environ, StartResponse, answer, call_of, copy_source, error_body
from s3sync.model import etag as etags
from s3sync.model.limits import MIB, PART_MIN_BYTES
from tests.servers import Server
from tests.servers.capabilities import require
from tests.spark.test_copying import METADATA, TAGS, put, put_in_parts, tags_of
from tests.spark.workplace import Workplace

SIZES = (PART_MIN_BYTES, PART_MIN_BYTES, MIB)
Objects = Callable[[str], dict[str, bytes]]


@dataclass
class Border:
    """A layer around a server that lets in who has these keys and this region, and comes for this bucket alone."""

    bucket: str
    access_key: str
    region: str
    token: str | None = None
    served: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def wrap(self, app: App) -> App:
        def layer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            call = call_of(environ)
            is_known = f"Credential={self.access_key}/" in environ.get("HTTP_AUTHORIZATION", "")
            is_known &= environ.get("HTTP_X_AMZ_SECURITY_TOKEN") == self.token
            is_known &= "HTTP_X_AMZ_COPY_SOURCE" not in environ or copy_source(environ)[0] == self.bucket
            if is_known and (call.bucket, call.region) == (self.bucket, self.region):
                self.served.add(call.operation)
                return app(environ, start_response)
            self.refused.append(f"{call.operation} {call.bucket} {call.region}")
            return answer(environ, start_response, 403, error_body("InvalidAccessKeyId", "not one of ours"))

        return layer

    def variables(self, side: str, endpoint_url: str) -> dict[str, str]:
        found = {"ENDPOINT_URL": endpoint_url, "REGION_NAME": self.region, "AWS_ACCESS_KEY_ID": self.access_key}
        found["AWS_SECRET_ACCESS_KEY"] = f"secret-of-{self.access_key}"
        if self.token is not None:
            found["AWS_SESSION_TOKEN"] = self.token
        return {f"{side}_{name}": value for name, value in found.items()}


@pytest.mark.parametrize("transport", ["curl", "boto3"])
def test_each_side_is_asked_with_its_own_keys_at_its_own_place(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], objects: Objects, transport: str
) -> None:
    require(server, "faults")  # the two services are layers around the embedded server's store
    source, target = pair
    etag = put_in_parts(s3, source, "in parts", SIZES)
    keys = [each.key for each in ODD_KEYS[:20]]
    for key in keys:
        put(s3, source, key)
    here = Border(source, "AKIASOURCE", "ap-south-1", "token-of-a-session")
    there = Border(target, "AKIATARGET", "eu-west-1")
    options = ("-s", source, "-t", target, "--transport", transport, "--part-size", "5MiB", "--preserve-etags")
    with EmbeddedServer(wrap=here.wrap) as one, EmbeddedServer(wrap=there.wrap) as other:
        sides = here.variables("SOURCE", one.endpoint_url) | there.variables("TARGET", other.endpoint_url)
        apart = replace(workplace, environ={**workplace.environ, **sides})
        ended = apart.run(*options, "-v")  # two services: the planner relays without being told to
        again = apart.run(*options, "--mode", "downup", "-v")
        assert (here.refused, there.refused) == ([], [])
        strange = replace(apart, environ=apart.environ | there.variables("SOURCE", one.endpoint_url)).run(*options)
    assert (ended.code, ended.statuses) == (0, {"copied": 21}), ended.said
    assert objects(target) == objects(source)
    assert etags.bare(s3.head_object(Bucket=target, Key="in parts")["ETag"]) == etag
    assert tags_of(s3, target, "in parts") == tags_of(s3, target, keys[0]) == TAGS
    assert s3.head_object(Bucket=target, Key=keys[0])["Metadata"] == METADATA
    assert (again.code, again.statuses.get("copied", 0)) == (0, 0), again.said
    assert {"GetObject", "GetObjectTagging", "ListObjectsV2"} <= here.served
    assert not {"PutObject", "UploadPart", "CreateMultipartUpload"} & here.served
    assert {"PutObject", "UploadPart", "ListObjectsV2"} <= there.served
    assert not {"GetObject", "GetObjectTagging"} & there.served
    assert strange.code != 0  # the control: with the other's keys nobody is let in
    assert here.refused
