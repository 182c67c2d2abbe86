"""When each multipart upload of the embedded server was begun; moto shows a moment of 2010 for all of them. And whose
it is: moto forgets the ACL of those that name none.

A module of its own: moto's classes look at the name of the module that they are made in, which must not be `__main__`.
"""

from datetime import UTC, datetime
from typing import Any

from moto.s3 import models


class TimedUpload(models.FakeMultipart):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.initiated = datetime.now(UTC)
        self.acl = self.acl or models.get_canned_acl("private")  # else GetObjectAcl of what it becomes is a 500


def keep_upload_times() -> None:
    """From now on; uploads that are open already have no time."""
    models.FakeMultipart = TimedUpload  # type: ignore[misc]
