"""The name of an attempt: it goes into the names of the files that a task writes.

Errors that workers raise on purpose, and the loss of workers, brought back to the driver as what they were.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError
from pyspark import TaskContext
from pyspark.errors import PySparkException

from s3sync import errors


def this_attempt(epoch: int) -> str:
    """Inside a task: which driver's and which attempt of Spark's this is. Later attempts have greater names."""
    return f"{epoch:04d}-{_context().taskAttemptId():08d}"


def this_partition() -> int:
    return _context().partitionId()


def _context() -> TaskContext:
    context = TaskContext.get()
    if context is None:
        raise RuntimeError("only a Spark task has an attempt")
    return context


_ABORTED = re.compile(r"Job aborted due to stage failure: (.*)")
# The last two: Spark hands a task to a worker that died while it idled.
_LOST = re.compile(r"ExecutorLostFailure|worker exited unexpectedly|SocketException: (?:Broken pipe|Connection reset)")
_SHOWN_CHARACTERS = 300
_RAISED = re.compile(r"^(?:Caused by: .*?)?(s3sync[\w.]*)\.(\w+): (.*)$", re.MULTILINE)


@contextmanager
def workers_errors() -> Iterator[None]:
    """Inside, an S3SyncError that ended a Spark task comes out as that error, and workers that were lost until Spark
    gave up (killed for their memory, mostly) as WorkerLost; anything else stays as it is."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        text = str(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
        raised = revived(text) or _lost(text)
        if raised is None:
            raise
        raise raised from None


def revived(text: str) -> errors.S3SyncError | None:
    """The last S3SyncError that a Python traceback within `text` tells of, with its message."""
    for module, name, message in reversed(_RAISED.findall(text)):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, errors.S3SyncError):
            revival = kind.__new__(kind)
            revival.args = (message.strip(),)
            return revival
    return None


def _lost(text: str) -> errors.WorkerLost | None:
    found = _ABORTED.search(text)
    if found is None or not _LOST.search(found[1]):
        return None
    return errors.WorkerLost(
        f"Spark lost the worker of a task too often: {found[1][:_SHOWN_CHARACTERS]}. The same command goes on; where "
        "workers are killed for their memory, give them more by spark.executor.memoryOverhead"
    )
