"""What becomes of each member of the two requests that make an object: the decisions that the drift test holds against
botocore's model, and that the tests of the requests hold against the code."""

from enum import StrEnum


class Fate(StrEnum):
    CARRIED = "carried"  # as the source has it: S3 does so by itself, or it was read from the source and is set
    SET = "set"  # by an option, or because the request needs it
    LEFT = "left"  # never sent, nor carried; docs/what-is-carried.md says what to do about it
    REFUSED = "refused"  # objects that would need it fail, with S3's own reason


_OF_BOTH = {
    "Bucket": Fate.SET,
    "Key": Fate.SET,
    "ExpectedBucketOwner": Fate.SET,  # --expected-target-owner
    "RequestPayer": Fate.SET,  # --requester-pays
    "CacheControl": Fate.CARRIED,
    "ContentDisposition": Fate.CARRIED,
    "ContentEncoding": Fate.CARRIED,
    "ContentLanguage": Fate.CARRIED,
    "ContentType": Fate.CARRIED,
    "Expires": Fate.CARRIED,
    "Metadata": Fate.CARRIED,
    "StorageClass": Fate.CARRIED,  # --storage-class sets one
    "Tagging": Fate.CARRIED,  # but with --no-tags
    "WebsiteRedirectLocation": Fate.CARRIED,  # by CopyObject with --website-redirects keep only
    "ACL": Fate.SET,  # --acl
    "GrantFullControl": Fate.LEFT,
    "GrantRead": Fate.LEFT,
    "GrantReadACP": Fate.LEFT,
    "GrantWriteACP": Fate.LEFT,
    "ServerSideEncryption": Fate.SET,  # --encryption; else the bucket's default
    "SSEKMSKeyId": Fate.SET,  # --kms-key-id
    "BucketKeyEnabled": Fate.SET,  # --bucket-key
    "SSEKMSEncryptionContext": Fate.LEFT,
    "SSECustomerAlgorithm": Fate.REFUSED,
    "SSECustomerKey": Fate.REFUSED,
    "SSECustomerKeyMD5": Fate.REFUSED,
    "ObjectLockMode": Fate.LEFT,  # a copy has the lock that its bucket gives it
    "ObjectLockRetainUntilDate": Fate.LEFT,
    "ObjectLockLegalHoldStatus": Fate.LEFT,
    "ObjectLockEventHold": Fate.LEFT,
    "ObjectLockEventHoldDurationDays": Fate.LEFT,
    "ObjectLockEventHoldDurationYears": Fate.LEFT,
}

COPY_OBJECT = {
    **_OF_BOTH,
    "CopySource": Fate.SET,
    "CopySourceIfMatch": Fate.SET,  # the pin (C4)
    "CopySourceIfUnmodifiedSince": Fate.SET,  # the pin where the planned ETag is unknown
    "CopySourceIfModifiedSince": Fate.LEFT,
    "CopySourceIfNoneMatch": Fate.LEFT,
    "IfMatch": Fate.SET,  # what was seen at the target still stands (C16)
    "IfNoneMatch": Fate.SET,
    "ExpectedSourceBucketOwner": Fate.SET,  # --expected-source-owner
    "MetadataDirective": Fate.LEFT,  # S3's default is COPY
    "TaggingDirective": Fate.SET,  # --no-tags: REPLACE, by none
    "AnnotationDirective": Fate.SET,  # --no-annotations: EXCLUDE; S3's default is COPY
    "ChecksumAlgorithm": Fate.LEFT,  # the copy has the source's algorithm, or CRC64NVME
    "CopySourceSSECustomerAlgorithm": Fate.REFUSED,
    "CopySourceSSECustomerKey": Fate.REFUSED,
    "CopySourceSSECustomerKeyMD5": Fate.REFUSED,
}

CREATE_MULTIPART_UPLOAD = {
    **_OF_BOTH,
    "ChecksumAlgorithm": Fate.LEFT,
    "ChecksumType": Fate.LEFT,
}
