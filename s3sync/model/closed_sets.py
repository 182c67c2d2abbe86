"""AWS's closed sets, as far as s3sync decides by their names, and what each name means here.

`tests/unit/model/test_closed_sets.py` holds every table against the models and `partitions.json` of the installed
botocore: a name that AWS adds fails there until somebody decides.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of AWS with accounts, names and keys of its own; S3 copies nothing from one to another. `regions` is how
    its regions are named, `suffixes` how the hosts of its endpoints end; `aws` and `aws-us-gov` share theirs."""

    regions: str
    suffixes: tuple[str, ...]


PARTITIONS = {
    "aws": Partition(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", ("amazonaws.com", "api.aws")),
    "aws-cn": Partition(r"cn-\w+-\d+", ("amazonaws.com.cn", "api.amazonwebservices.com.cn")),
    "aws-eusc": Partition(r"eusc-(de)-\w+-\d+", ("amazonaws.eu", "api.amazonwebservices.eu")),
    "aws-iso": Partition(r"us-iso-\w+-\d+", ("c2s.ic.gov", "api.aws.ic.gov")),
    "aws-iso-b": Partition(r"us-isob-\w+-\d+", ("sc2s.sgov.gov", "api.aws.scloud")),
    "aws-iso-e": Partition(r"eu-isoe-\w+-\d+", ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk")),
    "aws-iso-f": Partition(r"us-isof-\w+-\d+", ("csp.hci.ic.gov", "api.aws.hci.ic.gov")),
    "aws-us-gov": Partition(r"us-gov-\w+-\d+", ("amazonaws.com", "api.aws")),
}
_DEFAULT_PARTITION = "aws"


def partition_of(region: str | None) -> str:
    """The partition of a region; `aws` where the region is not known or looks like none."""
    found = (name for name, each in PARTITIONS.items() if re.fullmatch(each.regions, region or ""))
    return next(found, _DEFAULT_PARTITION)


def partitions_of_host(host: str) -> tuple[str, ...]:
    """The partitions whose endpoints have hosts like this one; none for a server that is not AWS's."""
    ends = ((name, each.suffixes) for name, each in PARTITIONS.items())
    return tuple(name for name, suffixes in ends if host.endswith(tuple(f".{suffix}" for suffix in suffixes)))


def region_in(host: str) -> str | None:
    """The region that an AWS endpoint's host names (`s3.eu-west-1.amazonaws.com`); None where it names none."""
    labels = host.split(".")
    return next((word for word in labels if any(re.fullmatch(p.regions, word) for p in PARTITIONS.values())), None)


# Storage classes, and whether S3 takes them for an object of a general purpose bucket. A copy of an object whose class
# it does not take gets the default class: those are of other kinds of buckets and storage.
STORAGE_CLASSES = {
    "STANDARD": True,
    "REDUCED_REDUNDANCY": True,
    "STANDARD_IA": True,
    "ONEZONE_IA": True,
    "INTELLIGENT_TIERING": True,
    "GLACIER": True,
    "GLACIER_IR": True,
    "DEEP_ARCHIVE": True,
    "EXPRESS_ONEZONE": False,  # directory buckets
    "OUTPOSTS": False,
    "SNOW": False,
    "FSX_OPENZFS": False,  # access points of file systems
    "FSX_ONTAP": False,
    "AWS_BACKUP_WARM": False,  # views of backups
    "AWS_BACKUP_LOW_COST_WARM": False,
}
WRITABLE_CLASSES = tuple(name for name, is_writable in STORAGE_CLASSES.items() if is_writable)


def can_be_written(storage_class: str) -> bool:
    """False for a class that S3 refuses for a copy. Other servers have classes of their own: those are asked for."""
    return STORAGE_CLASSES.get(storage_class, True)


class Encryption(NamedTuple):
    """`shows_md5`: the ETag of an object that was written in one piece is the MD5 of its content. `can_be_set`: a copy
    can ask for it (`--encryption`)."""

    shows_md5: bool
    can_be_set: bool


# By the words of the API (`x-amz-server-side-encryption`).
ENCRYPTIONS = {
    "AES256": Encryption(shows_md5=True, can_be_set=True),
    "aws:kms": Encryption(shows_md5=False, can_be_set=True),
    "aws:kms:dsse": Encryption(shows_md5=False, can_be_set=True),
    "aws:fsx": Encryption(shows_md5=False, can_be_set=False),
    "aws:backup": Encryption(shows_md5=False, can_be_set=False),
}
# By the words of inventories (AWS: "Amazon S3 Inventory list", Encryption status).
ENCRYPTION_STATUSES = {"NOT-SSE": True, "SSE-S3": True, "SSE-KMS": False, "DSSE-KMS": False, "SSE-C": False}


class Checksum(NamedTuple):
    """`is_always_full`: S3 computes it over the whole content only, never over the parts' checksums."""

    is_always_full: bool


# The checksums that S3 stores beside objects. One that both sides have of the same algorithm settles a check (AWS:
# "Checking object integrity"). Those that an upload may have had per part are told apart by ChecksumType.
CHECKSUMS = {
    "SHA512": Checksum(is_always_full=False),
    "SHA256": Checksum(is_always_full=False),
    "SHA1": Checksum(is_always_full=False),
    "MD5": Checksum(is_always_full=False),
    "XXHASH128": Checksum(is_always_full=False),
    "XXHASH3": Checksum(is_always_full=False),
    "XXHASH64": Checksum(is_always_full=False),
    "CRC64NVME": Checksum(is_always_full=True),
    "CRC32C": Checksum(is_always_full=False),
    "CRC32": Checksum(is_always_full=False),
}
