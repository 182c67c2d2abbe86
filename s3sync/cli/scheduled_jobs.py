"""The jobs of conf/buckets.yml as a command sees them: which file, which of its jobs, and each one's configuration."""

import os
from pathlib import Path

from s3sync.cli.options import Invocation
from s3sync.config.jobs_file import Job, chosen, read_jobs
from s3sync.config.load import conf_file, load
from s3sync.config.model import Config


def buckets_file(config: Config) -> Path:
    return Path(config.submit.buckets_file) if config.submit.buckets_file else conf_file("buckets.yml")


def named_jobs(invocation: Invocation) -> tuple[Job, ...]:
    """Those of `--only`, else all, disabled ones too. Raises ConfigError."""
    return chosen(read_jobs(buckets_file(invocation.config)), invocation.extra.only)


def enabled_jobs(invocation: Invocation) -> list[Job]:
    """Those of `--only`, enabled or not, else all that are enabled. Raises ConfigError."""
    return [job for job in named_jobs(invocation) if job.enabled or invocation.extra.only]


def config_of(job: Job, invocation: Invocation) -> Config:
    """The configuration of a job of the file: its own settings over the files and variables, below the options."""
    extra = invocation.extra
    return load(extra.options, os.environ, extra.config_file, extra.env_file, job.given)
