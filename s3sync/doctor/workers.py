"""The workers as a run will find them: versions of Python, Spark and packages, the way to S3, and the clock."""

import importlib.metadata
import platform
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import pyspark

from s3sync.config.model import Config
from s3sync.doctor.network import hosts, reached
from s3sync.doctor.symptom import Health, Symptom, ok, problem, warning
from s3sync.spark.session import open_session

PACKAGES = ("boto3", "numpy", "pyarrow", "pycurl", "xxhash")
TASKS_A_CORE = 4
PYTHON_LEAST = (3, 11)
SKEW_SECONDS = 30.0
TOPIC = "workers"

Told = dict[str, str]


def look_at_workers(config: Config) -> Iterator[Symptom]:
    """Ask each Python worker that a small stage meets; with dynamic allocation more may come later."""
    spark = open_session("s3sync doctor")
    places = hosts(config)
    tasks = max(2, spark.sparkContext.defaultParallelism) * TASKS_A_CORE
    told = spark.sparkContext.parallelize(range(tasks), tasks).mapPartitions(lambda _: _tell(places)).collect()
    yield from judge([dict(each) for each in told], versions(), time.time())


def versions() -> Told:
    """This process's versions."""
    return {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "pyspark": pyspark.__version__,
        **{name: _version(name) for name in PACKAGES},
    }


def judge(told: list[Told], driver: Told, now: float) -> Iterator[Symptom]:
    """
    | what                              | then                                   |
    |-----------------------------------|----------------------------------------|
    | Python below 3.11                 | problem                                |
    | another minor Python than driver's | problem: Spark refuses it             |
    | a package is missing              | problem                                |
    | versions unlike the driver's      | warning                                |
    | an endpoint that is not reached   | problem, as the probe says             |
    | a clock that is off               | warning                                |
    """
    machines = Counter(each["host"] for each in told)
    yield ok(TOPIC, f"{len(machines)} machines, Python {driver['python']}, Spark {driver['pyspark']} on the driver")
    for name in ("python", "pyspark", "processor", *PACKAGES):
        for value in sorted({each[name] for each in told}):
            yield from _version_trouble(name, value, driver[name])
    for each in {each["host"]: each for each in told}.values():
        for place in ("source", "target"):
            if each.get(place, Health.OK) != Health.OK:
                yield problem(f"{TOPIC}: network", f"{each['host']}: {each[f'{place} found']}", each[f"{place} todo"])
        skew = float(each["time"]) - now
        if abs(skew) > SKEW_SECONDS:
            yield warning(
                f"{TOPIC}: clock", f"{each['host']} is {skew:+,.0f} s off the driver's", "set it by the network"
            )


def _version_trouble(name: str, value: str, of_driver: str) -> Iterator[Symptom]:
    topic = f"{TOPIC}: {name}"
    if not value:
        yield problem(topic, "is not installed", "submit without --preinstalled, or run the bootstrap action")
    elif name == "python" and tuple(map(int, value.split(".")[:2])) < PYTHON_LEAST:
        yield problem(topic, f"{value} is too old", "name one that is 3.11 or newer: --python /usr/bin/python3.11")
    elif name == "python" and value.split(".")[:2] != of_driver.split(".")[:2]:
        yield problem(topic, f"{value}, and {of_driver} on the driver", "Spark wants the same minor version: --python")
    elif value != of_driver:
        yield warning(topic, f"{value}, and {of_driver} on the driver", "install the same everywhere")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _tell(places: dict[str, tuple[str, int]]) -> Iterable[list[tuple[str, str]]]:
    told = {"host": socket.gethostname(), "time": str(time.time()), "executable": sys.executable, **versions()}
    for title, (host, port) in places.items():
        symptom = reached(title, host, port)
        # Slow is worth a warning on the driver already; a worker only tells of what would fail.
        told[title] = Health.PROBLEM if symptom.health is Health.PROBLEM else Health.OK
        told[f"{title} found"], told[f"{title} todo"] = symptom.found, symptom.todo
    yield list(told.items())
