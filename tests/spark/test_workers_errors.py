"""What goes wrong inside the workers comes out as one line with its cause, and nothing is copied."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.inventory.manifest import FileFormat
from tests.servers.faults import Action, Fault, Faults
from tests.spark.workplace import Ended, Workplace

Bodies = dict[str, bytes]
WHEN = datetime(2025, 6, 1, 12, tzinfo=UTC)


def data_key(bodies: Bodies) -> str:
    return next(key for key in bodies if "/data/" in key)


def replaced(bodies: Bodies, body: bytes, *, is_promised: bool = True) -> Bodies:
    """Another first data file, which the manifest promises, or not."""
    key = data_key(bodies)
    changed = {**bodies, key: body}
    if is_promised:
        place = next(name for name in bodies if name.endswith("manifest.json"))
        manifest = json.loads(bodies[place])
        manifest["files"][0] |= {"size": len(body), "MD5checksum": md5(body).hexdigest()}
        changed[place] = json.dumps(manifest).encode()
        changed[place.replace("manifest.json", "manifest.checksum")] = md5(changed[place]).hexdigest().encode()
    return changed


def lines(*texts: str) -> bytes:
    return gzip.compress("".join(texts).encode())


def good_line(source: str = "{source}", key: str = "k", size: str = "3") -> str:
    return f'"{source}","{key}","{size}","2025-06-01T12:00:00.000Z","{"e" * 32}","STANDARD","false","SSE-S3",""\n'


@dataclass(frozen=True)
class Damage:
    """`of` makes the bad report of a good one; `{source}` in the bodies is the bucket's name."""

    of: Callable[[Bodies], Bodies]
    says: tuple[str, ...]
    file_format: FileFormat = FileFormat.CSV
    options: tuple[str, ...] = ()
    code: int = 2


def flipped(bodies: Bodies) -> Bodies:
    body = bodies[data_key(bodies)]
    return replaced(bodies, body[:40] + bytes([body[40] ^ 1]) + body[41:], is_promised=False)


def cut(bodies: Bodies) -> Bodies:
    return replaced(bodies, bodies[data_key(bodies)][:-20])


def csv(*texts: str) -> Callable[[Bodies], Bodies]:
    return lambda bodies: replaced(bodies, lines(*texts))


def missing(bodies: Bodies) -> Bodies:
    return {key: body for key, body in bodies.items() if key != data_key(bodies)}


