"""A table of prices (conf/prices.yml), and what an estimate costs by it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import yaml

from s3sync.errors import ConfigError
from s3sync.model.limits import GIB
from s3sync.planning.cost import WRITES, Estimate

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClassPrices:
    """Of one storage class: per 1,000 requests that write or read, and per GB (2^30 bytes) read."""

    write: float
    read: float
    retrieval_per_gb: float


@dataclass(frozen=True, slots=True)
class Prices:
    """`checked` is the day somebody compared them with `source`; None where nobody did."""

    source: str
    region: str
    currency: str
    checked: date | None
    storage_classes: dict[str, ClassPrices]
    transfer_per_gb: float


@dataclass(frozen=True, slots=True)
class Bill:
    """In the currency of the prices. What is read or written in the classes `unpriced` is missing from it."""

    requests: float
    retrieval: float
    transfer: float
    unpriced: tuple[str, ...]

    @property
    def total(self) -> float:
        return self.requests + self.retrieval + self.transfer


def bill(estimate: Estimate, prices: Prices, *, crosses_regions: bool) -> Bill:
    """What the estimate costs. `crosses_regions`: the bytes leave the source's region."""
    table, unpriced, requests, retrieval = prices.storage_classes, set(), 0.0, 0.0
    for (operation, kind), count in estimate.requests.items():
        if kind in table:
            requests += count / 1000 * (table[kind].write if operation in WRITES else table[kind].read)
        else:
            unpriced.add(kind)
    for kind, size_bytes in estimate.read_bytes.items():
        if kind in table:
            retrieval += size_bytes / GIB * table[kind].retrieval_per_gb
        else:
            unpriced.add(kind)
    transfer = estimate.read_bytes.total() / GIB * prices.transfer_per_gb if crosses_regions else 0.0
    return Bill(requests, retrieval, transfer, tuple(sorted(unpriced)))


def load_prices(path: Path) -> Prices:
    """The prices in a YAML file of the form of conf/prices.yml.

    Raises ConfigError, naming file and key, where it can't be read, a key is missing, unknown or of a wrong type.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(str(path), f"can't be read as a table of prices: {' '.join(str(error).split())}") from error
    top = _Section(str(path), found, ("source", "region", "currency", "checked", "storage_classes", "transfer_per_gb"))
    return Prices(
        source=top.take("source", _text),
        region=top.take("region", _text),
        currency=top.take("currency", _text),
        checked=top.take("checked", _day),
        storage_classes=top.take("storage_classes", lambda classes: _classes(f"{path}: storage_classes", classes)),
        transfer_per_gb=top.take("transfer_per_gb", _price),
    )


class _Section:
    """A mapping of the file that must have exactly these keys."""

    def __init__(self, place: str, found: Any, keys: tuple[str, ...]) -> None:
        if not isinstance(found, dict):
            raise ConfigError(place, f"must be a mapping with the keys {', '.join(keys)}")
        for key in keys:
            if key not in found:
                raise ConfigError(place, f"{key} is missing")
        if unknown := sorted(map(str, found.keys() - set(keys))):
            raise ConfigError(place, f"unknown key {unknown[0]}; known are {', '.join(keys)}")
        self._place, self._found = place, found

    def take(self, key: str, kind: Callable[[Any], T]) -> T:
        try:
            return kind(self._found[key])
        except ValueError as error:
            raise ConfigError(f"{self._place}: {key}", str(error)) from error


def _classes(place: str, found: Any) -> dict[str, ClassPrices]:
    if not isinstance(found, dict) or not found:
        raise ValueError("must be a mapping from storage class to prices")
    classes = {}
    for name, prices in found.items():
        section = _Section(f"{place}.{name}", prices, ("write", "read", "retrieval_per_gb"))
        classes[str(name)] = ClassPrices(
            section.take("write", _price), section.take("read", _price), section.take("retrieval_per_gb", _price)
        )
    return classes


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be text, not {value!r}")
    return value


def _day(value: Any) -> date | None:
    if value is not None and type(value) is not date:
        raise ValueError(f"must be a day such as 2026-01-31, or null, not {value!r}")
    return value


def _price(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise ValueError(f"must be a number that is not negative, not {value!r}")
    return float(value)
