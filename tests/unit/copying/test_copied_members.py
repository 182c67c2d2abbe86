"""The decisions about the members of S3's requests are what the code sends, and what the docs say."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from s3sync.copying.dispatch import copy_task
from s3sync.model.closed_sets import STORAGE_CLASSES
from s3sync.model.task import Overwrite
from tests.unit.copying.uploads import COMPLETE, CREATE, PART_ETAGS, SIZE, TAGS, part, run
from tests.unit.model.copied_members import COPY_OBJECT, CREATE_MULTIPART_UPLOAD, Fate
from tests.unit.scripted import PLAIN, a_task, copied, drive, head, ok, some_settings

PAGE = Path(__file__).parents[3] / "docs" / "what-is-carried.md"
STORED_AS = {
    "encryption": "aws:kms",
    "kms_key_id": "k",
    "bucket_key": True,
    "acl": "private",
    "target_expected_owner": "2",
    "source_expected_owner": "1",
    "requester_pays": True,
}
DESCRIBED = {
    "Metadata": {"a": "1"},
    "ContentType": "text/x",
    "CacheControl": "no-cache",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "Expires": datetime(2027, 1, 1, tzinfo=UTC),
    "StorageClass": "STANDARD_IA",
    "WebsiteRedirectLocation": "/other",
}


def of(members: dict[str, Fate], *fates: Fate) -> set[str]:
    return {name for name, fate in members.items() if fate in fates}


def test_a_copy_by_parts_sets_what_is_carried_and_what_options_ask_for() -> None:
    tags = ok(TagSet=[{"Key": "a", "Value": "b"}])
    script: list[Any] = [("HeadObject", head(PLAIN, SIZE, **DESCRIBED)), (TAGS, tags)]
    script += [(CREATE, ok(UploadId="up")), *map(part, PART_ETAGS), (COMPLETE, ok(ETag='"x-3"'))]
    _, sent = run({"etag": PLAIN}, {**STORED_AS, "part_size_bytes": SIZE // 3}, *script)
    params = next(request.params for request in sent if request.operation == CREATE)
    assert params.keys() == of(CREATE_MULTIPART_UPLOAD, Fate.CARRIED, Fate.SET)


SEEN = head(PLAIN, **DESCRIBED)
VARIANTS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"storage_class": "STANDARD_IA"}, STORED_AS, False),
    ({}, {"keeps_redirects": True}, False),
    ({}, {}, True),
    ({}, {"tags": False, "annotations": False, "overwrite": Overwrite.NEVER}, False),
    ({"etag": None}, {}, False),
]
# S3 carries the others by itself.
GIVEN = {"StorageClass", "WebsiteRedirectLocation"}


def test_a_copy_object_is_asked_for_what_s3_does_not_do_by_itself() -> None:
    sent: set[str] = set()
    for task, settings, looks in VARIANTS:
        script = [("HeadObject", SEEN)] if looks or "keeps_redirects" in settings else []
        operation = copy_task(a_task(**task), some_settings(**settings), 1, look_first=looks)
        _, requests = drive(operation, *script, ("CopyObject", copied()))
        sent |= requests[-1].params.keys()
    assert sent >= GIVEN
    assert sent == of(COPY_OBJECT, Fate.SET) | GIVEN
    assert of(COPY_OBJECT, Fate.CARRIED) >= GIVEN


@pytest.mark.parametrize("members", [COPY_OBJECT, CREATE_MULTIPART_UPLOAD])
def test_the_page_names_every_member_that_is_left_or_refused(members: dict[str, Fate]) -> None:
    section = PAGE.read_text().split("## What no way carries")[1].split("\n## ")[0]
    named = {name for row in re.findall(r"^\|[^|]*\|([^|]*)\|", section, re.MULTILINE) for name in row.split("`")}
    assert of(members, Fate.LEFT, Fate.REFUSED) <= named
    assert not of(members, Fate.CARRIED, Fate.SET) & named


def test_the_page_names_the_classes_that_no_copy_can_have() -> None:
    (listed,) = re.findall(r"no copy \(([A-Z_, \n]+)\)", PAGE.read_text())
    assert {name.strip() for name in listed.split(",")} == {
        n for n, writable in STORAGE_CLASSES.items() if not writable
    }
