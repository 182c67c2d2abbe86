"""The name of an attempt: it goes into the names of the files that a task writes.

Errors that workers raise on purpose, and the loss of workers or of Java, brought back to the driver as what they were.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext, TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from s3sync import errors
from s3sync.model.worker_python import python_trouble


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
_SHUT_DOWN = re.compile(r"SparkContext was shut down|Cannot call methods on a stopped SparkContext")
_SHOWN_CHARACTERS = 300
_RAISED = re.compile(r"^(?:Caused by: .*?)?(s3sync[\w.]*)\.(\w+): (.*)$", re.MULTILINE)


# | what ended the block                                          | comes out as              |
# |---------------------------------------------------------------|---------------------------|
# | an S3SyncError that a worker raised                           | that error                |
# | a worker has no Python, or another minor version              | ConfigError               |
# | workers were lost until Spark gave up                         | WorkerLost                |
# | Spark was shut down, or Java does not answer any more         | JavaLost                  |
# | anything else                                                 | what it is                |
@contextmanager
def workers_errors() -> Iterator[None]:
    """Inside, what ends Spark's tasks, or Spark, comes out as one line for a person."""
    try:
        yield
    except errors.S3SyncError:
        raise
    except Exception as error:
        raised = _told(error)
        if raised is None:
            raise
        raise raised from None


def cancel_jobs(spark: SparkSession) -> None:
    """End all of Spark's jobs; without Java there are none any more."""
    with suppress(errors.JavaLost), workers_errors():
        spark.sparkContext.cancelAllJobs()


def _told(error: Exception) -> errors.S3SyncError | None:
    text = str(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
    if isinstance(error, (Py4JJavaError, PySparkException)):
        raised = revived(text) or _pythonless(text) or _lost(text)
        if raised is not None:
            return raised
    if _SHUT_DOWN.search(text) or _is_java_gone():
        return errors.JavaLost(
            "Java, in which Spark runs, is gone: it was killed, or told to end. The same command goes on from here; "
            "what was settled is written down"
        )
    return None


def _is_java_gone() -> bool:
    """Whether it was there and does not answer any more."""
    gateway = SparkContext._gateway
    if gateway is None:
        return False
    try:
        gateway.jvm.java.lang.System.nanoTime()
    except Exception:  # noqa: BLE001  (py4j has many ways to say so)
        return True
    return False


def revived(text: str) -> errors.S3SyncError | None:
    """The last S3SyncError that a Python traceback within `text` tells of, with its message."""
    for module, name, message in reversed(_RAISED.findall(text)):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, errors.S3SyncError):
            revival = kind.__new__(kind)
            revival.args = (message.strip(),)
            return revival
    return None


def _pythonless(text: str) -> errors.ConfigError | None:
    trouble = python_trouble(text)
    return errors.ConfigError("PYSPARK_PYTHON", trouble) if trouble else None


def _lost(text: str) -> errors.WorkerLost | None:
    found = _ABORTED.search(text)
    if found is None or not _LOST.search(found[1]):
        return None
    return errors.WorkerLost(
        f"Spark lost the worker of a task too often: {found[1][:_SHOWN_CHARACTERS]}. The same command goes on; where "
        "workers are killed for their memory, give them more by spark.executor.memoryOverhead"
    )
