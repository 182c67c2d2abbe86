"""Whether S3 copies by itself, or the bytes go through the workers (`--mode downup`)."""

from urllib.parse import urlsplit

from s3sync.config.model import Access, Mode

_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")
_PARTITIONS = ("cn-", "us-gov-", "us-iso")  # how their regions begin; all others are of `aws`
_VPC_ENDPOINT = ".vpce."


# The first line that fits decides.
#
# | mode   | services               | partitions | VPC endpoint, and regions differ | then                       |
# |--------|------------------------|------------|----------------------------------|----------------------------|
# | downup | any                    | any        | any                              | relay                      |
# | copy   | not the same           | any        | any                              | relay                      |
# | copy   | both AWS               | differ     | any                              | relay                      |
# | copy   | both AWS               | the same   | yes, on either side              | relay                      |
# | copy   | both AWS               | the same   | no                               | S3 copies                  |
# | copy   | the same, not AWS      |            |                                  | S3 copies                  |
#
# Services are the same where both are AWS, or the endpoints are one host and port. A CopyObject is sent to the target
# with the target's credentials: other credentials for the source say nothing, as a bucket policy may let the target's
# read it. Where none does, every copy is denied, and `--mode downup` is the way.
def is_relayed(mode: Mode, source: Access, target: Access) -> bool:
    """True where the target can't copy from the source by itself, or is not to."""
    if mode is Mode.DOWNUP or _service(source) != _service(target):
        return True
    if _service(source) is not None:
        return False
    if _partition(source) != _partition(target):
        return True
    through_vpc = any(_VPC_ENDPOINT in (side.endpoint_url or "") for side in (source, target))
    return through_vpc and source.region_name != target.region_name


def _service(access: Access) -> tuple[str, int | None] | None:
    """Host and port; None for AWS, by whichever of its endpoints."""
    if access.endpoint_url is None:
        return None
    parts = urlsplit(access.endpoint_url)
    host = (parts.hostname or "").lower()
    if host.endswith(_AWS_HOSTS):
        return None
    return host, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _partition(access: Access) -> str:
    region = access.region_name or ""
    return next((start for start in _PARTITIONS if region.startswith(start)), "")
