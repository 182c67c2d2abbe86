"""S3's and SQS's limits, each named once.

Sources: "Amazon S3 multipart upload limits", "CopyObject", "Object key naming" and "Amazon SQS message quotas"
in AWS's documentation.
"""

from datetime import timedelta

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

COPY_OBJECT_MAX_BYTES = 5 * GIB
PART_MIN_BYTES = 5 * MIB
PART_MAX_BYTES = 5 * GIB
PARTS_MAX = 10_000
OBJECT_MAX_BYTES = PARTS_MAX * PART_MAX_BYTES
KEY_MAX_BYTES = 1024
ANNOTATIONS_MAX = 1000  # of one object
ANNOTATION_MAX_BYTES = MIB
LIST_PAGE_KEYS = 1000
TIME_STEP = timedelta(seconds=1)  # S3 cuts an object's time to whole seconds

MESSAGE_MAX_BYTES = 256 * KIB  # 1 MiB on AWS since 2025; compatible servers still hold the old limit
MESSAGES_PER_CALL = 10
TAGGING_HEADER_MAX_BYTES = 2 * KIB  # of `x-amz-tagging` (AWS: "PutObject")
