"""What a look before a run found, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"  # a run works, but not as somebody may expect
    PROBLEM = "problem"  # a run, or a part of it, would fail
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Symptom:
    """`topic` is what was looked at (`target: versioning`), `found` one sentence, `todo` what to do, empty where there
    is nothing to do."""

    topic: str
    health: Health
    found: str
    todo: str = ""


def ok(topic: str, found: str) -> Symptom:
    return Symptom(topic, Health.OK, found)


def warning(topic: str, found: str, todo: str) -> Symptom:
    return Symptom(topic, Health.WARNING, found, todo)


def problem(topic: str, found: str, todo: str) -> Symptom:
    return Symptom(topic, Health.PROBLEM, found, todo)


def unknown(topic: str, found: str, todo: str = "") -> Symptom:
    return Symptom(topic, Health.UNKNOWN, found, todo)


def worst(symptoms: Iterable[Symptom]) -> Health:
    order = (Health.OK, Health.UNKNOWN, Health.WARNING, Health.PROBLEM)
    return max((symptom.health for symptom in symptoms), key=order.index, default=Health.OK)
