"""`s3sync submit`: jobs on EMR, from a laptop, in one command.

`-c s3://BUCKET/KEY`: the configuration file that `s3sync submit` left for a driver.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from s3sync.cli.attaching import OPTION, attached, order_behind
from s3sync.cli.following import follow, still_there
from s3sync.cli.options import Invocation
from s3sync.cli.scheduled_jobs import config_of, enabled_jobs
from s3sync.cli.shipping import Cargo, Order, Say, load_cargo, orders_of, upload_all
from s3sync.config.model import Access, Config
from s3sync.config.setting import Command
from s3sync.emr.artifacts import is_there, read_object
from s3sync.emr.destinations import UnderWay, destination_of
from s3sync.emr.follow import note_sent
from s3sync.emr.package import cache_folder
from s3sync.emr.sent_jobs import SentJob
from s3sync.emr.spark_conf import user_conf
from s3sync.emr.steps import refuse_too_many
from s3sync.errors import EXIT_DONE, ConfigError, Interrupted, StoreError
from s3sync.runs.store import open_store


def submit(invocation: Invocation, console: Console) -> int:
    """Send the jobs, or find one that was sent; followed, the exit code is the first one that is not 0. Raises
    S3SyncError."""
    extra, config = invocation.extra, invocation.config
    now = datetime.now(UTC)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    if extra.attach is not None:
        _refuse_beside_attach(invocation)
        return _followed([attached(extra.attach, config)], console)
    orders = _orders(invocation, now)
    destination = destination_of(config.access.deploy, config.submit, user_conf(config.submit.spark_conf))
    for word in destination.words:
        say(word)
    under_way = destination.under_way({each.name for each in orders})
    left = _not_under_way(orders, under_way, say)
    jobs = {name: (order_behind(name, found, config), found.job) for name, found in under_way.found.items()}
    if left:
        if under_way.room is not None:
            refuse_too_many(len(left), under_way.room)
        cargo = load_cargo(left, destination, config, cache_folder(), say)
        if extra.dry_run:
            sys.stdout.write(shown(cargo, config))
            return EXIT_DONE
        upload_all(config.access.deploy, cargo, say)
        sent = destination.send(cargo.calls)
        for each, job in zip(left, sent, strict=True):
            say(f"{each.name}: {job.place}")
            _note(each, job, say)
            jobs[each.name] = (each, job)
    if not extra.wait or extra.dry_run:
        return EXIT_DONE
    return _followed([jobs[each.name] for each in orders], console)


def _note(order: Order, job: SentJob, say: Say) -> None:
    """Keep where the job is, for `--attach`; it runs all the same where that can't be kept."""
    store = open_store(order.config.run.work_uri, order.config.access.work)
    try:
        note_sent(store, order.submission_id or "", {**job.note, "name": order.name})
    except StoreError as error:
        say(f"{order.name}: where it runs could not be kept ({error}); it is followed again by {job.attaching}")


def _refuse_beside_attach(invocation: Invocation) -> None:
    extra = invocation.extra
    if extra.job is not None or extra.all or extra.dry_run:
        raise ConfigError(OPTION, "follows a job that was sent already; leave the job, --all and --dry-run away")


def _followed(jobs: Sequence[tuple[Order, SentJob]], console: Console) -> int:
    """The first exit code that is not 0. Ctrl-C ends the watching, and no job."""
    codes: list[int] = []
    try:
        for each, job in jobs:
            codes.append(follow(each, job, console))
    except KeyboardInterrupt:
        left = jobs[len(codes) :]
        more = f", and {', '.join(job.place for _, job in left[1:])}" if left[1:] else ""
        raise Interrupted(f"{still_there(*left[0])}{more}") from None
    return next((code for code in codes if code), EXIT_DONE)


def _orders(invocation: Invocation, now: datetime) -> tuple[Order, ...]:
    """
    | --all | JOB   | then                                                    |
    |-------|-------|---------------------------------------------------------|
    | no    | given | that job, with the options                              |
    | no    | -     | refused                                                 |
    | yes   | -     | migrate for each enabled job of the file, or those of --only |
    | yes   | given | refused                                                 |
    """
    extra, config = invocation.extra, invocation.config
    if extra.all == (extra.job is not None):
        raise ConfigError("s3sync submit", "give either a job, such as migrate, or --all; see `s3sync submit --help`")
    if extra.only and not extra.all:
        raise ConfigError("--only", "chooses among the jobs of --all; give that too")
    after = config.submit.check_after
    if not extra.all:
        return orders_of(extra.job, config, now, check=after)
    return tuple(
        each
        for job in enabled_jobs(invocation)
        for each in orders_of(Command.MIGRATE, config_of(job, invocation), now, check=job.check or after, job=job)
    )


def _not_under_way(orders: Sequence[Order], under_way: UnderWay, say: Say) -> tuple[Order, ...]:
    """Without the jobs that run or wait already: a second one would only find the target locked."""
    for each in orders:
        if (found := under_way.found.get(each.name)) is not None:
            say(f"{each.name}: is under way already ({found.job.place}); not sent again")
    return tuple(each for each in orders if each.name not in under_way.found)


def shown(cargo: Cargo, config: Config) -> str:
    """What would be sent, as JSON: artifacts with whether they would be uploaded, job files with their text, calls."""
    access = config.access.deploy
    value = {
        "artifacts": [
            {
                "uri": each.uri(cargo.artifacts_uri),
                "bytes": each.size_bytes,
                "sha256": each.sha256,
                "upload": not is_there(access, each, cargo.artifacts_uri),
            }
            for each in cargo.artifacts
        ],
        "job_files": {
            each.uri(cargo.artifacts_uri): each.path.read_text(encoding="utf-8")
            for each in cargo.artifacts
            if each.name.endswith(".yml")
        },
        "calls": [
            {"service": call.service, "operation": call.operation, "parameters": call.parameters}
            for call in cargo.calls
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


OPTIONS = ("-c", "--config-file")


@contextmanager
def config_on_disk(argv: list[str]) -> Iterator[list[str]]:
    """The arguments with a configuration file of S3 replaced by a copy, which is gone with the block.

    It is fetched with AWS's usual chain: who reads it has no configuration yet. Raises ConfigError.
    """
    at = next((n for n, word in enumerate(argv[1:], 1) if word.startswith("s3://") and argv[n - 1] in OPTIONS), None)
    if at is None:
        yield argv
        return
    body = read_object(Access(), argv[at], argv[at - 1])
    with tempfile.TemporaryDirectory(prefix="s3sync-") as folder:
        path = Path(folder) / Path(argv[at]).name
        path.write_bytes(body)
        yield [*argv[:at], str(path), *argv[at + 1 :]]
