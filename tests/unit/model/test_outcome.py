import pytest

from s3sync.model.outcome import ErrorClass, Status

IS_COMPLETE = {
    Status.COPIED: True,
    Status.SKIPPED: True,
    Status.FAILED: False,
    Status.VANISHED: True,
    Status.CHANGED: False,
    Status.ARCHIVED: False,
}

IS_RETRIED = {
    ErrorClass.THROTTLED: True,
    ErrorClass.TRANSIENT: True,
    ErrorClass.DENIED: False,
    ErrorClass.NOT_FOUND: False,
    ErrorClass.PRECONDITION: False,
    ErrorClass.ARCHIVED: False,
    ErrorClass.INVALID: False,
    ErrorClass.CORRUPT: False,
    ErrorClass.UNKNOWN: False,
}


def test_the_tables_are_complete():
    assert set(IS_COMPLETE) == set(Status)
    assert set(IS_RETRIED) == set(ErrorClass)


@pytest.mark.parametrize("status", Status)
def test_is_complete(status):
    """C1: what is complete needs nothing more; a run with anything else ends with exit code 3."""
    assert status.is_complete is IS_COMPLETE[status]


@pytest.mark.parametrize("error_class", ErrorClass)
def test_is_retried(error_class):
    """C9: a retry of anything else would end the same way."""
    assert error_class.is_retried is IS_RETRIED[error_class]
