"""What must hold in every schedule. Each oracle compares what the run does and says with what the model knows.

| oracle | what it refuses |
|---|---|
| C16 | an object of somebody else, newer than the plan, is replaced where a look and a condition keep it |
| C4 | what is written is not the planned object |
| C2 | what was copied is not there afterwards, though nobody else touched it; no trouble at all, and not copied |
| truth (C17) | copied, skipped, vanished, changed, newer: said, and not so |
| C7 | an upload of the run is left open |
| C14 | a check says match of what is not equal, or tells a difference that is none |
| C9 | an operation does not end (network.py) |
"""

from dataclasses import dataclass
from itertools import takewhile

from s3sync.demo.s3_model.content import hides_md5
from s3sync.demo.s3_model.objects import DEFAULT_TYPE
from s3sync.demo.s3_model.stored import Description, Version
from s3sync.model.finding import Finding, Verdict
from s3sync.model.outcome import Outcome, Pinned, Status, Verified
from s3sync.model.task import Overwrite, Task
from tests.sim.network import Sender
from tests.sim.world import KEY, TARGET, Violation, World, Write, during


@dataclass(slots=True)
class Truth:
    """What the model knows of the one object: as it was planned, and by what rules the run copies."""

    task: Task
    planned: Version
    planned_at: float
    overwrite: Overwrite
    heeds: bool
    plan_looked: bool  # and the task tells what it saw
    was_there: Version | None = None  # on the target, when the plan was made


# | overwrite | what is replaced                     | somebody looked | then                                        |
# |-----------|--------------------------------------|-----------------|---------------------------------------------|
# | any       | nothing, or the run's own            |                 | holds                                       |
# | never     | any other                            |                 | violation                                   |
# | any other | there before the plan                |                 | holds                                       |
# | any other | of the same content, or of equal     |                 | holds: it can't be told from a copy that is |
# |           | size and metadata, by ETags that     |                 | stored otherwise than asked for (C19)       |
# |           | can't be compared                    |                 |                                             |
# | any other | somebody's, since the plan           | no              | holds: the run was told to overwrite        |
# | any other | somebody's, since the plan, with an  | yes             | holds: If-Match can't tell it               |
# |           | ETag that was there before           |                 |                                             |
# | any other | somebody's, since the plan           | yes             | violation                                   |
def keeps_others(world: World, truth: Truth, write: Write) -> None:
    old, flight = write.replaced, write.flight
    if old is None or flight is None:
        return
    if not truth.heeds:
        if truth.overwrite is Overwrite.NEVER and truth.was_there is old:
            raise Violation("C16: what was there before the plan is replaced under `never`, conditions or not")
        return
    found = next((each for each in world.writes if each.version is old), None)
    if found is not None and found.flight is not None:
        return
    if truth.overwrite is not Overwrite.NEVER and _may_be_a_copy(old, write.version, truth.planned):
        return
    if truth.overwrite is Overwrite.NEVER:
        raise Violation("C16: an object of somebody else is replaced under `never`", flight.sender.name)
    before = takewhile(lambda version: version is not old, (version for _, version in world.target_states))
    is_alike = any(version is not None and version.etag == old.etag for version in before)
    if found is not None and not is_alike and (flight.sender.has_looked or truth.plan_looked):
        raise Violation("C16: an object of somebody else is replaced after a look", flight.sender.name)


def _may_be_a_copy(old: Version, new: Version, source: Version) -> bool:
    is_alike = old.size_bytes == new.size_bytes and old.described.metadata == new.described.metadata
    return old.body == new.body or (is_alike and any(map(_hides, (old, new, source))))


def is_planned(world: World, truth: Truth, write: Write) -> None:
    if write.flight is None or not truth.heeds:
        return
    sender, body = write.flight.sender, write.version.body
    sources = [version for _, version in world.source_states if version is not None and version.body == body]
    by_time = truth.task.etag is None and truth.task.last_modified is not None and sender.is_tied
    if by_time and all(version.last_modified > truth.planned.last_modified for version in sources):
        raise Violation("C4: a source that was modified since the plan is written", sender.name)
    if not sources or (sender.is_tied and truth.task.etag is not None and body != truth.planned.body):
        raise Violation("C4: another object than the planned one is written", sender.name)
    if all(version.described.metadata != write.version.described.metadata for version in sources):
        raise Violation("C4: metadata are written that this content never had", sender.name)
    if write.version.described.tags not in world.source_tags:
        raise Violation("C4: tags are written that the source never had", sender.name)


# | status                | must be so at some moment of the attempt                                |
# |-----------------------|-------------------------------------------------------------------------|
# | copied                | the target had the object with this ETag, and it is the planned content |
# | skipped               | the target had an object, under `never`                                 |
# | vanished              | the source was not there                                                |
# | changed               | the source was not the planned one, since the plan                      |
# | failed: TargetIsNewer | somebody else wrote to the target, or to the source since the plan      |
def is_true(world: World, truth: Truth, sender: Sender, outcome: Outcome) -> None:
    since, now, status = sender.began_at, world.s3.now, outcome.status
    targets = [each for each in during(world.target_states, since, now) if each is not None]
    is_unchanged = all(each is truth.planned for each in during(world.source_states, truth.planned_at, now))
    # What can't be read is not as asked for, as far as anybody knows, and is told so.
    is_known = world.retagged_at < truth.planned_at and "can't be read" not in (outcome.message or "")
    foreign = {id(each.version) for each in world.writes if each.flight is None}
    is_alone = not any(id(each) in foreign for each in targets)
    if status is Status.COPIED:
        _is_copied(world, truth, sender, outcome)
    elif status is Status.SKIPPED and not targets:
        raise Violation("truth: skipped, and the target never had an object", sender.name)
    elif status is Status.SKIPPED and truth.overwrite is not Overwrite.NEVER:
        raise Violation("truth: skipped, and it was to be overwritten", sender.name)
    elif status is Status.VANISHED and None not in during(world.source_states, since, now):
        raise Violation("truth: vanished, and the source was there all the time", sender.name)
    elif status is Status.CHANGED and is_unchanged:
        raise Violation("truth: changed, and the source was the planned one all the time", sender.name)
    elif outcome.error_code == "TargetIsNewer" and is_unchanged and is_known and is_alone:
        raise Violation("truth: somebody else wrote to the target, it is said, and nobody did", sender.name)


