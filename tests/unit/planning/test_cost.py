"""Requests by kind for each way of copying (C6), and what they cost by a table of prices."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config.model import Config, CopyConfig, TargetConfig
from s3sync.errors import ConfigError
from s3sync.model.estimate import Estimate
from s3sync.model.limits import GIB, MIB, OBJECT_MAX_BYTES
from s3sync.model.part_layout import layout
from s3sync.model.tables import PLAN
from s3sync.planning.cost import ClassPrices, CostOptions, Prices, bill, estimate, listing, load_prices, part_counts
from s3sync.planning.large_objects import GiantRule


def options_of(*given, **more):
    return CostOptions(*given, **{"annotations": False, **more})


PRICES = Path(__file__).parents[3] / "conf" / "prices.yml"
PLAIN, THREE = "a" * 32, "a" * 32 + "-3"
KEEP = options_of(part_size_bytes=100 * MIB, preserve_etags=True)


def plan_of(*rows: dict) -> pa.Table:
    base = {"task_id": "t", "source_key": "k", "target_key": "k", "action": "copy", "reason": "missing"}
    base |= {"method": "copy_object", "size": 1, "etag": PLAIN}
    return pa.Table.from_pylist([base | row for row in rows], schema=PLAN)


PARTS_COPY = {"method": "multipart_copy", "size": 950 * MIB}
RELAY = {"method": "relay", "size": 950 * MIB}
GIANT = options_of(100 * MIB, tags=False, giants=GiantRule(950 * MIB))
OPENED = {"CreateMultipartUpload": 1, "CompleteMultipartUpload": 1}


@pytest.mark.parametrize(
    ("row", "options", "wanted"),
    [
        ({}, KEEP, {"CopyObject": 1}),
        ({"size": None}, KEEP, {"CopyObject": 1}),
        ({}, options_of(keeps_redirects=True), {"HeadObject": 1, "CopyObject": 1}),
        ({}, options_of(annotations=True), {"CopyObject": 1}),
        (
            {"method": "relay", "size": 5},
            options_of(tags=False, annotations=True),
            {"GetObject": 1, "PutObject": 1, "ListObjectAnnotations": 1},
        ),
        (
            PARTS_COPY,
            options_of(950 * MIB, tags=False, annotations=True),
            {"HeadObject": 1, "UploadPartCopy": 1, "ListObjectAnnotations": 1} | OPENED,
        ),
        (
            PARTS_COPY,
            options_of(950 * MIB, tags=False, keeps_redirects=True),
            {"HeadObject": 1, "UploadPartCopy": 1} | OPENED,
        ),
        ({"action": "skip"}, KEEP, {}),
        (PARTS_COPY, KEEP, {"HeadObject": 1, "GetObjectTagging": 1, "UploadPartCopy": 10} | OPENED),
        (PARTS_COPY, options_of(100 * MIB, tags=False), {"HeadObject": 1, "UploadPartCopy": 10} | OPENED),
        (
            PARTS_COPY | {"etag": THREE},
            KEEP,
            {"HeadObject": 2, "GetObjectTagging": 1, "UploadPartCopy": 3} | OPENED,
        ),
        (
            PARTS_COPY | {"etag": THREE},
            options_of(100 * MIB),
            {"HeadObject": 2, "GetObjectTagging": 1, "UploadPartCopy": 3} | OPENED,
        ),
        (
            PARTS_COPY | {"size": 20_000 * 100 * MIB},
            KEEP,
            {"HeadObject": 1, "GetObjectTagging": 1, "UploadPartCopy": 10_000} | OPENED,
        ),
        (RELAY, KEEP, {"HeadObject": 1, "GetObjectTagging": 1, "GetObject": 60, "UploadPart": 60} | OPENED),
        (
            RELAY | {"etag": THREE},
            options_of(100 * MIB, tags=False),
            {"HeadObject": 2, "GetObject": 3, "UploadPart": 3} | OPENED,
        ),
        (RELAY | {"size": 16 * MIB}, KEEP, {"GetObject": 1, "GetObjectTagging": 1, "PutObject": 1}),
        (
            RELAY | {"size": 16 * MIB, "etag": THREE},
            options_of(100 * MIB, tags=False),
            {"GetObject": 1, "PutObject": 1},
        ),
        (
            RELAY | {"size": 16 * MIB, "etag": THREE},
            KEEP,
            {"HeadObject": 2, "GetObjectTagging": 1, "GetObject": 3, "UploadPart": 3} | OPENED,
        ),
        (RELAY | {"size": None}, options_of(tags=False), {"HeadObject": 1, "GetObject": 1, "PutObject": 1}),
        (RELAY | {"size": 5, "etag": None}, options_of(tags=False), {"HeadObject": 1, "GetObject": 1, "PutObject": 1}),
        (PARTS_COPY, GIANT, {"HeadObject": 2, "UploadPartCopy": 10} | OPENED),
        (
            PARTS_COPY | {"etag": THREE},
            GIANT,
            {"HeadObject": 3, "UploadPartCopy": 3} | OPENED,
        ),
        (
            RELAY | {"etag": THREE},
            replace(GIANT, preserve_etags=True),
            {"HeadObject": 6, "GetObject": 3, "UploadPart": 3} | OPENED,
        ),
        ({}, options_of(looks_first=True), {"CopyObject": 1, "HeadObject": 1}),
    ],
)
def test_requests_of_one_object(row, options, wanted):
    """C6: one CopyObject for a small object, and nothing else."""
    assert estimate(plan_of(row), options).by_operation == Counter(wanted)


@given(st.integers(0, OBJECT_MAX_BYTES), st.integers(1, 6 * GIB))
def test_parts_are_counted_as_they_are_laid_out(size_bytes, part_size_bytes):
    """C6: the estimate and the copy cut an object alike."""
    counted = part_counts(np.array([size_bytes]), part_size_bytes)
    assert counted.tolist() == [len(layout(size_bytes, part_size_bytes))]


def test_requests_are_billed_by_the_class_they_touch():
    plan = plan_of({}, {"storage_class": "STANDARD_IA", "size": 5}, PARTS_COPY | {"storage_class": "GLACIER_IR"})
    kept = estimate(plan, KEEP)
    assert kept.requests["CopyObject", "STANDARD"] == kept.requests["CopyObject", "STANDARD_IA"] == 1
    assert kept.read_bytes == Counter(STANDARD=1, STANDARD_IA=5, GLACIER_IR=950 * MIB)
    named = estimate(plan, options_of(target_storage_class="STANDARD"))
    assert named.requests["CopyObject", "STANDARD"] == 2
    assert named.requests["HeadObject", "GLACIER_IR"] == 1


def test_estimates_add_up_and_travel():
    first, second = estimate(plan_of({}, PARTS_COPY), KEEP), estimate(plan_of({}), KEEP)
    total = sum([first, second], Estimate())
    assert total == estimate(plan_of({}, PARTS_COPY, {}), KEEP)
    assert Estimate.from_json(total.to_json()) == total
    assert estimate(plan_of(), KEEP) == Estimate()


@pytest.mark.parametrize(("keys", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2)])
def test_listing_pages(keys, pages):
    assert listing(keys).by_operation == Counter(ListObjectsV2=pages)


def test_options_come_from_the_configuration():
    config = Config(
        target=TargetConfig(storage_class="GLACIER_IR"),
        copy=CopyConfig(tags=False, annotations=False, part_size_bytes=7),
    )
    wanted = options_of(7, tags=False, target_storage_class="GLACIER_IR", giants=GiantRule(9))
    assert CostOptions.of(config, GiantRule(9)) == wanted


def test_the_bill():
    classes = {"STANDARD": ClassPrices(0.005, 0.0004, 0), "STANDARD_IA": ClassPrices(0.01, 0.001, 0.01)}
    prices = Prices("page", "us-east-1", "USD", None, classes, 0.02)
    requests = Counter({("CopyObject", "STANDARD"): 1_000_000, ("HeadObject", "STANDARD_IA"): 1000, ("X", "NEW"): 5})
    costs = bill(Estimate(requests, Counter(STANDARD=GIB, STANDARD_IA=100 * GIB)), prices, crosses_regions=True)
    assert costs.requests == pytest.approx(5.0 + 0.001)
    assert costs.retrieval == pytest.approx(1.0)
    assert costs.transfer == pytest.approx(101 * 0.02)
    assert costs.total == pytest.approx(5.001 + 1 + 2.02)
    assert costs.unpriced == ("NEW",)
    assert bill(Estimate(requests, Counter()), prices, crosses_regions=False).transfer == 0


def test_the_prices_that_come_along_are_whole():
    prices = load_prices(PRICES)
    assert prices.storage_classes["STANDARD"] == ClassPrices(0.005, 0.0004, 0)
    assert prices.source.startswith("https://aws.amazon.com/")
    assert prices.transfer_per_gb == 0.02


def without(key: str):
    return lambda table: table.pop(key)


def changed(**values):
    return lambda table: table.update(values)


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (without("region"), "region is missing"),
        (changed(extra=1), "unknown key extra"),
        (changed(region=5), "prices.yml: region: must be text"),
        (changed(checked="yesterday"), "prices.yml: checked: must be a day"),
        (changed(transfer_per_gb=-1), "transfer_per_gb: must be a number that is not negative"),
        (changed(transfer_per_gb=True), "transfer_per_gb: must be a number"),
        (changed(transfer_per_gb=float("nan")), "transfer_per_gb: must be a number"),
        (changed(storage_classes={}), "storage_classes: must be a mapping"),
        (changed(storage_classes={"X": 1}), r"storage_classes\.X: must be a mapping with the keys write"),
        (
            changed(storage_classes={"X": {"write": 1, "read": "a", "retrieval_per_gb": 0}}),
            r"X: read: must be a number",
        ),
    ],
)
def test_bad_prices_name_the_place(tmp_path, spoil, place):
    table = yaml.safe_load(PRICES.read_text())
    spoil(table)
    path = tmp_path / "prices.yml"
    path.write_text(yaml.safe_dump(table))
    with pytest.raises(ConfigError, match=place) as error:
        load_prices(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "\x00"])
def test_what_is_no_table_at_all(tmp_path, text):
    path = tmp_path / "prices.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_prices(path)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        load_prices(tmp_path / "none.yml")
