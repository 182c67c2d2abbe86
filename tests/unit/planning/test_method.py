"""How an object is copied, row by row of the table in `planning.method`, for one object and for columns alike."""

import pyarrow as pa
import pytest

from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.task import Method
from s3sync.planning.method import MethodRule, method_of, methods_of

PLAIN, PARTS = "a" * 32, "a" * 32 + "-2"
KEEP = MethodRule(preserve_etags=True)
LARGE = COPY_OBJECT_MAX_BYTES + 1

ROWS = [
    (MethodRule(), COPY_OBJECT_MAX_BYTES, PARTS, "copy_object"),
    (MethodRule(), LARGE, PLAIN, "multipart_copy"),
    (MethodRule(), None, PLAIN, "copy_object"),
    (MethodRule(10), 11, PLAIN, "multipart_copy"),
    (MethodRule(10), 10, PLAIN, "copy_object"),
    (MethodRule(2**60), LARGE, PLAIN, "multipart_copy"),
    (KEEP, 1, PARTS, "multipart_copy"),
    (KEEP, None, PARTS, "multipart_copy"),
    (KEEP, 1, PLAIN, "copy_object"),
    (KEEP, 1, None, "copy_object"),
    (KEEP, 1, f"{PARTS}x", "copy_object"),
    (KEEP, LARGE, None, "multipart_copy"),
    (MethodRule(preserve_etags=True, is_relayed=True), LARGE, PARTS, "relay"),
    (MethodRule(is_relayed=True), None, None, "relay"),
]


@pytest.mark.parametrize(("rule", "size", "etag", "method"), ROWS)
def test_each_row(rule: MethodRule, size: int | None, etag: str | None, method: str) -> None:
    assert method_of(size, etag, rule) is Method(method)
    columns = pa.chunked_array([[size]], pa.int64()), pa.chunked_array([[etag]], pa.string())
    assert methods_of(*columns, rule).to_pylist() == [method]
