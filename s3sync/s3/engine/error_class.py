"""What an error means for the request: whether it is worth sending again, and what became of the object if not.

Sources: "Error responses" in the S3 API reference, "Common error types" of AWS, "Retry behavior" of the SDKs, and the
KMS exceptions that S3 passes on as `KMS.*`.
"""

from s3sync.model.outcome import ErrorClass

_CODES: dict[str, ErrorClass] = {}


def _are(error_class: ErrorClass, codes: str) -> None:
    _CODES.update(dict.fromkeys(codes.split(), error_class))


_are(
    ErrorClass.THROTTLED,
    """SlowDown SlowDownRead SlowDownWrite ServiceUnavailable Busy BandwidthLimitExceeded RequestLimitExceeded
    RequestThrottled RequestThrottledException Throttling ThrottlingException ThrottledException TooManyRequests
    TooManyRequestsException ProvisionedThroughputExceededException PriorRequestNotComplete EC2ThrottledException
    LimitExceededException KMS.ThrottlingException KMS.LimitExceededException""",
)
_are(
    ErrorClass.TRANSIENT,
    """InternalError InternalFailure InternalServerError RequestTimeout RequestTimeoutException IncompleteBody
    OperationAborted ExpiredToken ExpiredTokenException TokenRefreshRequired 400
    ConnectionError Timeout Truncated ForeignAnswer CredentialRetrievalError KMS.KMSInternalException
    KMS.DependencyTimeoutException KMS.KeyUnavailableException""",
)
_are(
    ErrorClass.DENIED,
    """AccessDenied AccessDeniedException AllAccessDisabled AccountProblem InvalidAccessKeyId InvalidClientTokenId
    UnrecognizedClientException InvalidToken InvalidPayer InvalidSecurity NotSignedUp SignatureDoesNotMatch
    UnauthorizedAccess UnauthorizedOperation NoCredentials""",
)
_are(
    ErrorClass.NOT_FOUND,
    "NoSuchKey NoSuchBucket NoSuchVersion NoSuchUpload NoSuchObject NotFound NotFoundThoughListed",
)
_are(ErrorClass.PRECONDITION, "PreconditionFailed ConditionalRequestConflict TargetIsNewer")
_are(ErrorClass.ARCHIVED, "InvalidObjectState ObjectNotInActiveTierError")
_are(ErrorClass.INVALID, "RequestTimeTooSkewed RequestExpired InvalidParameters NotImplemented MissingMetadata")
_are(
    ErrorClass.CORRUPT,
    "ETagMismatch SizeDiffers BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch",
)

_STATUSES = {
    401: ErrorClass.DENIED,
    403: ErrorClass.DENIED,
    404: ErrorClass.NOT_FOUND,
    408: ErrorClass.TRANSIENT,
    410: ErrorClass.NOT_FOUND,
    412: ErrorClass.PRECONDITION,
    429: ErrorClass.THROTTLED,
    501: ErrorClass.INVALID,
    503: ErrorClass.THROTTLED,
}


# The first line that fits decides. A code decides before a status: RequestTimeout comes as 400, SlowDown in a 200.
#
# | code                                                              | status             | class        |
# |-------------------------------------------------------------------|--------------------|--------------|
# | SlowDown, ServiceUnavailable, Throttling*, TooManyRequests, ...   | any                | throttled    |
# | InternalError, RequestTimeout, IncompleteBody, OperationAborted   | any                | transient    |
# | ExpiredToken (the next request is signed with fresh credentials)  | any                | transient    |
# | ConnectionError, Timeout, Truncated (the transport's own)         | any                | transient    |
# | ForeignAnswer (a 404 without S3's error: a load balancer's, say)  | 404, 410           | transient    |
# | AccessDenied, AllAccessDisabled, InvalidAccessKeyId, ...          | any                | denied       |
# | NoSuchKey, NoSuchBucket, NoSuchVersion, NoSuchUpload              | any                | not_found    |
# | NotFoundThoughListed (s3sync's own, see `second_witness`)         | any                | not_found    |
# | PreconditionFailed                                                | any                | precondition |
# | ConditionalRequestConflict (another write at the same moment)     | any                | precondition |
# | InvalidObjectState, ObjectNotInActiveTierError                    | any                | archived     |
# | RequestTimeTooSkewed (the worker's clock is wrong), NotImplemented| any                | invalid      |
# | BadDigest, ETagMismatch                                           | any                | corrupt      |
# | KMS.* that stands in no line above (denied, disabled, no such key)| any                | denied       |
# | 400: an answer without a body, as a HEAD gets for ExpiredToken    | any                | transient    |
# | other                                                             | 401, 403           | denied       |
# | other                                                             | 404, 410           | not_found    |
# | other                                                             | 412                | precondition |
# | other                                                             | 429, 503           | throttled    |
# | other                                                             | 408                | transient    |
# | other                                                             | 501                | invalid      |
# | other                                                             | other 5xx          | transient    |
# | other                                                             | 3xx, other 4xx     | invalid      |
# | other                                                             | 0, 1xx, 2xx        | unknown      |
def classify(status: int, code: str) -> ErrorClass:
    """The class of a failed reply. `code` is S3's, or the status as text where the answer named none."""
    known = _CODES.get(code) or _STATUSES.get(status)
    if code not in _CODES and code.startswith("KMS."):
        return ErrorClass.DENIED
    if known is not None:
        return known
    if 500 <= status <= 599:  # noqa: PLR2004
        return ErrorClass.TRANSIENT
    return ErrorClass.INVALID if 300 <= status <= 499 else ErrorClass.UNKNOWN  # noqa: PLR2004
