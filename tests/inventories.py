"""Inventory reports of the tests' buckets, put where a run finds them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from s3sync.demo.inventory_writer import InventoryObject, write_inventory
from s3sync.inventory.manifest import FileFormat


def put_inventory(
    s3: Any,
    rows: Iterable[InventoryObject],
    source: str,
    home: str,
    file_format: FileFormat = FileFormat.CSV,
    config_id: str = "all",
    **more: Any,
) -> str:
    """Put a report on the rows of bucket `source` into bucket `home`; the URI to give to `-m`."""
    report = write_inventory(
        rows,
        file_format=file_format,
        source_bucket=source,
        destination_bucket=home,
        prefix="inv",
        config_id=config_id,
        **{"created_at": datetime.now(UTC), **more},
    )
    for key, body in report.items():
        s3.put_object(Bucket=home, Key=key, Body=body)
    return f"s3://{home}/inv/{source}/{config_id}/"
