"""The names of headers are botocore's."""

import botocore.session
import pytest

from s3sync.s3.wire.http import HEADERS

OPERATIONS = ("CopyObject", "GetObject", "HeadObject", "PutObject", "UploadPart", "ListObjectsV2", "ListObjectVersions")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_parameters_header_is_the_one_that_botocore_writes(operation: str) -> None:
    model = botocore.session.get_session().get_service_model("s3").operation_model(operation)
    told = {
        name: member.serialization["name"].lower()
        for name, member in model.input_shape.members.items()
        if member.serialization.get("location") == "header" and name in HEADERS
    }
    assert told
    assert told == {name: HEADERS[name] for name in told}


def test_each_header_is_one_of_these_operations() -> None:
    model = botocore.session.get_session().get_service_model("s3")
    known = {name for each in OPERATIONS for name in model.operation_model(each).input_shape.members}
    assert HEADERS.keys() <= known
