"""When a run that goes wrong stops by itself (C15).

| of the last `window` settled objects                          | then   |
|---------------------------------------------------------------|--------|
| fewer than `window` settled so far                             | closed |
| under 95 % failed for one and the same reason                  | closed |
| at least 95 % failed for one reason that is hopeless           | open   |

A reason is an error code, and with it the bare statuses of its class: an answer to a HEAD has no body, so a bucket that
denies everything says AccessDenied of small objects, and 403 of those that are looked at first.

| code                                            | class                       | hopeless |
|-------------------------------------------------|-----------------------------|----------|
| one for expired credentials or none to be had   | any                         | yes      |
| 400: a refusal without a reason, as a HEAD gets | any                         | yes      |
| ForeignAnswer: a 404 that is none of S3's       | transient                   | yes      |
| ETagMismatch: if of nearly all, no damage       | corrupt                     | yes      |
| other                                           | denied, not_found, invalid  | yes      |
| other                                           | any other                   | no       |

Hopeless is what no retry mends. Credentials that expired are tried again, since most are refreshed meanwhile; an object
that failed with them all the same found none that are good, and neither will the next one. S3 says so to a HEAD as a
bare 400, since that has no body to name the reason in. An object that met a load balancer's 404 at each retry met no S3
at all, and the next one will not either. Throttling never opens the circuit.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from s3sync.model.outcome import ErrorClass, Outcome, Status
from s3sync.s3.engine.error_class import classify

_CLASSES = frozenset({ErrorClass.DENIED, ErrorClass.NOT_FOUND, ErrorClass.INVALID})
NAMELESS = "400"
MISMATCH = "ETagMismatch"
HINTS = {
    NAMELESS: ", which names no reason (expired credentials and a missing key of SSE-C are told so to a request for an "
    "object's headers)",
    MISMATCH: " (where a server's ETags have the form of MD5s and are none, --etags opaque copies all the same, and "
    "sizes alone are compared)",
}
_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "TokenRefreshRequired",
        "CredentialRetrievalError",
        "NoCredentials",
        "ForeignAnswer",
        NAMELESS,
        MISMATCH,
    }
)
SHARE = 0.95


def is_hopeless(outcome: Outcome) -> bool:
    """True for a failure that may be everybody's."""
    return outcome.status is Status.FAILED and (outcome.error_class in _CLASSES or outcome.error_code in _CODES)


@dataclass(slots=True)
class Circuit:
    """Feed it what settled, in any portions; `open_code` is the error code that opened it, None while closed."""

    window: int
    open_code: str | None = None
    _settled: int = 0
    _codes: Counter[str] = field(default_factory=Counter)
    _portions: deque[tuple[int, Counter[str]]] = field(default_factory=deque)

    def observe(self, settled: int, hopeless_codes: Counter[str]) -> None:
        """`settled` objects ended, of which so many failed with each hopeless code."""
        if settled <= 0 or self.open_code is not None:
            return
        self._portions.append((settled, hopeless_codes))
        self._settled += settled
        self._codes.update(hopeless_codes)
        while self._settled - self._portions[0][0] >= self.window:
            old, codes = self._portions.popleft()
            self._settled -= old
            self._codes.subtract(codes)
        if self._settled >= self.window and self._codes:
            code, failed = _most_common_reason(self._codes)
            if failed >= SHARE * self._settled:
                self.open_code = code


def _most_common_reason(codes: Counter[str]) -> tuple[str, int]:
    """A code that was counted, the most telling one of its reason, and how many failed for that. A code may stand
    behind words of its own, and a colon."""
    by_name: defaultdict[str, Counter[str]] = defaultdict(Counter)
    bare: defaultdict[ErrorClass, Counter[str]] = defaultdict(Counter)
    for text, count in codes.items():
        code = text.rpartition(": ")[2]
        if code.isdigit():
            bare[classify(int(code), code)][text] += count
        else:
            by_name[code][text] += count
    reasons = [(texts, texts.total() + bare[classify(0, code)].total()) for code, texts in by_name.items()]
    reasons += [(texts, texts.total()) for texts in bare.values() if texts]
    texts, failed = max(reasons, key=lambda reason: reason[1])
    return texts.most_common(1)[0][0], failed
