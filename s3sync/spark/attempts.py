"""The name of an attempt: it goes into the names of the files that a task writes."""

from pyspark import TaskContext


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
