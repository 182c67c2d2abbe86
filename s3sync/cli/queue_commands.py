"""The commands of the queues: init, queues, enqueue, executor and retry, from the command line to an exit code."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from s3sync.cli.options import Invocation
from s3sync.config.model import Config
from s3sync.config.setting import Command
from s3sync.errors import EXIT_DONE, EXIT_OTHER, ConfigError
from s3sync.queues.create import delete_queue, set_up_queues
from s3sync.queues.enqueue import enqueue_run
from s3sync.queues.find import Queue, find_queues, own_queues, sqs_client
from s3sync.queues.inspect import peeked_lines, purge, table_of
from s3sync.queues.redrive import Wanted, redrive
from s3sync.retry.executor import execute
from s3sync.runs.folder import RunFolder, place_of_run
from s3sync.runs.lock import TargetLock
from s3sync.runs.store import open_store

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Say = Callable[[str], None]


def queue_command(invocation: Invocation, console: Console) -> int:
    """Run one of the commands. Raises S3SyncError."""
    config, command = invocation.config, invocation.command

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    if command is Command.INIT:
        return _init(invocation, say)
    if command is Command.QUEUES:
        return _queues(invocation, console, say)
    if command is Command.EXECUTOR:
        return execute(config, console)
    if command is Command.RETRY:
        from s3sync.retry.job import retry  # noqa: PLC0415  (an executor's container has no Spark)

        return retry(config, console)
    return _enqueue(config, console, say)


def _init(invocation: Invocation, say: Say) -> int:
    config = invocation.config
    sqs = sqs_client(config.access.queue)
    if invocation.extra.delete:
        return _delete_queues(invocation, sqs, say)
    different = False
    for done in set_up_queues(sqs, config.sqs):
        say(f"{done.name}: {'created' if done.is_new else 'is there already'}")
        for difference in done.differences:
            different = True
            say(f"{done.name}: differs: {difference}")
    if different:
        say("Nothing was changed. Change the queues or the configuration, or delete and create: s3sync init --delete")
    return EXIT_OTHER if different else EXIT_DONE


def _delete_queues(invocation: Invocation, sqs: "SQSClient", say: Say) -> int:
    """The dead-letter queue goes last: while it is there, what was begun can be told from what is somebody else's."""
    doomed = own_queues(sqs, invocation.config.sqs.queue_name_pattern or "", invocation.config.sqs.dead_queue_name)
    if not doomed:
        say("There are no such queues")
        return EXIT_DONE
    _ask(invocation, f"Delete {_names(doomed)} with all messages?", "--delete", say)
    for queue in doomed:
        delete_queue(sqs, queue)
        say(f"{queue.name}: deleted")
    return EXIT_DONE


def _queues(invocation: Invocation, console: Console, say: Say) -> int:
    config, extra = invocation.config, invocation.extra
    sqs = sqs_client(config.access.queue)
    queues = find_queues(sqs, config.sqs.queue_name_pattern or "", config.sqs.dead_queue_name)
    if extra.purge and extra.redrive:
        raise ConfigError("--purge", "and --redrive are both given; leave one of them away")
    if (extra.error_code or extra.only_run) and not extra.redrive:
        raise ConfigError("--error-code/--only-run", "say what to redrive; give --redrive too")
    if extra.purge:
        all_queues = [*queues.work, *((queues.dead,) if queues.dead else ())]
        _ask(invocation, f"Empty {_names(all_queues)}? What is in them is lost to the queues.", "--purge", say)
        for queue in all_queues:
            purge(sqs, queue)
            say(f"{queue.name}: emptied; the tables have what was in it: s3sync enqueue --from-run RUN")
    elif extra.redrive:
        wanted = Wanted(frozenset(extra.error_code), frozenset(extra.only_run))
        done = redrive(sqs, queues, config.sqs.batch_num, wanted)
        for line in done.lines:
            say(line)
        return EXIT_OTHER if done.not_sent else EXIT_DONE
    else:
        console.print(table_of(sqs, queues))
        for line in peeked_lines(sqs, queues, extra.peek):
            say(line)
    return EXIT_DONE


def _enqueue(config: Config, console: Console, say: Say) -> int:
    if config.retry.from_run is None:
        from s3sync.copying.job import enqueue  # noqa: PLC0415  (pyspark is slow to import)

        return enqueue(config, console)
    store = open_store(config.run.work_uri, config.access.work)
    folder = RunFolder(store, config.retry.from_run)
    if folder.described() is None:
        raise ConfigError("--from-run", f"there is no run {folder.run_id} in {store.uri}; see --work-uri")
    place = place_of_run(folder, config.access.target)
    with TargetLock(store, place, folder.run_id, config.run.lock_timeout_seconds, say) as lock:
        enqueue_run(folder, config, say, lock, again=True)
    return EXIT_DONE


def _ask(invocation: Invocation, question: str, option: str, say: Say) -> None:
    """Raises ConfigError where the answer is not yes, or nobody is there to give one."""
    if invocation.extra.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(option, "asks first, and there is no terminal; give --yes to go on without")
    say(f"{question} [yes/no]")
    if sys.stdin.readline().strip().lower() not in ("yes", "y"):
        raise ConfigError(option, "not confirmed; nothing was done")


def _names(queues: list[Queue]) -> str:
    shown = ", ".join(queue.name for queue in queues[:10])
    return shown if len(queues) <= 10 else f"{shown} and {len(queues) - 10} more"  # noqa: PLR2004
