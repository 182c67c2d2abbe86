"""Where the buckets are: that they are there, their regions and partitions, and which way the bytes go."""

from collections.abc import Iterator
from dataclasses import replace

from s3sync.config.model import Config, Mode
from s3sync.doctor.sides import ExaminedSide, RefusedCall, asked, sides
from s3sync.doctor.symptom import Symptom, ok, problem, unknown, warning
from s3sync.planning.resolve import is_relayed
from s3sync.s3.wire.endpoints import bucket_region


def place(config: Config) -> Iterator[Symptom]:
    regions: dict[str, str] = {}
    for side in sides(config):
        answer = asked(lambda side=side: side.s3.head_bucket(**side.given))  # type: ignore[misc]
        region = asked(lambda side=side: bucket_region(side.s3, side.bucket))  # type: ignore[misc]
        found = region if isinstance(region, str) else None
        yield _there(side, answer if isinstance(answer, RefusedCall) else None, found)
        if found:
            regions[side.title] = found
        yield from _asked_region(side, found)
    yield from _way(config, regions)


# | HeadBucket       | then                                                   |
# |------------------|--------------------------------------------------------|
# | done             | ok                                                     |
# | 404              | problem: there is no such bucket                       |
# | denied           | unknown: a copy needs less than looking                |
# | 301, or another  | problem, with the answer                               |
def _there(side: ExaminedSide, refusal: RefusedCall | None, region: str | None) -> Symptom:
    topic = side.topic("bucket")
    if refusal is None:
        return ok(topic, f"{side.bucket} is there{f', in {region}' if region else ''}")
    if refusal.code in ("404", "NoSuchBucket"):
        return problem(topic, f"there is no bucket {side.bucket}", f"correct --{side.title}-bucket")
    if refusal.is_denial:
        return unknown(
            topic,
            f"{side.bucket}: HeadBucket is denied{f', in {region}' if region else ''}",
            "allow s3:ListBucket; if another account owns the bucket, its policy must too",
        )
    return problem(
        topic, f"{side.bucket}: {refusal}", f"correct --{side.title}-bucket and the side's region or endpoint"
    )


def _asked_region(side: ExaminedSide, region: str | None) -> Iterator[Symptom]:
    asked_for = side.access.region_name
    if side.is_aws and region and asked_for and asked_for != region:
        yield warning(
            side.topic("region"),
            f"the bucket is in {region}, and {asked_for} is configured",
            f"give --{side.title}-region-name {region}: each request would be redirected, or refused",
        )


def _way(config: Config, regions: dict[str, str]) -> Iterator[Symptom]:
    """
    | both at AWS, in one partition | mode   | then                                              |
    |-------------------------------|--------|---------------------------------------------------|
    | yes, and one region           | copy   | ok: S3 copies inside                              |
    | yes, two regions              | copy   | ok, with what crossing costs                      |
    | no                            | copy   | warning: the bytes go through the workers         |
    | any                           | downup | warning where S3 could have copied by itself      |
    """
    source, target = (
        replace(side.access, region_name=regions.get(side.title, side.access.region_name)) for side in sides(config)
    )
    relayed = is_relayed(Mode.COPY, source, target)
    if relayed:
        yield warning(
            "way",
            "S3 cannot copy between the two by itself (other partition, or other service), so the bytes go through the "
            "workers",
            "give the workers bandwidth, and plan for the price of the transfer out of the source's region",
        )
    elif config.copy.mode is Mode.DOWNUP:
        yield warning(
            "way", "the bytes go through the workers, as asked", "leave --mode downup away: S3 copies by itself"
        )
    elif len(set(regions.values())) > 1:
        yield ok(
            "way", f"S3 copies from {regions['source']} to {regions['target']}, billed as transfer between regions"
        )
    else:
        yield ok("way", "S3 copies by itself")
