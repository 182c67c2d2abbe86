"""What Spark's releases and Java say of a worker's Python."""

import pytest

from s3sync.model.worker_python import python_trouble


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'java.io.IOException: Cannot run program "/usr/bin/python3.11": error=2, No such file or directory',
            "a worker cannot start /usr/bin/python3.11, it is not there; name one that every node has",
        ),
        (
            'Cannot run program "/opt/python3.12" (in directory "."): error=13, Permission denied',
            "a worker cannot start /opt/python3.12",
        ),
        (
            "Python in worker has different version (3, 9) than that in driver 3.11, PySpark cannot run",
            "a worker has Python 3.9, and the driver 3.11; name one",
        ),
        (
            "Python in worker has different version: 3.13 than that in driver: 3.11, PySpark cannot run",
            "a worker has Python 3.13, and the driver 3.11; name one",
        ),
    ],
)
def test_it_is_told_with_the_way_out(text: str, says: str) -> None:
    found = python_trouble(f"Job aborted due to stage failure: Task 0\n{text}\n\tat java.lang\n")
    assert found is not None
    assert found.startswith(says)
    assert "PYSPARK_PYTHON" in found


@pytest.mark.parametrize("text", ["", "Cannot run program", "Python worker exited unexpectedly (crashed)"])
def test_other_troubles_are_none_of_it(text: str) -> None:
    assert python_trouble(text) is None
