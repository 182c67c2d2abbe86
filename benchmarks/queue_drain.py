"""CPU of sending failed tasks to a queue, and of draining them again, of this process alone; the server is another one.

python -m benchmarks.queue_drain [TASKS]

Prints one line of JSON for each act: microseconds of CPU a task and a message, and the tasks a second that one core
could do at that cost. The copies themselves answer at once (a transport that only says yes), so that what is measured
is messages, outcomes and commits.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from s3sync.aws.copy_settings import CopySettings
from s3sync.aws.engine import Engine
from s3sync.aws.queue_setup import set_up_queues
from s3sync.aws.queues import find_queues, sqs_client
from s3sync.aws.retries import RetryPolicy
from s3sync.aws.retry_task import RetryHow
from s3sync.aws.store import LocalStore
from s3sync.aws.transport import Reply, Request
from s3sync.aws.workers import EngineOptions
from s3sync.config.model import Access, AccessConfig, QueueConfig, Secret
from s3sync.model.message import QueuedTask
from s3sync.model.outcome import ErrorClass, Status
from s3sync.model.task import Action, Method, Task, task_id
from s3sync.runs.drain import DrainContext
from s3sync.runs.failures import Route, send_tasks
from s3sync.runs.folder import RunFolder
from s3sync.runs.recipe import put_recipe
from s3sync.runs.retry import Drain

TASKS = 20_000
BATCH_NUM = 100
ETAG = "0" * 32


class Yes:
    """A transport whose targets are absent and whose copies are made at once."""

    capacity = 64

    def __init__(self) -> None:
        self._waiting: deque[Reply] = deque()

    def submit(self, request: Request) -> None:
        if request.operation == "HeadObject":
            self._waiting.append(Reply(request, 404, "404"))
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
        self._engine = engine
        self._counted = engine.counts.copy()
        return self


def failed(number: int) -> QueuedTask:
    key = f"logs/2026/01/{number:09d}/part-00000.json"
    ids = task_id("from-bucket", key, None, "to-bucket", key)
    now = datetime.now(UTC)
    task = Task(ids, key, None, key, 1, ETAG, now, "STANDARD", Action.COPY, "missing", Method.COPY_OBJECT)
    message = "CopyObject: Please reduce your request rate."
    return QueuedTask(task, 1, Status.FAILED, "SlowDown", ErrorClass.THROTTLED, message)


def told(act: str, tasks: int, messages: int, seconds: float) -> None:
    value = {
        "act": act,
        "tasks": tasks,
        "messages": messages,
        "cpu_microseconds_a_task": round(seconds / tasks * 1e6, 1),
        "cpu_microseconds_a_message": round(seconds / messages * 1e6, 1),
        "tasks_a_second_and_core": round(tasks / seconds),
    }
    sys.stdout.write(json.dumps(value) + "\n")


def measure(endpoint: str, count: int) -> None:
    key = Secret("secret")
    access = Access(region_name="us-east-1", aws_access_key_id="AKID", aws_secret_access_key=key, endpoint_url=endpoint)
    sqs = sqs_client(access)
    set_up_queues(sqs, QueueConfig(r"bench-\d+", 4, "bench-dead"))
    queues = find_queues(sqs, r"bench-\d+", "bench-dead")
    tasks = [failed(number) for number in range(count)]
    messages = -(-count // BATCH_NUM)

    began = time.process_time()
    sent = send_tasks(sqs, Route(queues.work, "run", ("from-bucket", "to-bucket"), BATCH_NUM), tasks)
    told("send", sent.tasks, messages, time.process_time() - began)

    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        put_recipe(RunFolder(store, "run"), CopySettings("from-bucket", "to-bucket", planned_at=datetime.now(UTC)))
        context = DrainContext(
            drain_id="bench",
            access=AccessConfig(access, access, access, access, access),
            store_uri=store.uri,
            engine=EngineOptions(),
            how=RetryHow(),
            queues=queues,
            take=queues.work,
            wait_seconds=0,
        )
        worker = OneWorker(replace(context), "w").use(Engine(Yes(), RetryPolicy()))
        began = time.process_time()
        done = worker.run()
        told("drain", done.tasks, done.messages, time.process_time() - began)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else TASKS
    server: Any = subprocess.Popen([sys.executable, "-m", "s3sync.demo.server"], stdout=subprocess.PIPE, text=True)
    try:
        measure(server.stdout.readline().strip(), count)
    finally:
        server.terminate()
        server.wait(20)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