# What says itself that it was not tied to the plan, or was found and could not be compared, claims nothing more.
def _is_copied(world: World, truth: Truth, sender: Sender, outcome: Outcome) -> None:
    claims_nothing = outcome.pinned is Pinned.UNPINNED or outcome.reason == "found_on_target"
    if outcome.verified is Verified.NOT_COMPARABLE and claims_nothing:
        return
    etag = outcome.target_etag
    found = [version for _, version in world.target_states if version is not None and version.etag == etag]
    if not found:
        raise Violation("truth: copied, and the target never had that ETag", sender.name)
    if sender.is_tied and truth.task.etag is not None:
        is_right = any(version.body == truth.planned.body for version in found)
    else:
        sources = [version.body for _, version in world.source_states if version is not None]
        is_right = any(version.body in sources for version in found)
    if not is_right:
        raise Violation("truth: copied, and it is another content", f"{sender.name}, {outcome.verified}")


# | upload of the run that is open  | its sender | written down | then                                              |
# |---------------------------------|------------|--------------|---------------------------------------------------|
# | opened late                     |            |              | holds: nobody could know of it                    |
# | opened in time                  | ended      |              | violation                                         |
# | opened in time                  | died       | no           | holds: it died before it could                    |
# | opened in time                  | died       | yes          | violation: the next attempt was to abort it       |
# | any, tidying was refused        |            |              | holds: the outcome says so                        |
def leaves_no_upload(world: World) -> None:
    """When all is over."""
    for upload_id in () if world.tidying_failed else world.s3.buckets[TARGET].uploads:
        opened = world.opened.get(upload_id)
        if opened is not None and not opened.is_late and (opened.is_noted or not opened.sender.is_dead):
            raise Violation("C7: an upload is left open", f"{upload_id} of {opened.sender.name}")


def is_there(world: World, truth: Truth, outcome: Outcome) -> None:
    """C2, when everything that was on its way has taken effect."""
    if outcome.status is Status.COPIED and truth.heeds and not world.is_disturbed:
        now = world.s3.buckets[TARGET].current(KEY)
        if now is None or now.body != truth.planned.body:
            raise Violation("C2: copied, and afterwards the target has something else")
    if not (world.had_fault or world.is_disturbed) and outcome.status not in (Status.COPIED, Status.SKIPPED):
        raise Violation("C2: nothing went wrong, and it is not copied", f"{outcome.status}, {outcome.message}")


# | verdict                              | some pair of what was there during the check is                   |
# |--------------------------------------|-------------------------------------------------------------------|
# | match                                | equal in content (and described alike, where that is asked for)   |
# | size_differs, content_differs        | unequal in content                                                |
# | metadata_differs                     | described otherwise                                               |
# | missing_on_target, missing_on_source | absent on that side                                               |
# | changed_since                        | not the only one, or without a source                             |
# | unprovable                           | hidden by encryption or parts, and its bodies were not read       |
# | error                                | any; some request met a fault, or a side was written meanwhile    |
def judges_rightly(world: World, since: float, found: Finding, *, metadata: bool, is_deep: bool) -> None:
    now = world.s3.now
    sources, targets = during(world.source_states, since, now), during(world.target_states, since, now)
    pairs = [(source, target) for source in sources for target in targets if source and target]
    # Metadata and tags are read by two requests, and no condition ties the second one to the first.
    by_metadata = metadata and since > world.retagged_at and len(sources) == len(targets) == 1
    is_so = {
        Verdict.MATCH: any(one.body == other.body and (not by_metadata or _alike(one, other)) for one, other in pairs),
        Verdict.SIZE_DIFFERS: any(one.size_bytes != other.size_bytes for one, other in pairs),
        Verdict.CONTENT_DIFFERS: any(one.body != other.body for one, other in pairs),
        Verdict.METADATA_DIFFERS: not by_metadata or any(not _alike(one, other) for one, other in pairs),
        Verdict.MISSING_ON_TARGET: None in targets,
        Verdict.MISSING_ON_SOURCE: None in sources,
        Verdict.CHANGED_SINCE: len(sources) > 1 or len(targets) > 1 or None in sources,
        Verdict.UNPROVABLE: not is_deep and any(_hides(one) or _hides(other) for one, other in pairs),
        Verdict.ERROR: world.had_fault or len(sources) > 1 or len(targets) > 1,
    }
    if not is_so[found.verdict]:
        raise Violation(f"C14: the check says {found.verdict}, and it never was so", found.evidence)


def _hides(version: Version) -> bool:
    return hides_md5(version.described.encryption) or version.parts is not None


def _alike(source: Version, target: Version) -> bool:
    one, other = source.described, target.described
    return (one.metadata, _headers(one), one.tags) == (other.metadata, _headers(other), other.tags)


def _headers(about: Description) -> dict[str, object]:
    """A content type that nobody gave is S3's own, and a copy names it."""
    return {"ContentType": DEFAULT_TYPE, **about.headers}
