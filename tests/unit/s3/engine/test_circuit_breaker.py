"""C15: a run in which nearly everything fails for one reason stops early."""

from collections import Counter

import pytest

from s3sync.model.outcome import ErrorClass, Status
from s3sync.s3.engine.circuit_breaker import Circuit, is_hopeless
from s3sync.s3.engine.error_class import classify
from tests.unit.runs.test_outcomes import outcome

CASES = [
    # settled before, failed of the last 1,000, code -> open
    ("too few settled", 0, 900, 900, None),
    ("all failed", 0, 1000, 1000, "AccessDenied"),
    ("95 % failed", 0, 1000, 950, "AccessDenied"),
    ("a little less", 0, 1000, 949, None),
    ("good before, bad now", 50_000, 1000, 1000, "AccessDenied"),
]


@pytest.mark.parametrize(("name", "before", "settled", "failed", "code"), CASES, ids=[case[0] for case in CASES])
def test_c15_circuit(name: str, before: int, settled: int, failed: int, code: str | None) -> None:
    circuit = Circuit(window=1000)
    for _ in range(before // 100):
        circuit.observe(100, Counter())
    for portion in range(10):
        share = failed // 10 + (portion < failed % 10)
        circuit.observe(settled // 10, Counter(AccessDenied=share) if share else Counter())
    assert circuit.open_code == code


def test_c15_several_reasons_are_no_single_reason() -> None:
    circuit = Circuit(window=1000)
    for _ in range(20):
        circuit.observe(100, Counter(AccessDenied=60, NoSuchBucket=40))
    assert circuit.open_code is None


@pytest.mark.parametrize(
    ("codes", "opened"),
    [
        ({"AccessDenied": 60, "403": 40}, "AccessDenied"),  # small objects, and the HEADs of large ones
        ({"AccessDenied": 10, "403": 90}, "AccessDenied"),
        ({"403": 100}, "403"),
        ({"InvalidAccessKeyId": 50, "403": 50}, "InvalidAccessKeyId"),
        ({"ExpiredToken": 50, "400": 50}, "ExpiredToken"),
        ({"NoSuchBucket": 50, "404": 50}, "NoSuchBucket"),
        (
            {"HeadObject on a: 403": 50, "GetObjectTagging on a: AccessDenied": 50},
            "GetObjectTagging on a",
        ),
        ({"AccessDenied": 50, "404": 50}, None),  # two reasons
        ({"AccessDenied": 40, "403": 20, "NoSuchBucket": 40}, None),
        ({"NoSuchBucket": 50, "AccessDenied": 50}, None),
    ],
)
def test_c15_a_bare_status_counts_with_the_code_that_it_stands_for(codes: dict[str, int], opened: str | None) -> None:
    circuit = Circuit(window=1000)
    for _ in range(20):
        circuit.observe(100, Counter(codes))
    assert circuit.open_code == opened or (opened and circuit.open_code.startswith(opened))


def test_c15_one_portion_larger_than_the_window_counts_whole() -> None:
    circuit = Circuit(window=1000)
    circuit.observe(5000, Counter(AccessDenied=5000))
    assert circuit.open_code == "AccessDenied"


@pytest.mark.parametrize(
    ("status", "code", "error_class", "expected"),
    [
        (Status.FAILED, "AccessDenied", ErrorClass.DENIED, True),
        (Status.FAILED, "NoSuchBucket", ErrorClass.NOT_FOUND, True),
        (Status.FAILED, "NotImplemented", ErrorClass.INVALID, True),
        (Status.FAILED, "ExpiredToken", ErrorClass.TRANSIENT, True),
        (Status.FAILED, "ExpiredTokenException", ErrorClass.TRANSIENT, True),
        (Status.FAILED, "TokenRefreshRequired", ErrorClass.TRANSIENT, True),
        (Status.FAILED, "CredentialRetrievalError", ErrorClass.TRANSIENT, True),
        (Status.FAILED, "NoCredentials", ErrorClass.DENIED, True),
        (Status.FAILED, "400", ErrorClass.TRANSIENT, True),
        (Status.FAILED, "InternalError", ErrorClass.TRANSIENT, False),
        (Status.FAILED, "SlowDown", ErrorClass.THROTTLED, False),
        (Status.FAILED, "BadDigest", ErrorClass.CORRUPT, False),
        (Status.FAILED, "ETagMismatch", ErrorClass.CORRUPT, True),
        (Status.COPIED, None, None, False),
    ],
)
def test_c15_what_no_retry_mends(
    status: Status, code: str | None, error_class: ErrorClass | None, expected: bool
) -> None:
    found = outcome(1, status)._replace(error_code=code, error_class=error_class)
    assert is_hopeless(found) == expected
    if code is not None:
        assert classify(0, code) is error_class, "what is hopeless in the end may be retried until then"
