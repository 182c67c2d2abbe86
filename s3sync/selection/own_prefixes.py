"""What of the buckets is this program's own: where it keeps its tables and reports. It is never copied nor compared.

A place lies in a bucket where both have the same name at the same service. It is told by a prefix of keys, which ends
with `/`: `s3://bucket/work` is `work/`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from s3sync.errors import ConfigError
from s3sync.selection.mapping import KeyMapping


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A place that an option names: `s3://bucket/prefix`, at a service of this name."""

    option: str
    uri: str
    service: str

    @property
    def bucket(self) -> str:
        return urlsplit(self.uri).netloc

    @property
    def prefix(self) -> str:
        path = urlsplit(self.uri).path.strip("/")
        return f"{path}/" if path else ""


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """Prefixes of this program's own keys on either side."""

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    def as_source_keys(self, mapping: KeyMapping) -> tuple[str, ...]:
        """The beginnings of source keys that are own, or whose copies would lie among what is own on the target."""
        mapped = [
            mapping.strip_prefix + prefix.removeprefix(mapping.prefix)
            for prefix in self.target
            if prefix.startswith(mapping.prefix)
        ]
        return tuple(dict.fromkeys((*self.source, *mapped)))


@dataclass(frozen=True, slots=True)
class RunSide:
    """A bucket at a service, and the prefixes of it that a run is about."""

    name: str
    service: str
    bucket: str
    prefixes: tuple[str, ...]


# | the place and the side           | the place's prefix                       | then                              |
# |----------------------------------|------------------------------------------|-----------------------------------|
# | another service or bucket        | any                                      | nothing of it lies there          |
# | the same bucket                  | one that a prefix of the side begins with | refused: nothing would be left   |
# | the same bucket                  | any other                                | left out                          |
def own_prefixes(side: RunSide, places: Iterable[OwnPlace]) -> tuple[str, ...]:
    """Prefixes of the side's bucket that are this program's own. Raises ConfigError where the whole of a prefix that
    the run is about is."""
    found: list[str] = []
    for place in places:
        if (place.service, place.bucket) != (side.service, side.bucket):
            continue
        for prefix in side.prefixes or ("",):
            if prefix.startswith(place.prefix):
                raise ConfigError(
                    place.option,
                    f"{place.uri} holds the whole {side.name}, s3://{side.bucket}/{prefix}, which would be mixed with "
                    f"this program's own files; give them a folder, such as s3://{side.bucket}/s3sync-work",
                )
        found.append(place.prefix)
    return tuple(dict.fromkeys(found))


def left_out_lines(own: OwnPlaces, source_bucket: str, target_bucket: str) -> list[str]:
    """What is left out, for a person; nothing where nothing is."""
    places = [f"s3://{source_bucket}/{prefix}" for prefix in own.source]
    places += [f"s3://{target_bucket}/{prefix}" for prefix in own.target]
    return [f"Left out, as this program's own files: {place}" for place in dict.fromkeys(places)]
