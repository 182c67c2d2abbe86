"""Whose buckets an access names: of which service, and of AWS in which partition."""

from urllib.parse import urlsplit

from s3sync.config.model import Access

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")
_PARTITIONS = ("cn-", "us-gov-", "us-iso")  # how their regions begin; all others are of `aws`


def service(access: Access) -> tuple[str, int | None] | None:
    """Host and port; None for AWS, by whichever of its endpoints."""
    if access.endpoint_url is None:
        return None
    parts = urlsplit(access.endpoint_url)
    host = (parts.hostname or "").lower()
    if host.endswith(_AWS_HOSTS):
        return None
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def partition(access: Access) -> str:
    """The beginning of the partition's regions; empty for `aws` itself."""
    region = access.region_name or ""
    return next((start for start in _PARTITIONS if region.startswith(start)), "")


def share_names(one: Access, other: Access) -> bool:
    """Whether a bucket's name means the same bucket for both: names are unique within a partition of AWS (AWS:
    "General purpose bucket naming rules"), and within another service."""
    if service(one) != service(other):
        return False
    return service(one) is not None or partition(one) == partition(other)
