"""AWS's closed sets drift: every table of ours against the models and `partitions.json` of the installed botocore.

A name that fails here is new, or gone. Decide what it means, write the decision into the table beside which it is
missing, and mend what depends on it. What a copy does with each member of a request stands in `MEMBERS` below, and for
people in docs/what-is-carried.md.
"""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import botocore
import botocore.loaders
import botocore.session
import pytest
from botocore.model import ServiceModel

from s3sync.config.values import CANNED_ACLS
from s3sync.inventory.columns import Column
from s3sync.inventory.manifest import FileFormat
from s3sync.model.closed_sets import (
    CHECKSUMS,
    ENCRYPTIONS,
    PARTITIONS,
    STORAGE_CLASSES,
    Partition,
    partition_of,
    partitions_of_host,
    region_in,
)
from s3sync.model.etag import hides_md5
from tests.unit.model.copied_members import COPY_OBJECT, CREATE_MULTIPART_UPLOAD


@pytest.fixture(scope="module")
def s3() -> ServiceModel:
    return botocore.session.get_session().get_service_model("s3")


def partitions_of_botocore() -> dict[str, dict]:
    loader = botocore.loaders.Loader([str(Path(botocore.__file__).parent / "data")])
    return {each["id"]: each for each in loader.load_data("partitions")["partitions"]}


def undecided(ours: Collection[str], theirs: Collection[str]) -> str:
    """What the two sets do not share, as a message; empty where they are the same."""
    new, gone = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    return "; ".join([*(f"{name}: new, not decided" for name in new), *(f"{name}: not in botocore" for name in gone)])


def test_a_new_name_and_a_lost_one_are_both_told():
    assert undecided(["a", "b"], ["b", "c"]) == "c: new, not decided; a: not in botocore"
    assert not undecided(["a"], ["a"])


def test_partitions():
    found = partitions_of_botocore()
    assert not undecided(PARTITIONS, found)
    for name, each in found.items():
        suffixes = (each["outputs"]["dnsSuffix"], each["outputs"]["dualStackDnsSuffix"])
        pattern = each["regionRegex"].removeprefix("^").removesuffix("$").replace("\\-", "-")
        assert PARTITIONS[name] == Partition(pattern, suffixes), name


@pytest.mark.parametrize(
    ("name", "region"),
    [(name, r) for name, each in partitions_of_botocore().items() for r in each["regions"] if "global" not in r],
)
def test_each_region_is_of_its_own_partition(name, region):
    suffix = PARTITIONS[name].suffixes[0]
    assert partition_of(region) == name
    assert name in partitions_of_host(f"s3.{region}.{suffix}")
    assert region_in(f"bucket.s3.dualstack.{region}.{suffix}") == region


@pytest.mark.parametrize(
    ("table", "shape"),
    [
        (STORAGE_CLASSES, "StorageClass"),
        (CHECKSUMS, "ChecksumAlgorithm"),
        (ENCRYPTIONS, "ServerSideEncryption"),
        (CANNED_ACLS, "ObjectCannedACL"),
        ([str(each) for each in FileFormat], "InventoryFormat"),
    ],
)
def test_the_sets_of_the_model(s3, table, shape):
    assert not undecided(table, s3.shape_for(shape).enum)


def test_each_checksum_is_told_by_a_head(s3):
    told = {name for name in s3.operation_model("HeadObject").output_shape.members if name.startswith("Checksum")}
    assert not undecided({f"Checksum{name}" for name in CHECKSUMS} | {"ChecksumType"}, told)


@pytest.mark.parametrize("kind", ENCRYPTIONS)
def test_an_etag_is_an_md5_only_where_that_was_decided(kind):
    assert hides_md5(kind) is not ENCRYPTIONS[kind].shows_md5


class Field(StrEnum):
    READ = "read"
    LEFT = "left"


# The optional fields of inventories. What is left says nothing that a plan or a check goes by.
INVENTORY_FIELDS = {
    "Size": Field.READ,
    "LastModifiedDate": Field.READ,
    "StorageClass": Field.READ,
    "ETag": Field.READ,
    "EncryptionStatus": Field.READ,
    "ObjectOwner": Field.READ,
    "IsMultipartUploaded": Field.LEFT,  # the ETag says it
    "ReplicationStatus": Field.LEFT,
    "ObjectLockRetainUntilDate": Field.LEFT,  # a copy has the lock that its bucket gives it
    "ObjectLockMode": Field.LEFT,
    "ObjectLockLegalHoldStatus": Field.LEFT,
    "ObjectLockEventHoldStatus": Field.LEFT,
    "ObjectLockEventHoldDuration": Field.LEFT,
    "IntelligentTieringAccessTier": Field.LEFT,  # an archived one is told by the copy's answer: outcome `archived`
    "BucketKeyStatus": Field.LEFT,
    "ChecksumAlgorithm": Field.LEFT,  # names the algorithm, not the value: a HEAD tells both
    "ObjectAccessControlList": Field.LEFT,
    "LifecycleExpirationDate": Field.LEFT,
    "IntelligentTieringReferenceDate": Field.LEFT,
}
_ALWAYS_THERE = {"bucket", "key", "versionid", "islatest", "isdeletemarker"}


def test_inventory_fields(s3):
    assert not undecided(INVENTORY_FIELDS, s3.shape_for("InventoryOptionalField").enum)
    read = {name.lower() for name, decision in INVENTORY_FIELDS.items() if decision is Field.READ}
    assert {str(column) for column in Column} == read | _ALWAYS_THERE


@pytest.mark.parametrize(
    ("members", "operation"),
    [(COPY_OBJECT, "CopyObject"), (CREATE_MULTIPART_UPLOAD, "CreateMultipartUpload")],
)
def test_members_of_the_requests_that_make_objects(s3, members, operation):
    assert not undecided(members, s3.operation_model(operation).input_shape.members)
