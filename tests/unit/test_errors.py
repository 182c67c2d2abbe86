import pickle
import re

import pytest

from s3sync import errors
from s3sync.errors import ConfigError, InventoryError, S3SyncError

EXIT_CODES = {
    errors.S3SyncError: 1,
    errors.UserError: 2,
    errors.ConfigError: 2,
    errors.InventoryError: 2,
    errors.MappingError: 2,
    errors.LockHeld: 2,
    errors.Interrupted: 1,
    errors.CircuitOpen: 1,
    errors.WorkerLost: 1,
    errors.JavaLost: 1,
    errors.StoreError: 1,
    errors.ServiceError: 1,
    errors.ServiceAway: 1,
    errors.InvariantBroken: 1,
}


def all_errors() -> set[type[Exception]]:
    return {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.S3SyncError)
    }


def test_the_table_is_complete():
    assert set(EXIT_CODES) == all_errors()


@pytest.mark.parametrize("error", EXIT_CODES, ids=lambda error: error.__name__)
def test_exit_codes(error):
    assert error.exit_code == EXIT_CODES[error]


def test_the_exit_codes_are_those_that_users_know():
    codes = (errors.EXIT_DONE, errors.EXIT_OTHER, errors.EXIT_USER, errors.EXIT_INCOMPLETE, errors.EXIT_DIFFERENT)
    assert codes == (0, 1, 2, 3, 4)


def drawn(text: str) -> dict[str, str | None]:
    """Name to parent, from a tree drawn with ├── and │."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in text.splitlines():
        found = re.match(r"((?:[│ ] {3}|[├└]── )*)([A-Z]\w*)(?:\s{2,}|$)", line)
        if found:
            depth = len(found[1]) // 4
            path = [*path[:depth], found[2]]
            parents[found[2]] = path[depth - 1] if depth else None
    return parents


def test_the_tree_in_the_docstring_is_the_tree():
    real = {error.__name__: error.__base__.__name__ for error in all_errors()} | {"S3SyncError": None}
    assert drawn(errors.__doc__ or "") == real


def test_a_wrong_drawing_is_seen():
    assert drawn("A    x\n├── B    y\n│   └── C    z\n└── D") == {"A": None, "B": "A", "C": "B", "D": "A"}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.ConfigError("--limit", "must be above 0"), "--limit: must be above 0"),
        (errors.InventoryError("s3://b/manifest.json", "is not JSON"), "s3://b/manifest.json: is not JSON"),
    ],
)
def test_the_place_stands_before_the_problem(error, text):
    assert str(error) == text


@pytest.mark.parametrize("kind", [ConfigError, InventoryError])
def test_errors_with_a_place_survive_the_way_between_processes(kind: type[S3SyncError]) -> None:
    error = pickle.loads(pickle.dumps(kind("--limit", "must be at least 1")))
    assert str(error) == "--limit: must be at least 1"
    assert type(error) is kind
