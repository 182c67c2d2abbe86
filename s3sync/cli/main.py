"""The command `s3sync`: from arguments to an exit code. `jobs/*.py` call the same function."""

import os
import sys
from collections.abc import Sequence

from rich.console import Console

from s3sync.cli.options import parse
from s3sync.errors import EXIT_OTHER, S3SyncError
from s3sync.report.console import console_for


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code that docs/running.md lists; a mistake of the user is one line."""
    console = console_for(sys.stderr)
    try:
        return _run(list(sys.argv[1:] if argv is None else argv), console)
    except S3SyncError as error:
        console.print(f"s3sync: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("s3sync: stopped", markup=False)
        return EXIT_OTHER


def _run(argv: list[str], console: Console) -> int:
    invocation = parse(argv, os.environ)
    if invocation.command == "demo":
        from s3sync.demo.run import demo  # noqa: PLC0415  (needs the extra `local`)

        return demo(console)
    from s3sync.spark.migrate import migrate, plan_only  # noqa: PLC0415  (pyspark is slow to import)

    job = plan_only if invocation.command == "plan" else migrate
    return job(invocation.config, console)


if __name__ == "__main__":
    sys.exit(main())
