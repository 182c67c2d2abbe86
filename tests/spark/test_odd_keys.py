"""Every odd key from a listing or an inventory of each format to the target, byte for byte, with its content (C10).

What a server can't hold is in tests/servers/capabilities.py; tests/contract/test_odd_keys.py shows the refusal.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync.demo.inventory_writer import InventoryObject
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.demo.server import SeedObject, seed
from s3sync.inventory.manifest import FileFormat
from s3sync.model import keys as keys_of_s3
from tests.conftest import drop_bucket
from tests.inventories import put_inventory
from tests.servers import Server
from tests.spark.test_plan_inventory import WHEN
from tests.spark.workplace import Ended, Workplace

WAYS = ("listing", *FileFormat)


def put_all(server: Server, s3: Any, bucket: str, bodies: dict[str, bytes]) -> None:
    if server.name == "embedded":
        seed(bucket, (SeedObject(key, body) for key, body in bodies.items()))
        return
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: s3.put_object(Bucket=bucket, Key=item[0], Body=item[1]), bodies.items()))


def rows_of(bodies: dict[str, bytes]) -> list[InventoryObject]:
    return [InventoryObject(key, len(body), md5(body).hexdigest(), WHEN) for key, body in bodies.items()]


def carried(
    workplace: Workplace, s3: Any, way: str, bodies: dict[str, bytes], source: str, target: str, home: str
) -> Ended:
    if way == "listing":
        return workplace.run("-s", source, "-t", target)
    manifest = put_inventory(s3, rows_of(bodies), source, home, FileFormat(way))
    return workplace.run("-m", manifest, "-t", target)


def assert_arrived(ended: Ended, s3: Any, target: str, bodies: dict[str, bytes]) -> None:
    """Each key is there with its content, and nothing else; keys are asked for one by one, as no listing is trusted."""
    assert (ended.code, ended.statuses) == (0, {"copied": len(bodies)}), ended.error
    assert ended.outcomes().keys() == bodies.keys()

    def body_of(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=target, Key=key)["Body"].read()
        return body

    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(bodies, pool.map(body_of, bodies), strict=True))
    assert found == bodies
    page = s3.list_objects_v2(Bucket=target, EncodingType="url", MaxKeys=1000)
    assert not page["IsTruncated"]
    assert [keys_of_s3.from_url(entry["Key"]) for entry in page["Contents"]] == sorted(bodies)


@pytest.mark.parametrize("way", WAYS)
def test_c10_all_odd_keys(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str], home: str, way: str
) -> None:
    held = [odd for odd in ODD_KEYS if odd.name not in server.capabilities.cannot_hold]
    bodies = {odd.key: odd.name.encode() for odd in held}
    put_all(server, s3, pair[0], bodies)
    assert_arrived(carried(workplace, s3, way, bodies, *pair, home), s3, pair[1], bodies)


def test_c10_odd_keys_are_compared_and_skipped(
    workplace: Workplace, s3: Any, server: Server, pair: tuple[str, str]
) -> None:
    """Both sides meet under the same key in the JVM too: a second run with -v finds each of them."""
    bodies = {odd.key: b"abc" for odd in ODD_KEYS if odd.name not in server.capabilities.cannot_hold}
    for bucket in pair:
        put_all(server, s3, bucket, bodies)
    ended = workplace.run("-s", pair[0], "-t", pair[1], "-v")
    assert (ended.code, ended.statuses) == (0, {"skipped": len(bodies)})
    assert ended.plan["only_on_target"] == 0


ALPHABET = st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(
    "/ +%&?#.\\\"'\n\x01\uffff\U0010ffff"
)
KEYS = st.text(ALPHABET, min_size=1, max_size=40).filter(lambda key: not keys_of_s3.is_too_long(key))
MANY_KEYS = st.lists(KEYS, min_size=80, max_size=150, unique=True)


@pytest.fixture(scope="module")
def new_bucket(s3: Any) -> Any:
    """`new_bucket()`: one for each example; all are dropped in the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"s3sync-odd-{uuid4().hex[:16]}")
        s3.create_bucket(Bucket=made[-1])
        return made[-1]

    yield make
    for name in made:
        drop_bucket(s3, name)


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(keys=MANY_KEYS)
def test_c10_any_keys(
    workplace: Workplace, s3: Any, server: Server, new_bucket: Callable[[], str], way: str, keys: list[str]
) -> None:
    bodies = {key: key.encode() for key in keys}
    source, target, home = new_bucket(), new_bucket(), new_bucket()
    put_all(server, s3, source, bodies)
    assert_arrived(carried(workplace, s3, way, bodies, source, target, home), s3, target, bodies)
