"""Which rows of both listings a check is about: those that a migration with the same options would be about."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import FilterConfig
from s3sync.selection.filters import Dropped, Filters
from s3sync.selection.mapping import KeyMapping

OTHER_PREFIX = "other_prefix"  # why a row of the target is dropped: no source key maps to it


@dataclass(frozen=True, slots=True)
class Scope:
    """Raises UserError, as `filters` do, where a filter can't be decided.

    | side   | row                                               | then                                                |
    |--------|---------------------------------------------------|-----------------------------------------------------|
    | source | a delete marker, a version that is not current    | dropped                                             |
    | source | this program's own, or its copy would be          | dropped                                             |
    | source | its key is filtered out                           | dropped                                             |
    | source | filtered out by size, time, class or owner        | left out: its copy on the target is no extra object |
    | source | any other                                         | kept                                                |
    | target | a delete marker, a version that is not current    | dropped                                             |
    | target | its key does not begin with the target prefix     | dropped                                             |
    | target | no source key is left of it without that prefix   | dropped                                             |
    | target | the key that maps to it is own, or filtered out   | dropped                                             |
    | target | any other                                         | kept                                                |
    """

    filters: Filters
    mapping: KeyMapping

    @property
    def _of_keys(self) -> Filters:
        config = self.filters.config
        return Filters(
            self.filters.prefixes, FilterConfig(include=config.include, exclude=config.exclude), own=self.filters.own
        )

    @property
    def _of_attributes(self) -> Filters | None:
        config = replace(self.filters.config, include=(), exclude=())
        return None if config == FilterConfig() else Filters((), config, self.filters.own_owner_id)

    def source(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
        """The rows that are kept, those left out, and how many were dropped or left out, by the reason."""
        found, dropped = self._of_keys.split(batch)
        attributes = self._of_attributes
        if attributes is None:
            return found, found.slice(0, 0), _named(dropped)
        numbers = pa.array(range(found.num_rows), pa.int64())
        numbered = pa.RecordBatch.from_arrays([*found.columns, numbers], names=[*found.schema.names, "number"])
        kept, left_out = attributes.split(numbered)
        is_kept = pc.is_in(numbers, kept.column(kept.num_columns - 1))
        others = self._with_target_keys(found.filter(pc.invert(is_kept)))
        return found.filter(is_kept), others, _named(dropped) + _named(left_out)

    def _with_target_keys(self, left_out: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that could have a copy: a key without the prefix that is stripped, or with nothing behind it, has no
        target key, and a migration never asks for one."""
        strip = self.mapping.strip_prefix
        if not strip:
            return left_out
        keys = left_out.column("key")
        is_longer = pc.greater(pc.binary_length(keys), len(strip.encode()))
        return left_out.filter(pc.and_(pc.starts_with(keys, strip), pc.or_(is_longer, bool(self.mapping.prefix))))

    def target(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Counter[str]]:
        """The rows that are kept, and how many were dropped, by the reason."""
        counts: Counter[str] = Counter()
        if self.mapping.prefix:
            fits = self._has_source_key(batch.column("key"))
            counts[OTHER_PREFIX] += fits.false_count
            batch = batch.filter(fits)
        as_source = batch.set_column(
            batch.schema.get_field_index("key"), "key", self.mapping.source_keys(batch.column("key"))
        )
        kept, dropped = self._of_keys.split(as_source)
        keys = self.mapping.target_keys(kept.column("key"))
        kept = kept.set_column(kept.schema.get_field_index("key"), "key", keys)
        return kept, +counts + _named(dropped)

    def of_targets(self, keys: pa.Array) -> pa.Array:
        """Those of some target keys whose source keys are not filtered out."""
        if self.mapping.prefix:
            keys = keys.filter(self._has_source_key(keys))
        unknown = pa.nulls(len(keys), pa.bool_())
        columns = [self.mapping.source_keys(keys), unknown, unknown, keys]
        batch = pa.RecordBatch.from_arrays(columns, names=["key", "is_latest", "is_delete_marker", "target_key"])
        return self._of_keys.split(batch)[0].column(3)

    def _has_source_key(self, keys: pa.Array) -> pa.BooleanArray:
        """Which target keys a source key maps to. The marker of a folder that is the target prefix is no copy."""
        fits = pc.starts_with(keys, self.mapping.prefix)
        return fits if self.mapping.strip_prefix else pc.and_(fits, pc.not_equal(keys, self.mapping.prefix))


def _named(counts: Mapping[Dropped, int]) -> Counter[str]:
    return Counter({str(reason): count for reason, count in counts.items()})
