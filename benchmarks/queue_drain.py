"""CPU of sending failed tasks to a queue, and of draining them again, of this process alone; the server is another one.

The copies themselves answer at once (a transport that only says yes), so that what is measured is messages, outcomes
and commits. A message of one task shows what a message costs, one of a hundred, the default, what a task does.
"""

import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import monotonic, process_time

from benchmarks.jobs import Measurement
from benchmarks.machine import Moment
from benchmarks.results import Row, Run
from benchmarks.s3_server import ServerOptions
from benchmarks.trials import Turn, row_of
from benchmarks.usage import Failed
from s3sync.config.model import Access, AccessConfig, QueueConfig, Secret
from s3sync.copying.settings import CopySettings
from s3sync.copying.settings_file import put_recipe
from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.queues.create import set_up_queues
from s3sync.queues.find import find_queues, sqs_client
from s3sync.queues.messages import QueuedTask
from s3sync.queues.send_failures import Route, send_tasks
from s3sync.retry.consumer import Drain
from s3sync.retry.drain import DrainContext
from s3sync.retry.one_task import RetryHow
from s3sync.runs.folder import RunFolder
from s3sync.runs.store import LocalStore
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.per_process import EngineOptions
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Reply, Request

SENDING, DRAINING = "sending", "draining"
TASKS = 20_000
FEW_TASKS = 4_000  # the server is slow where queues are deep
BUCKETS = ("from-bucket", "to-bucket")
ETAG = "0" * 32


class Yes:
    """A transport whose targets are absent and whose copies are made at once."""

    capacity = 64

    def __init__(self) -> None:
        self._waiting: deque[Reply] = deque()

    def submit(self, request: Request) -> None:
        if request.operation == "HeadObject":
            self._waiting.append(Reply(request, 404, "404", values={"RequestId": "S3"}))
        else:
            self._waiting.append(Reply(request, 200, values={"CopyObjectResult": {"ETag": f'"{ETAG}"'}}))

    def wait(self, timeout_seconds: float) -> Sequence[Reply]:  # noqa: ARG002
        replies = list(self._waiting)
        self._waiting.clear()
        return replies

    def close(self) -> None:
        pass


class OneWorker(Drain):
    def use(self, engine: Engine) -> "OneWorker":
        self._session.engine = engine
        return self


def failed(number: int) -> QueuedTask:
    key = f"logs/2026/01/{number:09d}/part-00000.json"
    ids = task_id("from-bucket", key, None, "to-bucket", key)
    now = datetime.now(UTC)
    task = Task(ids, key, None, key, 1, ETAG, now, "STANDARD", Action.COPY, "missing", Method.COPY_OBJECT)
    message = "CopyObject: Please reduce your request rate."
    return QueuedTask(task, 1, Status.FAILED, "SlowDown", ErrorClass.THROTTLED, message)


def measurements(turn: Turn) -> Iterator[Measurement]:
    """Sending and draining, each a row."""
    for tasks_a_message, tasks in ((1, FEW_TASKS), (100, TASKS)):
        act = partial(_runs, tasks_a_message, max(tasks_a_message, round(tasks * turn.scale)), turn)
        yield f"{SENDING}, {tasks_a_message} a message", partial(_row, act, 0, turn)
        yield f"{DRAINING}, {tasks_a_message} a message", partial(_row, act, 1, turn)


def _row(act: Callable[[], list[tuple[Run, Run]]], place: int, turn: Turn) -> Row:
    runs = tuple(pair[place] for pair in act())
    name = f"{(SENDING, DRAINING)[place]}, {runs[0].more['tasks_a_message']} a message"
    return row_of(name, ServerOptions(runs[0].objects), 1, turn.command, runs)


def _runs(tasks_a_message: int, tasks: int, turn: Turn) -> list[tuple[Run, Run]]:
    return [measured(tasks_a_message, tasks) for _ in range(turn.repeat)]


def measured(tasks_a_message: int, tasks: int) -> tuple[Run, Run]:
    """Sent, and drained again. Raises Failed where not every task went both ways."""
    server = subprocess.Popen([sys.executable, "-m", "s3sync.demo.server"], stdout=subprocess.PIPE, text=True)
    try:
        endpoint = server.stdout.readline().strip() if server.stdout else ""
        ground = _Ground(endpoint, server.pid, tasks_a_message)
        return ground.sent(tasks), ground.drained(tasks)
    finally:
        server.terminate()
        server.wait(20)


class _Ground:
    """Four queues on a server of its own, and a clock for what this process does with them."""

    def __init__(self, endpoint: str, server_pid: int, tasks_a_message: int) -> None:
        key = Secret("secret")
        self.access = Access(
            region_name="us-east-1", aws_access_key_id="AKID", aws_secret_access_key=key, endpoint_url=endpoint
        )
        self.sqs = sqs_client(self.access)
        self.server_pid, self.tasks_a_message, self.requests = server_pid, tasks_a_message, 0
        set_up_queues(self.sqs, QueueConfig(r"bench-\d+", 4, "bench-dead"))
        self.queues = find_queues(self.sqs, r"bench-\d+", "bench-dead")
        self.sqs.meta.events.register("before-send.sqs", self._count)

    def _count(self, **_: object) -> None:
        self.requests += 1

    def sent(self, tasks: int) -> Run:
        given = [failed(number) for number in range(tasks)]
        route = Route(self.queues.work, "run", BUCKETS, self.tasks_a_message)
        return self._clocked(tasks, lambda: send_tasks(self.sqs, route, given).tasks)

    def drained(self, tasks: int) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            store = LocalStore(Path(folder))
            put_recipe(RunFolder(store, "run"), CopySettings(*BUCKETS, planned_at=datetime.now(UTC)))
            context = DrainContext(
                drain_id="bench",
                access=AccessConfig(self.access, self.access, self.access, self.access, self.access),
                store_uri=store.uri,
                engine=EngineOptions(),
                how=RetryHow(),
                queues=self.queues,
                take=self.queues.work,
                wait_seconds=0,
            )
            worker = OneWorker(context, "w").use(Engine(Yes(), RetryPolicy()))
            return self._clocked(tasks, lambda: worker.run().by_status[Status.COPIED])

    def _clocked(self, tasks: int, act: Callable[[], int]) -> Run:
        before, cpu, wall, requests = Moment.now(self.server_pid), process_time(), monotonic(), self.requests
        done = act()
        cpu_seconds, wall_seconds = process_time() - cpu, monotonic() - wall
        others = Moment.now(self.server_pid).others_since(before, cpu_seconds)
        if done != tasks:
            raise Failed(f"{done} of {tasks} tasks")
        return Run(
            objects=tasks,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
            whole_cpu_seconds=cpu_seconds,
            whole_wall_seconds=wall_seconds,
            requests=self.requests - requests,
            connections=1,
            peak_rss_bytes=getrusage(RUSAGE_SELF).ru_maxrss * 1024,
            others_cores=others,
            more={"tasks_a_message": self.tasks_a_message},
        )
