"""The run that a command follows: the migration that `check --run-id` checks, the check whose findings are copied."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3sync.config.load import followed, taken_over
from s3sync.config.model import Config
from s3sync.errors import ConfigError
from s3sync.model.limits import TIME_STEP
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import Plan
from s3sync.runs.store import Store, open_store

CHECK = "check"  # in the options of a check's run: a check and a migration with the same options are two runs
FINDINGS = "findings"  # the stage whose manifest names a check's findings

_BUCKETS = ("source.bucket", "target.bucket", "target.prefix", "target.strip_prefix")
# How copies are made and stored: those of findings as the copies that the check was of.
_STORED = ("target.storage_class", "target.encryption", "copy.tags", "copy.annotations")
_COPIED = (
    *_STORED,
    "target.kms_key_id",
    "target.bucket_key",
    "target.acl",
    "copy.mode",
    "copy.preserve_etags",
    "copy.etags",
    "copy.website_redirects",
    "copy.multipart_threshold",
    "copy.part_size",
)
_OF_A_MIGRATION = (*_BUCKETS, "source.prefixes", *_STORED)


@dataclass(frozen=True, slots=True)
class Migration:
    """A finished migration: its plan, the tables that say what it copied, or found on the target already, and when it
    ended, later attempts at its tasks included."""

    plan: Plan
    tables: tuple[str, ...]
    ended_at: datetime


def followed_migration(config: Config, store: Store, run_id: str) -> tuple[Config, Migration]:
    """The configuration of a check of that run, and the run. Raises ConfigError where it can't be checked."""
    folder, options = _options_of(store, run_id, "--run-id", is_check=False)
    plan, outcomes, summary = folder.manifest("plan"), folder.manifest("outcomes"), folder.get_json("summary.json")
    if plan is None or outcomes is None or summary is None:
        raise ConfigError(
            "--run-id", f"run {run_id} is not finished, so it does not say yet what it copied; go on with it first"
        )
    retries = folder.manifest("retries") or {"settled": []}
    tables = (*outcomes["parts"], *outcomes["skip_files"], *(name for _, name in retries["settled"]))
    ended_at = datetime.fromisoformat(summary["ended_at"])
    return followed(config, options, _OF_A_MIGRATION, run_id), Migration(Plan.from_json(plan), tables, ended_at)


def followed_check(config: Config) -> Config:
    """The configuration with the buckets of the check whose findings are copied, if one is named, and with the storing
    of its copies, as far as that is not given: as the run that was checked stores them, or as the check was told.
    Raises ConfigError where there is no such check, or it is not finished."""
    run_id = config.plan.from_findings
    if run_id is None:
        return config
    store = open_store(config.run.work_uri, config.access.work)
    folder, options = _options_of(store, run_id, "--from-findings", is_check=True)
    if folder.manifest(FINDINGS) is None:
        raise ConfigError("--from-findings", f"check {run_id} is not finished; go on with it first")
    config = followed(config, options, _BUCKETS, run_id)
    of_run = options.get("of_run")
    checked = (RunFolder(store, of_run).get_json("run.json") or {}).get("options", {}) if of_run else {}
    return taken_over(taken_over(config, checked, _COPIED), options, _STORED)


def check_looked_at(store: Store, run_id: str) -> datetime:
    """Until when the target's objects were there for that check, by the target server's clock; what is newer came
    since. A check of an older version tells its own machine's time only."""
    folder = RunFolder(store, run_id)
    told = (folder.manifest(FINDINGS) or {}).get("target_looked_at")
    return datetime.fromisoformat(told or (folder.get_json("run.json") or {})["created_at"]) + TIME_STEP


def findings_of_check(store: Store, run_id: str) -> list[str]:
    """The files of a finished check's findings, as paths in its folder."""
    return list((RunFolder(store, run_id).manifest(FINDINGS) or {"files": []})["files"])


def _options_of(store: Store, run_id: str, option: str, *, is_check: bool) -> tuple[RunFolder, dict[str, Any]]:
    folder = RunFolder(store, run_id)
    described = folder.get_json("run.json")
    if described is None:
        raise ConfigError(option, f"there is no run {run_id} in {store.uri}; see --work-uri")
    options: dict[str, Any] = described["options"]
    if (options.get("command") == CHECK) is not is_check:
        found, expected = ("a migration", "a check") if is_check else ("a check", "a migration")
        raise ConfigError(option, f"run {run_id} is {found}; name {expected}")
    return folder, options
