"""`s3sync report RUN`: the report of a finished run, written again from its tables."""

from rich.console import Console

from s3sync.cli.options import Invocation
from s3sync.errors import EXIT_DONE
from s3sync.runs.reports import write_report


def report(invocation: Invocation, console: Console) -> int:
    """Write it and say where it is. The exit code is that of the writing: the run's own is said."""
    where, exit_code = write_report(invocation.config, invocation.extra.run)
    console.print(
        f"The report is {where}/report.html; the run's exit code was {exit_code}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return EXIT_DONE
