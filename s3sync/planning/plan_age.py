"""How old a plan is, what it was made from, and whether it is carried out still."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil

from s3sync.config.values import write_duration
from s3sync.errors import ConfigError
from s3sync.inventory.manifest import Manifest
from s3sync.report.console import duration_text
from s3sync.runs.folder import RunFolder
from s3sync.runs.plan import REPORT, Origin, Plan, looked_at

_BEGUN = ("outcomes/", "enqueued/", "uploads/", "retries/")
HOUR_SECONDS = 3600


def is_begun(folder: RunFolder) -> bool:
    """Whether anything of the run's plan was carried out, or sent to be."""
    return any(next(folder.names(prefix), None) is not None for prefix in _BEGUN)


def seen_at(folder: RunFolder) -> datetime | None:
    """When the run first looked at the buckets; None where it has not yet."""
    committed = folder.manifest("plan")
    return Plan.from_json(committed).planned_at if committed is not None else looked_at(folder)


# | the run has a plan | its listing, if it has one  | something of it was begun | `s3sync plan`                  |
# |--------------------|-----------------------------|---------------------------|--------------------------------|
# | yes                |                             | yes                       | shows the plan that is there   |
# | yes                |                             | no                        | begins a new run: a fresh plan |
# | no                 | is older than the limit     |                           | begins a new run               |
# | no                 | is younger, or not begun    |                           | goes on with it                |
def plan_goes_on(folder: RunFolder, now: datetime, max_age_seconds: float) -> bool:
    """Whether `s3sync plan` shows the unfinished run of its options, or goes on with it, rather than plan anew."""
    if folder.manifest("plan") is not None:
        return is_begun(folder)
    looked = looked_at(folder)
    return looked is None or now - looked <= timedelta(seconds=max_age_seconds)


# | older than --plan-max-age | something of it was begun | then                                   |
# |---------------------------|---------------------------|----------------------------------------|
# | no                        | any                       | carried out                            |
# | yes                       | yes                       | gone on with: its age is said          |
# | yes                       | no                        | refused, with both ways out            |
def refuse_if_too_old(folder: RunFolder, now: datetime, max_age_seconds: float) -> None:
    """Raises ConfigError where the run has a plan, or a listing, that is too old to be begun unasked."""
    seen = seen_at(folder)
    if seen is None or now - seen <= timedelta(seconds=max_age_seconds) or is_begun(folder):
        return
    age_seconds = (now - seen).total_seconds()
    consent = write_duration((ceil(age_seconds / HOUR_SECONDS) + 1) * HOUR_SECONDS)
    raise ConfigError(
        "--plan-max-age",
        f"what run {folder.run_id} is planned from was seen {duration_text(age_seconds)} ago, and nothing of it was "
        f"begun; `s3sync plan` with the same options makes a fresh plan, --plan-max-age {consent} carries out this one",
    )


def plan_lines(plan: Plan, now: datetime, found: Iterable[Manifest]) -> list[str]:
    """The plan's age where it was there before, what it was made from, and that a newer report waits. `found` are the
    reports that the options name now."""
    age_seconds = (now - plan.planned_at).total_seconds()
    made = "; ".join(str(origin) for origin in plan.made_from) or "what its version did not write down"
    age = f"is {duration_text(age_seconds)} old, " if age_seconds > 0 else "is "
    lines = [f"The plan {age}made from {made}"]
    reports = [origin for origin in plan.made_from if origin.what == REPORT]
    newest = max(found, key=lambda manifest: manifest.created_at, default=None)
    if reports and newest is not None and newest.created_at > max(origin.at for origin in reports):
        waits = Origin(REPORT, newest.uri, newest.created_at)
        lines.append(f"A newer report waits, {waits}; this run goes by its plan. --run-id NAME begins one by the newer")
    return lines
