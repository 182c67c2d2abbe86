"""Whether S3 copies by itself, or the bytes go through the workers (`--mode downup`)."""

from s3sync.config.model import Access, Mode
from s3sync.config.places import partition, service

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
    if mode is Mode.DOWNUP or service(source) != service(target):
        return True
    if service(source) is not None:
        return False
    if partition(source) != partition(target):
        return True
    through_vpc = any(_VPC_ENDPOINT in (side.endpoint_url or "") for side in (source, target))
    return through_vpc and source.region_name != target.region_name
