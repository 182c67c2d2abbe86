"""From the rows of both sides to plan rows: one per target key, with what to do and how.

Whether S3 copies by itself, or the bytes go through the workers (`--mode downup`).
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import Access, Config, Mode
from s3sync.config.partitions import partition, service
from s3sync.model.conditions import ABSENT
from s3sync.model.tables import PLAN, SIDE_SOURCE
from s3sync.model.task import Action, Overwrite, task_ids
from s3sync.planning.decision import REASONS, Reason, decide_all
from s3sync.planning.method import MethodRule, methods_of
from s3sync.selection.mapping import EXAMPLES, Collision, MappingFaults, too_long

Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


_ACTION_NAMES = pa.array([str(reason.action) for reason in REASONS])
_REASON_NAMES = pa.array([str(reason) for reason in REASONS])
_COMPARED = ["size", "etag", "last_modified", "encryption"]


@dataclass(frozen=True, slots=True)
class ResolveOptions:
    """What the plan depends on. `looked`: the target was listed, so its rows (or their absence) mean something. The
    buckets go into the ids of the tasks."""

    source_bucket: str = ""
    target_bucket: str = ""
    looked: bool = False
    overwrite: Overwrite = Overwrite.ALWAYS
    target_hides_md5: bool = False
    source_hides_md5: bool = False
    method: MethodRule = field(default_factory=MethodRule)

    @classmethod
    def of(
        cls, config: Config, *, source_hides_md5: bool, target_hides_md5: bool, is_relayed: bool = False
    ) -> "ResolveOptions":
        """`hides_md5` of a side: what is written there is encrypted so that its ETag is no MD5 (model/etag.py).
        `is_relayed`: see `planning.resolve`."""
        return cls(
            config.source.bucket or "",
            config.target.bucket or "",
            config.plan.verify or config.plan.from_findings is not None,
            config.plan.overwrite,
            target_hides_md5,
            source_hides_md5,
            MethodRule(config.copy.multipart_threshold_bytes, config.copy.preserve_etags, is_relayed),
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """What `resolve` found.

    `plan` has the schema `model.tables.PLAN` and the order of the input. `duplicates` are source rows that repeat
    an object, `only_on_target` target keys that no source row has. A plan with `faults` must not be carried out."""

    plan: pa.Table
    duplicates: int
    only_on_target: int
    faults: MappingFaults = field(default_factory=MappingFaults)


def resolve(table: pa.Table, options: ResolveOptions) -> Resolved:
    """The plan rows for some target keys.

    `table` has the schema `model.tables.CANDIDATES`, is sorted by ORDER, and has all rows of each of its target
    keys.

    | rows of one target key                   | then                                                    |
    |------------------------------------------|---------------------------------------------------------|
    | one source row                           | planned                                                 |
    | several source rows, one source key      | the newest is planned, the others are duplicates        |
    | several source keys                      | a collision: a fault; the newest stands in the plan     |
    | several target rows                      | the newest is looked at                                 |
    | target rows only                         | counted                                                 |
    | target key over 1,024 bytes, with source | a fault                                                 |
    """
    table = table.combine_chunks()
    groups = _Groups.of(table)
    sources = table if groups.only_planned else table.take(pa.array(groups.planned))
    targets = groups.newest_target[groups.group[groups.planned]]
    foreign = groups.repeats[_other_source_key(table, groups)]
    return Resolved(
        plan=_plan(sources, _reason_codes(table, sources, targets, options), _seen(table, targets, options), options),
        duplicates=groups.repeats.size - foreign.size,
        only_on_target=int((groups.newest_target >= 0).sum() - (targets >= 0).sum()),
        faults=_collisions(table, groups, foreign) + _too_long(sources["target_key"]),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """Where the target keys of a table begin and what they hold, as row numbers.

    `group` is each row's group and `start` each group's first row; `newest_target` is -1 for a group without one;
    `planned` are the rows that begin a group on the source side, `repeats` the other source rows.
    """

    group: Indices
    start: Indices
    newest_target: Indices
    planned: Indices
    repeats: Indices

    @classmethod
    def of(cls, table: pa.Table) -> "_Groups":
        begins = _begins(table["target_key"])
        is_source: Bools = table["side"].to_numpy() == SIDE_SOURCE
        group: Indices = np.cumsum(begins) - 1
        start = np.flatnonzero(begins)
        newest_target = np.full(start.size, -1, np.int64)
        if not is_source.all():
            follows_source = np.zeros_like(is_source)
            follows_source[1:] = is_source[:-1]
            first_targets = np.flatnonzero(~is_source & (begins | follows_source))
            newest_target[group[first_targets]] = first_targets
        return cls(group, start, newest_target, np.flatnonzero(is_source & begins), np.flatnonzero(is_source & ~begins))

    @property
    def only_planned(self) -> bool:
        return self.planned.size == self.group.size


def _begins(target_keys: pa.ChunkedArray) -> Bools:
    begins: Bools = np.ones(len(target_keys), np.bool_)
    if begins.size > 1:
        begins[1:] = pc.not_equal(target_keys[1:], target_keys[:-1]).to_numpy(zero_copy_only=False)
    return begins


def _reason_codes(
    table: pa.Table, sources: pa.Table, targets: Indices, options: ResolveOptions
) -> npt.NDArray[np.int8] | None:
    """Places in `REASONS`; None where nobody looked at the target."""
    if not options.looked:
        return None
    codes = np.full(sources.num_rows, REASONS.index(Reason.MISSING), np.int8)
    present = np.flatnonzero(targets >= 0)
    if present.size:
        codes[present] = decide_all(
            sources.select(_COMPARED).take(pa.array(present)),
            table.select(_COMPARED).take(pa.array(targets[present])),
            options.overwrite,
            source_hides_md5=options.source_hides_md5,
            target_hides_md5=options.target_hides_md5,
        )
    return codes


def _seen(table: pa.Table, targets: Indices, options: ResolveOptions) -> pa.ChunkedArray | pa.Array:
    """What the look at the target showed, for the conditions of the writes: see `Task.target_etag`."""
    if not options.looked:
        return pa.nulls(targets.size, pa.string())
    found = table["etag"].take(pa.array(targets, mask=targets < 0))
    return pc.if_else(pa.array(targets < 0), ABSENT, found)


def _plan(
    sources: pa.Table,
    reason_codes: npt.NDArray[np.int8] | None,
    seen: pa.ChunkedArray | pa.Array,
    options: ResolveOptions,
) -> pa.Table:
    if sources["source_key"].null_count:
        raise ValueError("a source row without source_key")
    if reason_codes is None:
        actions = pa.repeat(str(Reason.NOT_LOOKED.action), sources.num_rows)
        reasons = pa.repeat(str(Reason.NOT_LOOKED), sources.num_rows)
    else:
        codes = pa.array(reason_codes)
        actions, reasons = _ACTION_NAMES.take(codes), _REASON_NAMES.take(codes)
    keys = sources["source_key"], sources["version_id"], options.target_bucket, sources["target_key"]
    ids = task_ids(options.source_bucket, *keys)
    made = {
        "task_id": ids,
        "action": actions,
        "reason": reasons,
        "method": methods_of(sources["size"], sources["etag"], options.method),
        "target_etag": pc.if_else(pc.equal(actions, str(Action.COPY)), seen, pa.scalar(None, pa.string())),
    }
    columns = [made[column.name] if column.name in made else sources[column.name].cast(column.type) for column in PLAN]
    return pa.table(columns, schema=PLAN)


def _other_source_key(table: pa.Table, groups: _Groups) -> Bools:
    """Which of `repeats` are of another source key than the row that is planned for their target key."""
    if not groups.repeats.size:
        return np.zeros(0, np.bool_)
    source_keys = table["source_key"]
    planned = source_keys.take(pa.array(groups.start[groups.group[groups.repeats]]))
    differs: Bools = pc.not_equal(source_keys.take(pa.array(groups.repeats)), planned).to_numpy(zero_copy_only=False)
    return differs


def _collisions(table: pa.Table, groups: _Groups, foreign: Indices) -> MappingFaults:
    colliding = np.unique(groups.group[foreign])
    examples = []
    for group in colliding[:EXAMPLES]:
        others = foreign[groups.group[foreign] == group]
        rows = np.concatenate([groups.start[group : group + 1], others])
        source_keys = table["source_key"].take(pa.array(rows)).unique().sort()[:EXAMPLES].to_pylist()
        examples.append(Collision(table["target_key"][int(rows[0])].as_py(), tuple(source_keys)))
    return MappingFaults(collision_count=colliding.size, collisions=tuple(examples))


def _too_long(target_keys: pa.ChunkedArray) -> MappingFaults:
    found = target_keys.filter(too_long(target_keys))
    return MappingFaults(too_long_count=len(found), too_long=tuple(found[:EXAMPLES].to_pylist()))


_VPC_ENDPOINT = ".vpce."


# The first line that fits decides.
#
# | mode   | services               | partitions | VPC endpoint, and regions differ | then                       |
# |--------|------------------------|------------|----------------------------------|----------------------------|
# | downup | any                    | any        | any                              | relay                      |
# | copy   | not the same           | any        | any                              | relay                      |
# | copy   | both AWS               | differ     | any                              | relay                      |
# | copy   | both AWS               | the same   | yes, on either side              | relay                      |
# | copy   | both AWS               | the same   | no                               | S3 copies                  |
# | copy   | the same, not AWS      |            |                                  | S3 copies                  |
#
# Services are the same where both are AWS, or the endpoints are one host and port. A CopyObject is sent to the target
# with the target's credentials: other credentials for the source say nothing, as a bucket policy may let the target's
# read it. Where none does, every copy is denied, and `--mode downup` is the way.
def is_relayed(mode: Mode, source: Access, target: Access) -> bool:
    """True where the target can't copy from the source by itself, or is not to."""
    if mode is Mode.DOWNUP or service(source) != service(target):
        return True
    if service(source) is not None:
        return False
    if partition(source) != partition(target):
        return True
    through_vpc = any(_VPC_ENDPOINT in (side.endpoint_url or "") for side in (source, target))
    return through_vpc and source.region_name != target.region_name
