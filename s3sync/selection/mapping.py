"""From a source key to its target key: `strip_prefix` comes off, `prefix` goes on. Two keys never become one."""

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import TargetConfig
from s3sync.errors import MappingError
from s3sync.model.keys import printable
from s3sync.model.limits import KEY_MAX_BYTES


@dataclass(frozen=True, slots=True)
class KeyMapping:
    strip_prefix: str = ""
    prefix: str = ""

    @classmethod
    def of(cls, target: TargetConfig) -> "KeyMapping":
        return cls(target.strip_prefix, target.prefix)

    @property
    def is_identity(self) -> bool:
        return self.strip_prefix == self.prefix

    def target_key(self, source_key: str) -> str:
        """Raises MappingError where the key does not start with `strip_prefix`, or nothing would be left of it."""
        if not source_key.startswith(self.strip_prefix):
            raise self._not_under(source_key)
        mapped = self.prefix + source_key[len(self.strip_prefix) :]
        if not mapped:
            raise self._nothing_left(source_key)
        return mapped

    def target_keys(self, source_keys: pa.Array) -> pa.Array:
        """`target_key` of a whole column of strings without nulls; raises as it does, naming the first such key."""
        if not self.strip_prefix:
            return source_keys if not self.prefix else pc.binary_join_element_wise(self.prefix, source_keys, "")
        starts = pc.starts_with(source_keys, self.strip_prefix)
        if starts.false_count:
            raise self._not_under(source_keys[pc.index(starts, False).as_py()].as_py())
        mapped = _swapped_beginning(source_keys, self.strip_prefix, self.prefix)
        if not self.prefix and (at := pc.index(mapped, "").as_py()) >= 0:
            raise self._nothing_left(source_keys[at].as_py())
        return mapped

    def source_keys(self, target_keys: pa.Array) -> pa.Array:
        """The way back, of a whole column: the keys whose target keys these are. They must begin with `prefix`."""
        return _swapped_beginning(target_keys, self.prefix, self.strip_prefix)

    def source_prefix_to_target(self, source_prefix: str) -> str:
        """The narrowest prefix that all target keys have whose source keys start with `source_prefix`.

        Raises MappingError where no key under `source_prefix` starts with `strip_prefix`.
        """
        if source_prefix.startswith(self.strip_prefix):
            return self.prefix + source_prefix[len(self.strip_prefix) :]
        if self.strip_prefix.startswith(source_prefix):
            return self.prefix
        raise self._not_under(source_prefix)

    def _not_under(self, key: str) -> MappingError:
        return MappingError(
            f"{printable(key)!r} does not start with target.strip_prefix {printable(self.strip_prefix)!r}, "
            f"so it has no target key; narrow --prefix or the filters to keys that do"
        )

    def _nothing_left(self, key: str) -> MappingError:
        return MappingError(
            f"{printable(key)!r} is target.strip_prefix itself, and no target key would be left of it; "
            f"give target.prefix, or exclude that key"
        )


def _swapped_beginning(keys: pa.Array, before: str, after: str) -> pa.Array:
    """The keys, which all begin with `before`, beginning with `after` in its place."""
    return keys if before == after else pc.binary_replace_slice(keys, 0, len(before.encode()), after)


def check_mapping(
    source_bucket: str, prefixes: tuple[str, ...], target_bucket: str, mapping: KeyMapping, *, same_names: bool
) -> None:
    """Raises MappingError where the run would copy the source onto itself or into what it reads.

    | same bucket, same place    | mapping                                                          | then    |
    |----------------------------|------------------------------------------------------------------|---------|
    | either                     | a source prefix which strip_prefix does not fit                  | error   |
    | no                         | any other                                                        | allowed |
    | yes                        | identity: each object onto itself                                | error   |
    | yes                        | target prefix within a source prefix, or a source prefix in it   | error   |
    | yes                        | the two apart                                                    | allowed |

    The fourth line: copies would be listed as sources by the next run, or overwrite sources of this one.
    `same_names`: a bucket's name means the same bucket on both sides (`config.partitions.share_names`). `prefixes` are
    those of the source, none meaning the whole bucket.
    """
    read = prefixes or ("",)
    written = [mapping.source_prefix_to_target(prefix) for prefix in read]
    if source_bucket != target_bucket or not same_names:
        return
    if mapping.is_identity:
        raise MappingError(
            f"source and target are both s3://{source_bucket} with the same keys: each object would be copied "
            f"onto itself; give another --target-bucket, or target.prefix"
        )
    for target in written:
        for source in read:
            if target.startswith(source) or source.startswith(target):
                raise MappingError(
                    f"the target s3://{target_bucket}/{printable(target)} and the source "
                    f"s3://{source_bucket}/{printable(source)} overlap: the copies would land among the sources; "
                    f"choose a target.prefix outside of every --prefix, or another --target-bucket"
                )


def too_long(target_keys: pa.Array) -> pa.Array:
    """Which of the keys S3 would refuse for their length, as a mask."""
    return pc.greater(pc.binary_length(target_keys), KEY_MAX_BYTES)


EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Collision:
    """Source keys that share a target key; at most `EXAMPLES` of them, in order."""

    target_key: str
    source_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MappingFaults:
    """What stands against a plan: all target keys at fault are counted, at most `EXAMPLES` of each kind are shown."""

    collision_count: int = 0
    collisions: tuple[Collision, ...] = ()
    too_long_count: int = 0
    too_long: tuple[str, ...] = ()

    def __add__(self, other: "MappingFaults") -> "MappingFaults":
        return MappingFaults(
            self.collision_count + other.collision_count,
            (self.collisions + other.collisions)[:EXAMPLES],
            self.too_long_count + other.too_long_count,
            (self.too_long + other.too_long)[:EXAMPLES],
        )

    def raise_if_any(self) -> None:
        """Raises MappingError, in one line, with an example."""
        if self.collision_count:
            first = self.collisions[0]
            names = " and ".join(repr(printable(key)) for key in first.source_keys[:2])
            raise MappingError(
                f"{self.collision_count:,} target keys have more than one source, such as "
                f"{printable(first.target_key)!r} from {names}; change target.prefix or the filters"
            )
        if self.too_long_count:
            raise MappingError(
                f"{self.too_long_count:,} target keys are longer than {KEY_MAX_BYTES:,} bytes, such as "
                f"{printable(self.too_long[0], 80)!r}; shorten target.prefix, or exclude those keys"
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "MappingFaults":
        collisions = tuple(Collision(c["target_key"], tuple(c["source_keys"])) for c in value["collisions"])
        return cls(value["collision_count"], collisions, value["too_long_count"], tuple(value["too_long"]))
