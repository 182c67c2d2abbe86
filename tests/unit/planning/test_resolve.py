"""Resolving both sides of a key into plan rows: the tables of the module, and a plain model beside it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import Config, CopyConfig, PlanConfig, SourceConfig, TargetConfig
from s3sync.errors import MappingError
from s3sync.model.limits import COPY_OBJECT_MAX_BYTES
from s3sync.model.tables import CANDIDATES, ORDER, PLAN
from s3sync.model.task import Overwrite, task_id
from s3sync.planning.method import MethodRule
from s3sync.planning.resolve import ResolveOptions, resolve
from s3sync.selection.mapping import Collision
from tests.unit.planning.plain_decision import Seen, decide

OLD = datetime(2024, 1, 1, tzinfo=UTC)
PLAIN, OTHER, PARTS = "a" * 32, "b" * 32, "a" * 32 + "-2"
LOOKED = ResolveOptions(looked=True, overwrite=Overwrite.CHANGED)


def row(target_key="k", side=0, source_key=None, time=0, **values) -> dict:
    """A candidate; `time` is in seconds after OLD."""
    source_key = (source_key or target_key) if side == 0 else None
    found = {
        "target_key": target_key,
        "side": side,
        "source_key": source_key,
        "size": 1,
        "etag": PLAIN,
        "last_modified": OLD + timedelta(seconds=time),
    }
    return found | values


def candidates(*rows: dict) -> pa.Table:
    ordered = sorted(rows, key=lambda r: (r["target_key"], r["side"], -r["last_modified"].timestamp()))
    return pa.Table.from_pylist(ordered, schema=CANDIDATES)


def planned(rows, options=LOOKED) -> list[tuple]:
    return named(resolve(candidates(*rows), options).plan)


def named(plan: pa.Table) -> list[tuple]:
    """The planned rows by source key and time, with what is done."""
    times = [(r["last_modified"] - OLD) // timedelta(seconds=1) for r in plan.to_pylist()]
    rows = zip(plan.to_pylist(), times, strict=True)
    return [(f"{r['source_key']}@{time}", r["action"], r["reason"]) for r, time in rows]


def test_source_only_is_copied_without_a_look_and_every_column_is_kept():
    given_row = row("t/k", source_key="k", version_id="v", storage_class="GLACIER", encryption="SSE-S3")
    plan = resolve(candidates(given_row), ResolveOptions("source", "target")).plan
    assert plan.schema == PLAN
    made = {"action": "copy", "reason": "not_looked", "method": "copy_object"}
    made["task_id"] = task_id("source", "k", "v", "target", "t/k")
    wanted = {name: given_row.get(name) for name in PLAN.names}
    assert plan.to_pylist() == [wanted | made]


def test_nothing_gives_an_empty_plan():
    found = resolve(candidates(), LOOKED)
    assert (found.plan.num_rows, found.plan.schema, found.duplicates, found.only_on_target) == (0, PLAN, 0, 0)


def test_duplicates_are_counted_and_the_newest_is_planned():
    """C1: duplicates + planned = source rows."""
    rows = [row("a", time=1), row("a", time=3), row("a", time=2), row("b")]
    found = resolve(candidates(*rows), ResolveOptions())
    assert [name for name, _, _ in named(found.plan)] == ["a@3", "b@0"]
    assert found.duplicates == 2


def test_the_newest_target_row_is_looked_at_and_lone_targets_are_counted():
    rows = [
        row("a", time=5, etag=None),
        row("a", side=1, time=1, etag=None),
        row("a", side=1, time=9, etag=None),
        row("b", side=1),
        row("b", side=1, time=1),
        row("c"),
        row("d", side=1),
    ]
    assert planned(rows) == [("a@5", "skip", "size_and_time"), ("c@0", "copy", "missing")]
    assert resolve(candidates(*rows), LOOKED).only_on_target == 2


def test_target_rows_mean_nothing_where_nobody_looked():
    rows = [row("a"), row("a", side=1)]
    assert planned(rows, ResolveOptions(overwrite=Overwrite.NEVER)) == [("a@0", "copy", "not_looked")]


def test_collisions_are_counted_ten_are_kept_and_the_rest_of_the_plan_stands():
    rows = [row(f"t{n:02d}", source_key=f"{side}{n}", time=side) for n in range(12) for side in (1, 2)]
    found = resolve(candidates(*rows, row("u"), row("u", time=1), row("t05", side=1)), ResolveOptions())
    assert (found.faults.collision_count, len(found.faults.collisions), found.duplicates) == (12, 10, 1)
    assert found.faults.collisions[3] == Collision("t03", ("13", "23"))
    assert found.plan.num_rows == 13
    with pytest.raises(MappingError, match="12 target keys"):
        found.faults.raise_if_any()


def test_a_key_on_the_target_only_may_be_as_long_as_it_likes():
    rows = [row("k" * 1024), row("l" * 1025), row("m" * 1025, side=1)]
    found = resolve(candidates(*rows), LOOKED).faults
    assert (found.too_long_count, found.too_long, found.collision_count) == (1, ("l" * 1025,), 0)


@pytest.mark.parametrize(
    ("options", "size", "etag", "method"),
    [
        (ResolveOptions(), COPY_OBJECT_MAX_BYTES, PARTS, "copy_object"),
        (ResolveOptions(), COPY_OBJECT_MAX_BYTES + 1, PLAIN, "multipart_copy"),
        (ResolveOptions(), None, PLAIN, "copy_object"),
        (ResolveOptions(method=MethodRule(preserve_etags=True)), 1, PARTS, "multipart_copy"),
    ],
)
def test_method(options, size, etag, method):
    plan = resolve(candidates(row(size=size, etag=etag)), options).plan
    assert plan["method"].to_pylist() == [method]


def test_options_come_from_the_configuration():
    config = Config(
        source=SourceConfig(bucket="source"),
        target=TargetConfig(bucket="target"),
        plan=PlanConfig(verify=True, overwrite=Overwrite.NEVER),
        copy=CopyConfig(preserve_etags=True, multipart_threshold_bytes=7),
    )
    wanted = ResolveOptions(
        "source", "target", True, Overwrite.NEVER, True, source_hides_md5=False, method=MethodRule(7, True, True)
    )
    assert ResolveOptions.of(config, source_hides_md5=False, target_hides_md5=True, is_relayed=True) == wanted


def test_etags_of_a_bucket_that_hides_md5s_are_not_compared():
    """As listed live: no row names its encryption."""
    rows = [row("a"), row("a", side=1, etag=OTHER, time=1)]
    assert planned(rows) == [("a@0", "copy", "etag_differs")]
    for side in ("source", "target"):
        assert planned(rows, replace(LOOKED, **{f"{side}_hides_md5": True})) == [("a@0", "skip", "size_and_time")]


def test_a_source_row_without_an_id_is_a_defect():
    with pytest.raises(ValueError, match="source_key"):
        resolve(candidates(row() | {"source_key": None}), ResolveOptions())


def test_a_table_in_pieces_with_another_name_of_utc_is_as_good():
    table = candidates(*(row(key, side=side) for key in "abcd" for side in (0, 1)))
    foreign = table.set_column(5, "last_modified", table["last_modified"].cast(pa.timestamp("us", tz="Etc/UTC")))
    pieces = pa.concat_tables([foreign.slice(at, 3) for at in range(0, 8, 3)])
    assert resolve(pieces, LOOKED).plan == resolve(table, LOOKED).plan


ROWS = st.builds(
    row,
    target_key=st.sampled_from("abc"),
    side=st.sampled_from([0, 1]),
    source_key=st.sampled_from([None, None, "x"]),
    time=st.integers(0, 2),
    size=st.sampled_from([None, 1, 2]),
    etag=st.sampled_from([None, PLAIN, OTHER, PARTS]),
    encryption=st.sampled_from([None, "SSE-KMS"]),
)


def seen(found: dict) -> Seen:
    return Seen(found["size"], found["etag"], found["last_modified"], found["encryption"])


@given(st.lists(ROWS, max_size=12), st.sampled_from(Overwrite), st.booleans())
def test_a_plain_model_says_the_same(rows, overwrite, looked):
    """C1: planned + duplicates + colliding rows = source rows, and each row's reason is that of `decide`."""
    table = candidates(*rows)
    wanted, duplicates, lone, collisions = [], 0, 0, []
    for key, group in groupby(table.to_pylist(), key=lambda r: r["target_key"]):
        members = list(group)
        sources, targets = [r for r in members if r["side"] == 0], [r for r in members if r["side"] == 1]
        if not sources:
            lone += 1
            continue
        target = seen(targets[0]) if targets else None
        reason = decide(seen(sources[0]), target, overwrite, looked=looked)
        time = (sources[0]["last_modified"] - OLD) // timedelta(seconds=1)
        wanted.append((f"{sources[0]['source_key']}@{time}", str(reason.action), str(reason)))
        duplicates += sum(r["source_key"] == sources[0]["source_key"] for r in sources[1:])
        if len(found := {r["source_key"] for r in sources}) > 1:
            collisions.append(Collision(key, tuple(sorted(found))))
    got = resolve(table, ResolveOptions(looked=looked, overwrite=overwrite))
    assert named(got.plan) == wanted
    assert (got.duplicates, got.only_on_target) == (duplicates, lone)
    assert (got.faults.collision_count, list(got.faults.collisions)) == (len(collisions), collisions)


@given(st.lists(ROWS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_came_changes_nothing(rows, random):
    """Portions of a partition come in any order, and the plan is the same."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (pa.Table.from_pylist(given_rows, schema=CANDIDATES) for given_rows in (rows, shuffled))
    plans = [resolve(table.take(pc.sort_indices(table, ORDER)), LOOKED).plan for table in (one, other)]
    assert plans[0] == plans[1]
