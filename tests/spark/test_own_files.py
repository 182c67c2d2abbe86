"""The work location may lie in a bucket of the run: its files are not copied, not compared, and counted as left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.inventories import put_inventory
from tests.spark.workplace import Workplace

Objects = Callable[[str], dict[str, bytes]]
BODIES = {f"data/{n}": f"body {n}".encode() for n in range(5)} | {"workshop": b"not the work location"}


@pytest.fixture
def filled(s3: Any, pair: tuple[str, str]) -> tuple[str, str]:
    for key, body in BODIES.items():
        s3.put_object(Bucket=pair[0], Key=key, Body=body)
    return pair


def others(found: dict[str, bytes]) -> dict[str, bytes]:
    return {key: body for key, body in found.items() if not key.startswith("work/")}


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
@pytest.mark.parametrize("options", [(), ("-v",), ("--report-uri", "")], ids=" ".join)
def test_a_work_location_in_a_bucket_of_the_run(
    workplace: Workplace, filled: tuple[str, str], objects: Objects, side: int, options: tuple[str, ...]
) -> None:
    source, target = filled
    here = replace(workplace, uri=f"s3://{filled[side]}/work")
    if "--report-uri" in options:
        options = ("--report-uri", f"s3://{filled[side]}/work-report")
    for _ in range(2):  # the second time all of the first run's tables are there
        ended = here.run("-s", source, "-t", target, *options)
        assert ended.code == 0, ended.error
        assert f"Left out, as this program's own files: s3://{filled[side]}/work/" in ended.said
    copied = {key: body for key, body in others(objects(target)).items() if not key.startswith("work-report/")}
    assert copied == BODIES
    assert any(key.startswith("work/runs/") for key in objects(filled[side]))
    if side == 0:
        assert not any(key.startswith("work/") for key in objects(target))
        assert "own_files" in ended.said
    report = options if "--report-uri" in options else ()
    checked = here.run("-s", source, "-t", target, *report, command="check")
    assert checked.code == 0, checked.said
    if report:  # a check that is not told of the report finds it on one side only
        assert here.run("-s", source, "-t", target, command="check").code == 4


def test_of_an_inventory_too_and_the_counts_add_up(
    workplace: Workplace, s3: Any, filled: tuple[str, str], home: str, objects: Objects
) -> None:
    """C1: what is left out is counted by its reason."""
    from s3sync.demo.bucket import list_objects

    source, target = filled
    for key in ("work/runs/x/run.json", "to/work/y"):
        s3.put_object(Bucket=source, Key=key, Body=b"own")
    manifest = put_inventory(s3, list_objects(s3, source), source, home)
    ended = replace(workplace, uri=f"s3://{target}/to/work").run("-m", manifest, "-t", target, "--target-prefix", "to/")
    assert ended.code == 0, ended.error
    copied = {key: body for key, body in objects(target).items() if not key.startswith("to/work/")}
    assert copied == {f"to/{key}": body for key, body in {**BODIES, "to/work/y": b"own"}.items()}
    assert "to/work/runs/x/run.json" not in objects(target)


@pytest.mark.parametrize("place", ["", "/data"])
def test_a_work_location_that_holds_the_whole_side_is_refused(
    workplace: Workplace, filled: tuple[str, str], objects: Objects, place: str
) -> None:
    source, target = filled
    given = ("-s", source, "-t", target, "--prefix", "data/")
    for command in ("migrate", "plan", "check"):
        ended = replace(workplace, uri=f"s3://{source}{place}").run(*given, command=command)
        assert (ended.code, "--work-uri: " in (ended.error or "")) == (2, True), ended.error
        assert "give them a folder, such as" in (ended.error or "")
    assert (objects(source), objects(target)) == (BODIES, {})
