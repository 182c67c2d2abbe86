"""The decision table of `classify`, row by row."""

import pytest

from s3sync.model.outcome import ErrorClass
from s3sync.s3.engine.error_class import classify

ROWS = {
    ErrorClass.THROTTLED: [
        *((200, code) for code in ("SlowDown", "ServiceUnavailable")),
        *((503, code) for code in ("SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "503")),
        *((400, code) for code in ("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests")),
        *((400, code) for code in ("RequestThrottled", "BandwidthLimitExceeded", "KMS.ThrottlingException")),
        (429, "429"),
        (429, "SomethingNew"),
        (503, "SomethingNew"),
    ],
    ErrorClass.TRANSIENT: [
        *((500, code) for code in ("InternalError", "500", "SomethingNew")),
        (200, "InternalError"),
        (502, "502"),
        (504, "504"),
        (408, "408"),
        (400, "RequestTimeout"),
        (400, "IncompleteBody"),
        (409, "OperationAborted"),
        (400, "ExpiredToken"),
        (400, "400"),
        (403, "ExpiredTokenException"),
        (0, "ConnectionError"),
        (0, "Timeout"),
        (0, "Truncated"),
        (200, "Truncated"),
        (0, "CredentialRetrievalError"),
    ],
    ErrorClass.DENIED: [
        *((403, code) for code in ("AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch")),
        (403, "403"),
        (401, "401"),
        (403, "SomethingNew"),
        (400, "InvalidToken"),
        (400, "KMS.DisabledException"),
        (400, "KMS.NotFoundException"),
        (500, "KMS.SomethingNew"),
        (0, "NoCredentials"),
    ],
    ErrorClass.NOT_FOUND: [
        *((404, code) for code in ("NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NoSuchUpload", "404", "New")),
        (410, "410"),
    ],
    ErrorClass.PRECONDITION: [
        (412, "PreconditionFailed"),
        (412, "412"),
        (409, "ConditionalRequestConflict"),
        (0, "TargetIsNewer"),
    ],
    ErrorClass.ARCHIVED: [(403, "InvalidObjectState"), (403, "ObjectNotInActiveTierError")],
    ErrorClass.INVALID: [
        (403, "RequestTimeTooSkewed"),
        (400, "InvalidRequest"),
        (405, "MethodNotAllowed"),
        (409, "BucketNotEmpty"),
        (416, "InvalidRange"),
        (301, "PermanentRedirect"),
        (501, "NotImplemented"),
        (501, "501"),
        (0, "InvalidParameters"),
    ],
    ErrorClass.CORRUPT: [(0, "ETagMismatch"), (400, "BadDigest"), (400, "InvalidDigest")],
    ErrorClass.UNKNOWN: [(0, "SomethingNew"), (200, "SomethingNew"), (100, "100")],
}


@pytest.mark.parametrize(
    ("status", "code", "expected"), [(*row, error_class) for error_class, rows in ROWS.items() for row in rows]
)
def test_each_row(status: int, code: str, expected: ErrorClass) -> None:
    assert classify(status, code) is expected


def test_every_class_has_rows() -> None:
    assert set(ROWS) == set(ErrorClass)
