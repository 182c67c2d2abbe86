"""What a check found is copied: the findings that were chosen, over what the check saw and nothing else."""

from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest

from tests.e2e.checking import Checked, Checks, Pair, wait_a_second

Factory = Callable[..., str]


@pytest.fixture
def pair(s3: Any, bucket_factory: Factory) -> Pair:
    """Two buckets that differ: `lost*` are not on the target, `other*` have another content there."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    for n in range(6):
        pair.put(f"same{n}", b"same %d" % n)
        pair.put(f"lost{n}", b"lost %d" % n, pair.source)
        pair.put(f"other{n}", b"source %d" % n, pair.source)
        pair.put(f"other{n}", b"target %d" % n, pair.target)
    return pair


def checked_of(checks: Checks, pair: Pair) -> Checked:
    wait_a_second()
    checked = checks.run("-s", pair.source, "-t", pair.target)
    assert checked.code == 4, checked.output
    wait_a_second()
    return checked


def test_of_the_verdicts_that_are_named_and_no_others(checks: Checks, pair: Pair) -> None:
    checked = checked_of(checks, pair)
    run = checked.summary["run_id"]
    said = "".join(checked.output.split())  # lines are broken anywhere
    assert f"--from-findings{run}" in said
    for verdict in ("missing_on_target", "content_differs"):
        assert f"--verdict{verdict}" in said

    checks.migrate("--from-findings", run, "--verdict", "missing_on_target")

    assert [pair.body(pair.target, f"lost{n}") for n in range(6)] == [b"lost %d" % n for n in range(6)]
    assert [pair.body(pair.target, f"other{n}") for n in range(6)] == [b"target %d" % n for n in range(6)]
    checks.migrate("--from-findings", run, "--verdict", "content_differs", "--verdict", "size_differs")
    assert [pair.body(pair.target, f"other{n}") for n in range(6)] == [b"source %d" % n for n in range(6)]
    assert checks.run("-s", pair.source, "-t", pair.target).code == 0


def test_c16_a_target_that_changed_since_the_check_is_left_alone_and_reported(checks: Checks, pair: Pair) -> None:
    """The default, `always`, is about what the check saw."""
    run = checked_of(checks, pair).summary["run_id"]
    for key in ("lost0", "other0"):
        pair.put(key, b"a client's", pair.target)
    pair.put("other1", b"source 1", pair.target)  # settled by somebody: the copy is there

    code, output = checks.migrated("--from-findings", run)

    assert code == 3, output
    tasks = {row["target_key"]: row["target_etag"] for row in checks.planned()}
    assert (tasks["lost1"], tasks["other1"]) == ("", md5(b"target 1").hexdigest())  # as the check saw them
    assert "TargetIsNewer" in output
    for key in ("lost0", "other0"):
        assert pair.body(pair.target, key) == b"a client's"
    for n in range(1, 6):
        assert pair.body(pair.target, f"lost{n}") == b"lost %d" % n
        assert pair.body(pair.target, f"other{n}") == b"source %d" % n
