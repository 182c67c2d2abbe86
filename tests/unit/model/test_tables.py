"""Row = class = schema: what a task or an outcome holds is what its table holds, in the same order."""

import types
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import get_args, get_type_hints

import pyarrow as pa
import pytest

from s3sync.model import tables
from s3sync.model.finding import Finding
from s3sync.model.outcome import Outcome
from s3sync.model.task import Task

INTEGERS = (pa.int32(), pa.int64())


def fits(kind: type, column: pa.DataType) -> bool:
    if kind is int:
        return column in INTEGERS
    if kind is datetime:
        return column == tables.TIMESTAMP
    return column == pa.string() and issubclass(kind, str | StrEnum)


def differences(row: type, schema: pa.Schema) -> list[str]:
    """Where the class and the schema say different things."""
    hints = get_type_hints(row)
    names = list(hints)
    if names != schema.names:
        return [f"{names} != {schema.names}"]
    found = []
    for name in names:
        optional = isinstance(hints[name], types.UnionType)
        kind = next(arg for arg in get_args(hints[name]) if arg is not type(None)) if optional else hints[name]
        column = schema.field(name)
        if column.nullable is not optional or not fits(kind, column.type):
            found.append(f"{name}: {hints[name]} is not {column}")
    return found


@pytest.mark.parametrize(
    ("row", "schema"), [(Task, tables.PLAN), (Outcome, tables.OUTCOMES), (Finding, tables.FINDINGS)]
)
def test_rows_are_those_of_their_tables(row, schema):
    assert differences(row, schema) == []


@dataclass
class Row:
    key: str
    size: int | None
    at: datetime | None


FITTING = [("key", pa.string(), False), ("size", pa.int64(), True), ("at", tables.TIMESTAMP, True)]


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        (FITTING, 0),
        (FITTING[:2], 1),
        ([FITTING[1], FITTING[0], FITTING[2]], 1),
        ([("key", pa.string(), True), *FITTING[1:]], 1),
        ([FITTING[0], ("size", pa.int64(), False), FITTING[2]], 1),
        ([FITTING[0], ("size", pa.float64(), True), FITTING[2]], 1),
        ([*FITTING[:2], ("at", pa.timestamp("ms"), True)], 1),
        ([("key", pa.binary(), False), *FITTING[1:]], 1),
    ],
)
def test_a_difference_is_seen(columns, count):
    schema = pa.schema([pa.field(name, kind, nullable=nullable) for name, kind, nullable in columns])
    assert len(differences(Row, schema)) == count


def test_times_have_a_zone():
    schemas = [value for value in vars(tables).values() if isinstance(value, pa.Schema)]
    assert len(schemas) >= 3
    kinds = {field.type for schema in schemas for field in schema if pa.types.is_timestamp(field.type)}
    assert kinds == {pa.timestamp("us", tz="UTC")}
