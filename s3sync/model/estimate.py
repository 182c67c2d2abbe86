"""What a plan will cost in requests and bytes, as counts that add up."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """`requests` by (S3's operation, storage class it is billed by); `read_bytes` by the source's storage class."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_bytes: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.requests + other.requests, self.read_bytes + other.read_bytes)

    @property
    def by_operation(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (operation, _), count in self.requests.items():
            found[operation] += count
        return found

    def to_json(self) -> dict[str, Any]:
        rows = [[operation, kind, count] for (operation, kind), count in sorted(self.requests.items())]
        return {"requests": rows, "read_bytes": dict(sorted(self.read_bytes.items()))}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Estimate":
        return cls(Counter({(row[0], row[1]): row[2] for row in value["requests"]}), Counter(value["read_bytes"]))
