"""The command `s3sync`: from arguments to an exit code. `jobs/*.py` call the same function."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.console import Console

from s3sync.cli.commands import QUEUE_COMMANDS
from s3sync.cli.doctor import doctor, report
from s3sync.cli.options import Invocation, parse
from s3sync.cli.queue_commands import queue_command
from s3sync.cli.submit import config_on_disk
from s3sync.config.model import IfLocked, Mode
from s3sync.config.setting import Command
from s3sync.emr.follow import with_ending_told
from s3sync.errors import EXIT_DONE, EXIT_OTHER, LockHeld, S3SyncError
from s3sync.report.console import console_for

_WITHOUT_SPARK = {Command.DOCTOR: doctor, Command.REPORT: report}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code that docs/running.md lists; a mistake of the user is one line."""
    console = console_for(sys.stderr)
    with suppress(ValueError):  # not the main thread: then signals are somebody else's
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what has no better way to end, as Ctrl-C does
    try:
        return _run(list(sys.argv[1:] if argv is None else argv), console)
    except S3SyncError as error:
        said = str(error).removeprefix("s3sync: ").removeprefix("s3sync ")  # the place may be the command
        console.print(f"s3sync: {said}", style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("s3sync: stopped; the same command goes on from here", markup=False, soft_wrap=True)
        return EXIT_OTHER


def _run(argv: list[str], console: Console) -> int:
    with config_on_disk(argv) as arguments:
        invocation = parse(arguments, os.environ)
    if invocation.command in (Command.SUBMIT, Command.SCHEDULE):
        from s3sync.cli.schedule import schedule  # noqa: PLC0415  (what a cluster's driver has no use for)
        from s3sync.cli.submit import submit  # noqa: PLC0415

        return (submit if invocation.command is Command.SUBMIT else schedule)(invocation, console)
    return with_ending_told(invocation.config, lambda: _job(invocation, console))


def _job(invocation: Invocation, console: Console) -> int:
    """What a driver does: on a cluster it tells who submitted it how it ended."""
    try:
        return _with_losses_told(lambda: _work(invocation, console))
    except LockHeld as error:
        if invocation.config.run.if_locked is IfLocked.FAIL:
            raise
        console.print(f"s3sync: nothing done: {error}", highlight=False, markup=False, soft_wrap=True)
        return EXIT_DONE


def _work(invocation: Invocation, console: Console) -> int:
    if invocation.command is Command.DEMO:
        from s3sync.demo.demo import demo  # noqa: PLC0415  (needs the extra `local`)

        return demo(console)
    if invocation.command in QUEUE_COMMANDS:
        return queue_command(invocation, console)
    if invocation.command in _WITHOUT_SPARK:
        return _WITHOUT_SPARK[invocation.command](invocation, console)
    if invocation.command is Command.LIST:
        from s3sync.listing.job import list_bucket  # noqa: PLC0415  (pyspark is slow to import)

        return list_bucket(invocation.config, console)
    from s3sync.copying.job import migrate, plan_only  # noqa: PLC0415  (pyspark is slow to import)

    if invocation.config.copy.mode is Mode.CHECK:
        from s3sync.checking.job import check  # noqa: PLC0415

        return check(invocation.config, console, is_mode=invocation.command is Command.MIGRATE)
    job = plan_only if invocation.command is Command.PLAN else migrate
    return job(invocation.config, console)


def _with_losses_told(work: Callable[[], int]) -> int:
    """Where Spark was begun, the loss of Java is one line, wherever it was met."""
    try:
        return work()
    except S3SyncError:
        raise
    except Exception:
        if "pyspark" not in sys.modules:
            raise
        from s3sync.spark.task import workers_errors  # noqa: PLC0415  (pyspark is slow to import)

        with workers_errors():
            raise


if __name__ == "__main__":
    sys.exit(main())
