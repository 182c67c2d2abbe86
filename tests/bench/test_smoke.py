"""Each of the benchmark's own clients does its work, in the small, and a run that goes wrong is not a result."""

import sys
from dataclasses import replace

import pytest

from benchmarks import tools
from benchmarks.queue_drain import measured
from benchmarks.s3_server import ServerOptions
from benchmarks.suites import copy_trials
from benchmarks.trials import Trial, Turn, all_copied_once, all_listed, run_trial
from benchmarks.usage import Failed, run_measured
from s3sync.model.task import Method

KEYS = 1_200


def trial(command: tools.Command, **options: object) -> Trial:
    return Trial("client", command, ServerOptions(**{"keys": KEYS, **options}), 16, all_copied_once)


def turn(transport: str = "curl") -> Turn:
    return Turn("test", transport, 1, 1.0)


@pytest.mark.parametrize("transport", ["curl", "boto3"])
@pytest.mark.parametrize("options", [{}, {"tls": True}, {"throttle_share": 0.1, "latency_ms": 2}])
def test_the_worker_copies_each_key_once(transport: str, options: dict[str, object]) -> None:
    """C2, and C6 where nothing is throttled: one request an object."""
    row = run_trial(trial(tools.s3sync_worker(Method.COPY_OBJECT), **options), turn(transport))
    (run,) = row.runs
    assert run.objects == KEYS - 120  # without the warm-up
    assert run.more["statuses"] == {"copied": KEYS}
    assert run.requests == KEYS or options.get("throttle_share")
    assert 0 < run.cpu_seconds < run.whole_cpu_seconds


@pytest.mark.parametrize("signed", ["once", "each"])
def test_raw_sockets_copy_each_key_once(signed: str) -> None:
    assert run_trial(trial(tools.raw_copy(signed), tls=True), turn()).requests_per_object == 1


def test_boto3_relays_each_object() -> None:
    assert run_trial(trial(tools.boto3_act("relay")), turn()).requests_per_object > 2


def test_boto3_lists_each_key() -> None:
    listing = replace(trial(tools.boto3_act("list")), check=all_listed)
    assert run_trial(listing, turn()).runs[0].requests == 3  # HEAD of the bucket and two pages


def test_tasks_go_into_the_queues_and_out_again() -> None:
    sent, drained = measured(tasks_a_message=10, tasks=60)
    assert (sent.objects, sent.requests) == (60, 4)  # six messages, spread over four queues
    assert drained.requests > 8  # received and deleted, and looked for more
    assert sent.cpu_seconds > 0 < drained.cpu_seconds


def test_a_client_that_copies_nothing_is_no_result() -> None:
    with pytest.raises(Failed, match=f"0 of {KEYS} keys were copied"):
        run_trial(trial(lambda _: [sys.executable, "-c", ""]), turn())


def test_a_client_that_fails_is_no_result() -> None:
    with pytest.raises(Failed, match="exit code 3"):
        run_trial(trial(lambda _: [sys.executable, "-c", "raise SystemExit(3)"]), turn())


BURN = "import time\nwhile time.process_time() < 0.6: pass\n"
START = "import signal, subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n"
IGNORE = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"


def test_the_cpu_of_orphans_is_counted() -> None:
    """The kernel forgets processes whose parent ended before them; `measured` takes them in."""
    usage = run_measured([sys.executable, "-c", START, BURN], {})
    assert usage.cpu_seconds > 0.6
    assert usage.unwaited_seconds == 0


def test_the_cpu_of_children_that_nobody_waits_for_is_counted() -> None:
    """So PySpark's daemon starts its workers: ignoring SIGCHLD, which makes the kernel drop their CPU."""
    usage = run_measured([sys.executable, "-c", IGNORE + START + "child.wait()", BURN + "time.sleep(1)"], {})
    assert usage.user_seconds + usage.system_seconds < 0.6
    assert usage.unwaited_seconds >= 0.5


def test_no_cpu_is_counted_twice() -> None:
    """Once its parent is gone, such a child is waited for after all."""
    parent = IGNORE + START + "import time; time.sleep(1)"
    usage = run_measured([sys.executable, "-c", parent, BURN + "time.sleep(1.5)"], {})
    assert usage.user_seconds + usage.system_seconds > 0.6
    assert usage.unwaited_seconds == 0


def test_the_copy_suite_is_for_all_clients_plain_and_tls() -> None:
    clients = [(each.client, each.options.tls) for each in copy_trials("curl", 1.0)]
    assert len(set(clients)) == len(clients)
    assert {client for client, tls in clients if tls} == {client for client, tls in clients if not tls}