DAMAGES = {
    "a bit is flipped": Damage(flipped, ("has the MD5 ", "but its manifest says")),
    "a bit is flipped, ORC, unasked": Damage(
        flipped, ("has the MD5 ",), FileFormat.ORC, ("--no-verify-inventory",)
    ),
    "shorter than promised": Damage(
        lambda bodies: replaced(bodies, bodies[data_key(bodies)][:-5], is_promised=False),
        ("has ", " bytes, but its manifest says "),
    ),
    "not there": Damage(missing, ("is not there",)),
    "cut gzip": Damage(cut, ("can't be read as CSV",)),
    "no gzip": Damage(lambda bodies: replaced(bodies, b"a,b,c\n"), ("can't be read as CSV",)),
    "no bytes": Damage(lambda bodies: replaced(bodies, b""), ("can't be read as CSV", "the file has no bytes")),
    "cut Parquet": Damage(cut, ("can't be read as Parquet",), FileFormat.PARQUET),
    "cut ORC": Damage(cut, ("can't be read as ORC",), FileFormat.ORC),
    "of another bucket": Damage(csv(good_line("other")), ("lists objects of `other`, but its manifest is of",)),
    "too few fields": Damage(csv('"{source}","k"\n'), ("can't be read as CSV",)),
    "an empty key": Damage(csv(good_line(key="")), ("has a row without a key",)),
    "a key that is not encoded": Damage(csv(good_line(key="a b")), ("not URL-encoded as S3 does it", "`a b`")),
    "a key that is no UTF-8": Damage(csv(good_line(key="%FF")), ("has a key that is not UTF-8",)),
    "a size that is no number": Damage(csv(good_line(size="many")), ("column SIZE",)),
    "a negative size": Damage(csv(good_line(size="-1")), ("has an object of -1 bytes",)),
    "a date that is none": Damage(
        csv(good_line().replace("2025-06-01T12", "yesterday")), ("column LAST_MODIFIED",)
    ),
    "a folder that is not there": Damage(dict, ("cannot be written",), options=("--tmp-dir", "{gone}"), code=1),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_report_is_one_line(
    workplace: Workplace,
    s3: Any,
    home: str,
    pair: tuple[str, str],
    objects: Callable[[str], dict[str, bytes]],
    tmp_path: Path,
    damage: Damage,
) -> None:
    source, target = pair
    good = write_inventory(
        [InventoryObject(f"k{n}", 3, "e" * 32, WHEN) for n in range(300)],
        file_format=damage.file_format,
        source_bucket=source,
        destination_bucket=home,
        prefix="inv",
        config_id="all",
        created_at=WHEN,
    )
    for key, body in placed(damage.of(good), source).items():
        s3.put_object(Bucket=home, Key=key, Body=body)
    options = [option.format(gone=tmp_path / "gone") for option in damage.options]
    ended = workplace.run("-m", f"s3://{home}/inv/", "-t", target, *options)
    assert ended.code == damage.code, ended.error
    assert ended.error is not None
    for text in damage.says:
        assert text in ended.error
    if damage.code == 2:
        assert ended.error.startswith(f"s3://{home}/{data_key(good)}: ")
    assert len(ended.error) < 400
    assert_nothing_was_done(ended, objects(target))


def placed(bodies: Bodies, source: str) -> Bodies:
    """With the bucket's name in packed lines of CSV that were written by hand."""
    key = next((key for key in bodies if key.endswith(".csv.gz")), None)
    if key is None or not bodies[key].startswith(b"\x1f\x8b"):
        return bodies
    try:
        text = gzip.decompress(bodies[key]).decode()
    except (OSError, EOFError, zlib.error):
        return bodies
    return replaced(bodies, lines(text.replace("{source}", source))) if "{source}" in text else bodies


def assert_nothing_was_done(ended: Ended, on_target: dict[str, bytes]) -> None:
    assert on_target == {}
    assert ended.folder is not None
    assert not (ended.folder / "plan" / "manifest.json").exists()
    assert not (ended.folder / "outcomes").exists()


def test_a_mended_report_is_gone_on_with_by_the_same_command(
    workplace: Workplace, s3: Any, home: str, pair: tuple[str, str]
) -> None:
    source, target = pair
    s3.put_object(Bucket=source, Key="k", Body=b"abc")
    rows = [InventoryObject("k", 3, md5(b"abc").hexdigest(), datetime.now(UTC))]
    good = write_inventory(rows, file_format=FileFormat.CSV, source_bucket=source, destination_bucket=home,
                           prefix="inv", config_id="all", created_at=WHEN)  # fmt: skip
    for key, body in flipped(good).items():
        s3.put_object(Bucket=home, Key=key, Body=body)
    first = workplace.run("-m", f"s3://{home}/inv/", "-t", target)
    assert first.code == 2
    s3.put_object(Bucket=home, Key=data_key(good), Body=good[data_key(good)])
    ended = workplace.run("-m", f"s3://{home}/inv/", "-t", target)
    assert (ended.code, ended.folder, ended.statuses) == (0, first.folder, {"copied": 1})


@pytest.mark.parametrize("side", [0, 1], ids=["source", "target"])
def test_c5_a_listing_that_is_denied_is_one_line_and_no_empty_listing(
    workplace: Workplace,
    s3: Any,
    faults: Faults,
    pair: tuple[str, str],
    objects: Callable[[str], dict[str, bytes]],
    side: int,
) -> None:
    s3.put_object(Bucket=pair[0], Key="k", Body=b"abc")
    faults.add(Fault(Action.DENIED, operation="ListObjectsV2", bucket=pair[side]))
    ended = workplace.run("-s", pair[0], "-t", pair[1], "-v")
    assert ended.code == 1
    assert ended.error is not None
    assert ended.error.startswith(f"s3://{pair[side]}/: cannot be listed")
    assert "AccessDenied" in ended.error
    faults.clear()
    assert_nothing_was_done(ended, objects(pair[1]))


def test_c5_a_page_that_is_cut_is_no_empty_page(
    workplace: Workplace, s3: Any, faults: Faults, pair: tuple[str, str], objects: Callable[[str], dict[str, bytes]]
) -> None:
    s3.put_object(Bucket=pair[0], Key="k", Body=b"abc")
    faults.add(Fault(Action.CUT, operation="ListObjectsV2", bucket=pair[0], times=1))
    ended = workplace.run("-s", pair[0], "-t", pair[1])
    assert ended.error is None or ended.error.startswith(f"s3://{pair[0]}/: cannot be listed")
    faults.clear()
    if ended.code:
        assert_nothing_was_done(ended, objects(pair[1]))
    else:
        assert objects(pair[1]) == {"k": b"abc"}


def test_a_file_of_the_plan_that_is_gone_is_one_line(
    workplace: Workplace, s3: Any, pair: tuple[str, str], objects: Callable[[str], dict[str, bytes]]
) -> None:
    s3.put_object(Bucket=pair[0], Key="k", Body=b"abc")
    planned = workplace.plan("-s", pair[0], "-t", pair[1])
    assert planned.folder is not None
    (batch,) = planned.folder.glob("plan/batch-*")
    batch.unlink()
    ended = workplace.run("-s", pair[0], "-t", pair[1])
    assert (ended.code, ended.error) == (1, f"{batch}: is missing")
    assert objects(pair[1]) == {}
