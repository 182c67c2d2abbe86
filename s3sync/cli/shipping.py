"""From jobs to calls: what each job's configuration is, what must be uploaded for it, and what will be sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from s3sync.cli.commands import COMMANDS
from s3sync.config.contradictions import check_ready
from s3sync.config.jobs_file import Job
from s3sync.config.load import conf_file
from s3sync.config.model import Access, Config
from s3sync.config.setting import Command
from s3sync.emr.artifacts import upload
from s3sync.emr.destinations import ApiCall, Destination
from s3sync.emr.package import Artifact, app_archive, artifact, dependency_archive, entry_script
from s3sync.emr.spark_conf import read_spark_defaults
from s3sync.emr.steps import JobRun, Shipment, job_name, job_text
from s3sync.errors import ConfigError
from s3sync.runs.folder import new_run_id

Say = Callable[[str], None]
_NOT_IN_A_LIST = frozenset(",#\"' \t\n")  # --archives URI#NAME,URI#NAME, and what a shell would take apart


@dataclass(frozen=True, slots=True)
class Order:
    """One job to send: the command, its configuration, the name of its step, the same in each of its runs, and its own
    role, where it has one."""

    command: str
    config: Config
    name: str
    role_arn: str | None = None

    @property
    def submission_id(self) -> str | None:
        return self.config.run.submission_id


@dataclass(frozen=True, slots=True)
class Cargo:
    """Everything that is sent: artifacts first, then the calls."""

    artifacts_uri: str
    artifacts: tuple[Artifact, ...]
    calls: tuple[ApiCall, ...]


def order(command: str, config: Config, now: datetime | None, job: str | None = None) -> Order:
    """`now` makes the job tell how it ended, under an id of its own; a schedule's job has nobody to tell. `job` is its
    name in the file of jobs.

    Raises ConfigError where the command can't do with the configuration.
    """
    check = check_ready if command == Command.DOCTOR else COMMANDS[Command(command)].check
    if check is not None:
        check(config)
    submission_id = new_run_id(now) if now else None
    config = replace(config, run=replace(config.run, submission_id=submission_id))
    return Order(command, config, job_name(command, config, job))


def orders_of(
    command: str, config: Config, now: datetime | None, *, check: bool, job: Job | None = None
) -> tuple[Order, ...]:
    """The job, and a check behind it where it is a migrate and one is wanted; `job` is its entry in the file."""
    name, role_arn = (job.name, job.role) if job is not None else (None, None)
    commands = [command, *([Command.CHECK] if command == Command.MIGRATE and check else [])]
    return tuple(replace(order(each, config, now, name), role_arn=role_arn) for each in commands)


def load_cargo(orders: Sequence[Order], destination: Destination, base: Config, cache: Path, say: Say) -> Cargo:
    """Build what is not built yet, and make the calls. Nothing is uploaded or sent."""
    submit = base.submit
    artifacts_uri = submit.artifacts_uri or f"{orders[0].config.run.work_uri.rstrip('/')}/artifacts"
    if not artifacts_uri.startswith("s3://"):
        raise ConfigError("--artifacts-uri", "is missing, and the work location is no S3 URI; give s3://BUCKET/PREFIX")
    if found := sorted(set(artifacts_uri) & _NOT_IN_A_LIST):
        raise ConfigError(
            "--artifacts-uri", f"{artifacts_uri} has {found[0]!r}, which parts Spark's list of archives; name another"
        )
    files = [_job_file(each, cache) for each in orders]
    entry = entry_script()
    app = deps = None
    if not submit.preinstalled:
        app, deps = app_archive(cache), dependency_archive(destination.platform, cache, say)
    shipment = Shipment(
        entry.uri(artifacts_uri), app.uri(artifacts_uri) if app else None, deps.uri(artifacts_uri) if deps else None
    )
    jobs = [
        JobRun(each.name, each.command, file.uri(artifacts_uri), each.role_arn)
        for each, file in zip(orders, files, strict=True)
    ]
    defaults_file = Path(submit.spark_defaults) if submit.spark_defaults else conf_file("spark-defaults.conf")
    calls = destination.calls(jobs, shipment, read_spark_defaults(defaults_file))
    packages = (each for each in (entry, app, deps) if each is not None)
    return Cargo(artifacts_uri, (*packages, *files), calls)


def _job_file(each: Order, cache: Path) -> Artifact:
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"job-{each.submission_id or each.command}.yml"
    path.write_text(job_text(each.config), encoding="utf-8")
    stem = "".join(c if c.isalnum() or c == "-" else "-" for c in f"{each.command}-{each.config.target.bucket}")
    found = artifact(path, "jobs", stem, ".yml")
    kept = cache / Path(found.name).name
    path.replace(kept)
    return replace(found, path=kept)


def upload_all(access: Access, cargo: Cargo, say: Say) -> None:
    for each in cargo.artifacts:
        upload(access, each, cargo.artifacts_uri, say)
