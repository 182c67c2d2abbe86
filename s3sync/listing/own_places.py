"""Which places of a configuration lie in its own buckets: botocore says by which service each is reached."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from s3sync.aws.clients import with_endpoint
from s3sync.config.model import Access, Config
from s3sync.config.partitions import service_name
from s3sync.selection.mapping import KeyMapping
from s3sync.selection.own_prefixes import OwnPlace, OwnPlaces, RunSide, own_prefixes


def own_places(config: Config) -> OwnPlaces:
    """What of both buckets is this program's own: the work location, and the report. Raises ConfigError."""
    access, target = config.access, config.target
    places = _places(access.work, {"--work-uri": config.run.work_uri, "--report-uri": config.report.uri})
    if not places:
        return OwnPlaces()  # and no endpoint is asked for
    mapping, read = KeyMapping.of(target), config.source.prefixes or ("",)
    written = tuple(mapping.source_prefix_to_target(prefix) for prefix in read)
    return OwnPlaces(
        own_prefixes(_side("source", access.source, config.source.bucket, read), places),
        own_prefixes(_side("target", access.target, target.bucket, written), places),
    )


def own_places_of_listing(config: Config) -> OwnPlaces:
    """The same of `s3sync list`, which has a source only: the work location, and the listing itself."""
    places = _places(config.access.work, {"--work-uri": config.run.work_uri, "--output": config.listing.output})
    if not places:
        return OwnPlaces()
    return OwnPlaces(own_prefixes(_side("source", config.access.source, config.source.bucket, ("",)), places))


def _places(work: Access, uris: dict[str, str | None]) -> list[OwnPlace]:
    found: Iterable[tuple[str, str]] = ((o, uri) for o, uri in uris.items() if uri and urlsplit(uri).scheme == "s3")
    return [OwnPlace(option, uri, service_name(with_endpoint(work))) for option, uri in found]


def _side(name: str, access: Access, bucket: str | None, prefixes: tuple[str, ...]) -> RunSide:
    return RunSide(name, service_name(with_endpoint(access)), bucket or "", prefixes)
