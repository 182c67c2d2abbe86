"""What a lock is about: a part of a bucket, or a folder. The one place that says what it is called.

A bucket is named by the service that answers requests for it, as botocore resolves it, not by how somebody wrote its
endpoint: `http://h:9000` and `http://h:9000/` are one service, and so are AWS's default endpoint and its URLs.
"""

from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from s3sync.aws.clients import with_endpoint
from s3sync.config.model import Access
from s3sync.config.partitions import service_name

_FOLDER = "folder"
_AWS = "aws"


@dataclass(frozen=True, slots=True)
class LockPlace:
    """`name` is of a bucket at `service`, or of a folder. What is under `prefix` is locked."""

    service: str
    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return self.name if self.service == _FOLDER else f"{self.service}/{self.name}/{self.prefix}"

    @property
    def folder(self) -> str:
        """Where all locks of the bucket lie, whatever their prefixes."""
        name = f"{len(self.service)}:{self.service}{self.name}"
        return f"locks/buckets/{sha256(name.encode()).hexdigest()[:32]}"

    # | service and name | prefixes                                    | overlap |
    # |------------------|---------------------------------------------|---------|
    # | differ           | any                                         | no      |
    # | the same         | one begins with the other (or is the other) | yes     |
    # | the same         | neither                                     | no      |
    def overlaps(self, other: "LockPlace") -> bool:
        if (self.service, self.name) != (other.service, other.name):
            return False
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)


def bucket_place(access: Access, bucket: str, prefix: str) -> LockPlace:
    """What a run locks that writes to a bucket under a prefix. Asks botocore for the endpoint, and no server."""
    return LockPlace(service_name(with_endpoint(access)), bucket, prefix)


def folder_place(uri: str) -> LockPlace:
    """What is written by one command at a time: the folder of a listing, or of a run's own files."""
    return LockPlace(_FOLDER, uri)


def place_of_old_name(name: str, mine: LockPlace) -> LockPlace:
    """The place that a lock of before names: `aws/BUCKET/PREFIX`, `ENDPOINT_URL/BUCKET/PREFIX` or a folder. It does not
    tell AWS's partitions apart, and so is of the one that `mine` is of."""
    parts = urlsplit(name)
    if parts.scheme in ("http", "https"):
        bucket, _, prefix = parts.path.lstrip("/").partition("/")
        return LockPlace(service_name(Access(endpoint_url=f"{parts.scheme}://{parts.netloc}")), bucket, prefix)
    if name.startswith(f"{_AWS}/"):
        bucket, _, prefix = name.removeprefix(f"{_AWS}/").partition("/")
        return LockPlace(mine.service if mine.service.startswith(_AWS) else _AWS, bucket, prefix)
    return folder_place(name)
