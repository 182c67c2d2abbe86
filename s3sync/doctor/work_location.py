"""The work location: that it can be written, read, listed and cleaned, and that it is one that all machines share."""

import secrets
from collections.abc import Iterator

from s3sync.aws.clients import client
from s3sync.config.model import Config
from s3sync.config.values import split_s3_uri
from s3sync.doctor.sides import RefusedCall, asked, sides
from s3sync.doctor.symptom import Symptom, ok, problem, warning
from s3sync.runs.store import NO_CONDITIONS, Store, open_store
from s3sync.s3.wire.endpoints import bucket_region

TOPIC = "work location"


def work(config: Config) -> Iterator[Symptom]:
    uri = config.run.work_uri
    if not uri.startswith("s3://"):
        yield ok(TOPIC, f"{uri} is a folder: fine for one machine; a cluster needs --work-uri s3://BUCKET/PREFIX")
    store = asked(lambda: open_store(uri, config.access.work))
    if isinstance(store, RefusedCall):
        yield problem(TOPIC, store.message, "correct --work-uri, or the credentials of the work location")
        return
    told = asked(lambda: _tried(store))
    if isinstance(told, RefusedCall):
        if NO_CONDITIONS in told.message:
            yield problem(TOPIC, told.message, "give another --work-uri")
            return
        yield problem(
            TOPIC, told.message, "allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket below --work-uri"
        )
        return
    yield ok(TOPIC, f"{store.uri} can be written, read, listed and cleaned")
    if not told:
        yield warning(
            TOPIC,
            "it ignores conditional writes, so two runs that begin in the same second are not told apart",
            "let one run begin at a time",
        )
    if uri.startswith("s3://"):
        yield from _region(config, uri)


def _tried(store: Store) -> bool:
    """Write, read, list and delete one object; whether a conditional write is heeded."""
    path = f"doctor/{secrets.token_hex(16)}"
    is_conditional = store.put_new(path, b"1") and not store.put_new(path, b"2")
    store.put(path, b"3")
    is_right = store.get(path) == b"3" and list(store.names(path)) == [path]
    store.delete(path)
    return is_conditional and is_right and store.get(path) is None


def _region(config: Config, uri: str) -> Iterator[Symptom]:
    """Tables are written and read by every task: their place should be near the cluster."""
    s3 = client("s3", config.access.work)
    region = asked(lambda: bucket_region(s3, split_s3_uri(uri)[0]))
    target = asked(lambda: bucket_region(sides(config)[1].s3, sides(config)[1].bucket))
    if isinstance(region, str) and isinstance(target, str) and region != target:
        yield ok(TOPIC, f"it is in {region}, the target in {target}: run the cluster in the target's region")
