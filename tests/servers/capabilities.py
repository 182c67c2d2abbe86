"""What each server can do, as a table, and the one way for a test to be skipped because a server can't.

test_server_departures.py probes the live server for every entry, in both directions: a departure that has gone is
noticed as much as a new one.
"""

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers import Server


@dataclass(frozen=True, slots=True)
class Capabilities:
    """True: as S3. False: departs from it. The defaults are S3's own."""

    copy_source_if_match: bool = True
    copy_source_if_none_match: bool = True
    copy_source_if_unmodified_since: bool = True
    copy_source_if_modified_since: bool = True
    part_copy_source_if_match: bool = True
    copy_if_none_match: bool = True
    copy_if_match: bool = True
    put_if_none_match: bool = True
    put_if_match: bool = True
    put_if_match_quoted: bool = True  # the ETag may stand in quotes, as it came
    put_if_match_tells_absence: bool = True  # 404 NoSuchKey where there is no object, not 412
    complete_if_none_match: bool = True
    complete_if_match: bool = True
    complete_answers_etag: bool = True
    copy_makes_plain_etag: bool = True  # CopyObject of a multipart object answers the MD5 of its content
    head_parts_count: bool = True  # HEAD with partNumber=1 shows x-amz-mp-parts-count
    head_part_size: bool = True  # ... and the size of that part
    listing_url_encoding: bool = True
    listing_echoes_encoded: bool = True  # prefix and StartAfter come back encoded too, else XML breaks over some
    listing_pages_at_any_key: bool = True  # no raw key in the continuation token, for the same reason
    versions_in_copy_answers: bool = True
    metadata_kept_by_copy: bool = True
    tags_kept_by_copy: bool = True
    tags_set_by_multipart: bool = True  # those given to CreateMultipartUpload
    tags_replaced_by_copy: bool = True  # TaggingDirective=REPLACE sets the tags given
    storage_classes_kept: bool = True  # what is asked for is what the listing shows
    storage_class_not_copied: bool = True  # a copy is STANDARD where none is asked for
    archived_source_refused: bool = True
    etag_quoted_in_copy_answers: bool = True
    sse_kms_put: bool = True
    sse_kms_copy: bool = True
    sse_kms_etag_not_md5: bool = True
    website_redirects: bool = True  # kept with an object, set by a copy, not carried by one
    annotations: bool = True  # an unknowing server takes them for the object itself
    customer_keys: bool = True  # SSE-C: without its key an object is refused
    checksums: bool = True  # a SHA-256 asked for with a PUT is shown by HEAD
    get_object_attributes: bool = True
    content_md5_checked: bool = True
    signatures_checked: bool = True
    expected_bucket_owner: bool = True  # another owner than the expected one: 403
    bucket_policies: bool = True  # a Deny is obeyed
    delete_marks_absence: bool = True  # a delete in a versioned bucket leaves a marker, also of what was never there
    delete_marker_is_absence: bool = True  # If-None-Match writes over a marker
    small_parts_refused: bool = True  # a part under 5 MiB that is not the last one
    sqs: bool = True
    faults: bool = False  # tests can make it fail: tests/servers/faults.py

    cannot_hold: frozenset[str] = field(default_factory=frozenset)  # names of odd keys


S3 = Capabilities()

EMBEDDED = replace(S3, delete_marks_absence=False, sse_kms_etag_not_md5=False, signatures_checked=False, faults=True)

RADOSGW = replace(  # 16.2 of Debian 12
    S3,
    copy_source_if_match=False,
    copy_source_if_none_match=False,
    copy_source_if_unmodified_since=False,
    copy_source_if_modified_since=False,
    part_copy_source_if_match=False,
    copy_if_none_match=False,
    copy_if_match=False,
    put_if_match_quoted=False,
    put_if_match_tells_absence=False,
    complete_if_none_match=False,
    complete_if_match=False,
    complete_answers_etag=False,
    copy_makes_plain_etag=False,
    head_parts_count=False,
    head_part_size=False,
    etag_quoted_in_copy_answers=False,
    versions_in_copy_answers=False,
    listing_echoes_encoded=False,
    listing_pages_at_any_key=False,
    tags_set_by_multipart=False,
    tags_replaced_by_copy=False,
    archived_source_refused=False,
    website_redirects=False,
    annotations=False,
    sse_kms_copy=False,
    sse_kms_etag_not_md5=False,
    checksums=False,
    get_object_attributes=False,
    expected_bucket_owner=False,
    sqs=False,
    cannot_hold=frozenset({"nul"}),
)

LOCALSTACK = replace(S3, signatures_checked=False, bucket_policies=False, annotations=False, faults=True)  # 4.14

VERSITYGW = replace(S3, delete_marker_is_absence=False)

TABLE = {"embedded": EMBEDDED, "radosgw": RADOSGW, "localstack": LOCALSTACK, "versitygw": VERSITYGW, "s3": S3}
FLAGS = tuple(each.name for each in fields(Capabilities) if each.name != "cannot_hold")


def require(server: "Server", capability: str) -> None:
    """Skip the test where the server lacks the capability; the reason names both.

    `pytest --forbid-skips` turns every skip into a failure, but for those allowed by `--allow-skip SERVER:CAPABILITY`.
    """
    if capability not in FLAGS:
        raise LookupError(f"{capability}: no such capability, see {__name__}.Capabilities")
    if not getattr(server.capabilities, capability):
        pytest.skip(skip_reason(server.name, capability))


def skip_reason(server_name: str, capability: str) -> str:
    return f"lacking capability {server_name}:{capability}"
