"""What a look at single objects will cost, before it is done."""

import pyarrow as pa
import pytest

from s3sync.config.model import CheckConfig, CopyConfig
from s3sync.model.limits import MIB
from s3sync.model.tables import FINDINGS
from s3sync.planning.cost import PARTS_LOOKED_AT, look_estimate, part_heads, read_estimate

DEEP = CheckConfig(deep=True)
ALL = CopyConfig()
A, B = "a" * 32, "b" * 32


@pytest.mark.parametrize(
    ("check", "copying", "requests"),
    [
        (CheckConfig(), ALL, {"HeadObject": 26}),
        (CheckConfig(metadata=True), ALL, {"HeadObject": 26, "GetObjectTagging": 20, "ListObjectAnnotations": 20}),
        (CheckConfig(metadata=True), CopyConfig(annotations=False), {"HeadObject": 26, "GetObjectTagging": 20}),
        (CheckConfig(metadata=True), CopyConfig(tags=False, annotations=False), {"HeadObject": 26}),
        (DEEP, ALL, {"HeadObject": 26}),
    ],
)
def test_requests_of_a_look(check, copying, requests):
    assert dict(look_estimate(10, 6, check, copying).by_operation) == requests


def test_nothing_to_look_at_costs_nothing():
    assert look_estimate(0, 0, DEEP, ALL).by_operation == {}
    assert read_estimate(0, 0, DEEP, ALL).by_operation == {}


@pytest.mark.parametrize(
    ("check", "read_bytes", "requests"),
    [
        (DEEP, 10 * MIB, {"HeadObject": 4, "GetObject": 7}),
        (CheckConfig(deep_sample=0.1), 10 * MIB, {"HeadObject": 4, "GetObject": 7}),  # the sample was taken before
        (CheckConfig(deep=True, max_deep_bytes=4 * MIB), 4 * MIB, {"HeadObject": 4, "GetObject": 5}),
        (CheckConfig(deep=True, metadata=True), 10 * MIB, {"HeadObject": 4, "GetObjectTagging": 4, "GetObject": 7}),
    ],
)
def test_requests_of_reading(check, read_bytes, requests):
    found = read_estimate(2, 10 * MIB, check, CopyConfig(annotations=False))
    assert (found.read_bytes.total(), dict(found.by_operation)) == (read_bytes, requests)


def with_etags(*pairs):
    absent = {field.name: "" if not field.nullable else None for field in FINDINGS}
    rows = [{**absent, "requests": 0, "read_bytes": 0, "source_etag": s, "target_etag": t} for s, t in pairs]
    return pa.Table.from_pylist(rows, schema=FINDINGS)


@pytest.mark.parametrize(
    ("source", "target", "requests"),
    [
        (f"{A}-3", f"{B}-3", 8),
        (f"{A}-2", f"{B}-2", 6),
        (f"{A}-{PARTS_LOOKED_AT}", f"{B}-{PARTS_LOOKED_AT}", 2 * PARTS_LOOKED_AT + 2),
        (f"{A}-{PARTS_LOOKED_AT + 1}", f"{B}-{PARTS_LOOKED_AT + 1}", 0),
        (f"{A}-1", f"{B}-1", 0),
        (f"{A}-3", f"{B}-4", 0),
        (f"{A}-3", f"{A}-3", 0),
        (f"{A}-3", B, 0),
        (A, B, 0),
        (None, None, 0),
        ("opaque-3", "opaque-3", 0),
    ],
)
def test_the_boundaries_of_parts_are_counted_too(source, target, requests):
    assert part_heads(with_etags((source, target))) == requests


def test_of_many_rows_they_add_up():
    assert part_heads(with_etags((f"{A}-3", f"{B}-3"), (A, B), (None, A), (f"{A}-2", f"{B}-2"))) == 14
    assert part_heads(with_etags()) == 0
