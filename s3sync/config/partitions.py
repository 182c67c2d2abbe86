"""Whose buckets an access names: of which service, and of AWS in which partition."""

from urllib.parse import urlsplit

from s3sync.config.model import Access
from s3sync.model.closed_sets import partition_of, partitions_of_host, region_in

_DEFAULT_PORTS = (80, 443)


def service(access: Access) -> tuple[str, int | None] | None:
    """Host and port; None for AWS, by whichever of its endpoints."""
    if access.endpoint_url is None:
        return None
    parts = urlsplit(access.endpoint_url)
    host = (parts.hostname or "").lower()
    if partitions_of_host(host):
        return None
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


# | endpoint                              | region       | then                    |
# |---------------------------------------|--------------|-------------------------|
# | of AWS, names a region                | any          | the endpoint's region's |
# | of AWS, of one partition's own domain | any          | that partition          |
# | any other, or none                    | any          | the region's            |
def partition(access: Access) -> str:
    """The name of the partition of AWS; `aws` where nothing tells."""
    host = (urlsplit(access.endpoint_url).hostname or "").lower() if access.endpoint_url else ""
    of_host = partitions_of_host(host)
    if of_host and (region := region_in(host)):
        return partition_of(region)
    return of_host[0] if len(of_host) == 1 else partition_of(access.region_name)


def share_names(one: Access, other: Access) -> bool:
    """Whether a bucket's name means the same bucket for both: names are unique within a partition of AWS (AWS:
    "General purpose bucket naming rules"), and within another service."""
    if service(one) != service(other):
        return False
    return service(one) is not None or partition(one) == partition(other)


def service_name(access: Access) -> str:
    """One name for each service, however its endpoint is written; `aws`, `aws-cn` and so on for AWS. The ports that
    HTTP and HTTPS have by themselves are left away, so that one server reached by both counts as one."""
    found = service(access)
    if found is None:
        return partition(access)
    host, port = found
    return host if port in (None, *_DEFAULT_PORTS) else f"{host}:{port}"
