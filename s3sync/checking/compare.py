"""From the rows of both sides to findings: rows of one key brought together, ruled on, and written as findings.

Rows are brought together by a hash of the key, not by the key: sorting numbers takes a tenth of the time of sorting
texts. Two keys of one hash are noticed, and such a table is sorted by its keys.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from s3sync.checking.rules import RULINGS, Compared, rule_all
from s3sync.model.finding import Ruling, Verdict
from s3sync.model.keys import Hashes
from s3sync.model.same_content import Bools
from s3sync.model.tables import FINDINGS, OUTDATED, SIDE_COPIED, SIDE_LEFT_OUT, SIDE_SOURCE, SIDE_TARGET
from s3sync.selection.mapping import KeyMapping

Indices = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]

_SEEN = ["size", "etag", "last_modified", "encryption"]
_SIDES = (SIDE_SOURCE, SIDE_TARGET, SIDE_LEFT_OUT, SIDE_COPIED, *OUTDATED.values())
_VERDICTS = pa.array([str(ruling.verdict) for ruling in RULINGS])
_EVIDENCE = pa.array([str(ruling.evidence) for ruling in RULINGS])
_IS_OPEN = np.array([ruling.is_open for ruling in RULINGS])
_IS_MATCH = np.array([ruling.verdict is Verdict.MATCH for ruling in RULINGS])


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` found: `codes` are places in RULINGS, one for each key that is asked about; `source_rows` and
    `target_rows` its rows in the table, -1 where the side lacks it.

    `duplicates` are rows that repeat an object of their side, `left_out` keys that a filter leaves out, `not_of_run`
    keys that the run did not copy.
    """

    table: pa.Table
    codes: Codes
    source_rows: Indices
    target_rows: Indices
    copied_rows: Indices
    duplicates: int
    left_out: int
    not_of_run: int

    @property
    def is_open(self) -> Bools:
        found: Bools = _IS_OPEN[self.codes]
        return found

    @property
    def is_match(self) -> Bools:
        found: Bools = _IS_MATCH[self.codes]
        return found

    def sizes(self, wanted: Bools) -> Indices:
        """The sizes in bytes of these keys, 0 where unknown: the source's, or else the target's."""
        rows = np.where(self.source_rows >= 0, self.source_rows, self.target_rows)[wanted]
        if not rows.size:
            return np.zeros(0, np.int64)
        sizes: Indices = pc.fill_null(_taken(self.table, ["size"], rows)["size"], 0).to_numpy()
        return sizes

    def evidence_of(self, wanted: Bools) -> dict[str, int]:
        """How many of these keys were ruled on by which evidence."""
        counts = np.bincount(self.codes[wanted], minlength=len(RULINGS))
        found: dict[str, int] = {}
        for ruling, count in zip(RULINGS, counts.tolist(), strict=True):
            if count:
                found[ruling.evidence.value] = found.get(ruling.evidence.value, 0) + count
        return found

    def rows(self, wanted: Bools, mapping: KeyMapping) -> pa.Table:
        """These keys as a table of the schema FINDINGS, sorted by target key."""
        codes = pa.array(self.codes[wanted])
        names = ["target_key", "size", "etag", "last_modified", "storage_class"]
        source = _taken(self.table, names, self.source_rows[wanted])
        target = _taken(self.table, names, self.target_rows[wanted])
        copied = _taken(self.table, ["target_key"], self.copied_rows[wanted])
        keys = pc.coalesce(source["target_key"], target["target_key"], copied["target_key"]).combine_chunks()
        count = len(keys)
        columns = {
            "target_key": keys,
            "source_key": mapping.source_keys(keys),
            "verdict": _VERDICTS.take(codes),
            "evidence": _EVIDENCE.take(codes),
            "detail": _DETAILS.take(codes),
            "requests": pa.repeat(pa.scalar(0, pa.int32()), count),
            "read_bytes": pa.repeat(pa.scalar(0, pa.int64()), count),
        }
        for name in names[1:]:
            columns[f"source_{name}"], columns[f"target_{name}"] = source[name], target[name]
        made = pa.table([columns[field.name] for field in FINDINGS], schema=FINDINGS)
        return made.sort_by("target_key")


_DETAILS = pa.array([ruling.detail for ruling in RULINGS], pa.string())


def compare(table: pa.Table, hashes: Hashes, compared: Compared) -> Comparison:
    """Rule on all keys of a table.

    `table` has the schema `model.tables.COMPARED` in any order, and all rows of each of its keys; `hashes` are
    `key_hashes` of its keys.

    | rows of one key                          | then                                                         |
    |------------------------------------------|--------------------------------------------------------------|
    | several of one side                      | the newest counts, the others are duplicates                 |
    | ... that differ, at one time or at none  | as one row; what both sides show can't be compared then      |
    | only of a report that is outdated        | open: outdated                                               |
    | of one that is outdated, and another     | a duplicate                                                  |
    | a source row that a filter left out      | left out, with the target's row, unless another one was kept |
    | none that the run copied, a run is asked | not of the run                                               |
    | any other                                | ruled on: `checking.rules.rule`                           |
    """
    table = table.combine_chunks()
    order, begins = _grouped(table, hashes)
    side: Codes = table["side"].to_numpy()[order]
    group: Indices = np.cumsum(begins) - 1
    is_first = begins.copy()
    is_first[1:] |= side[1:] != side[:-1]
    count = int(group[-1]) + 1 if group.size else 0
    newest = {each: np.full(count, -1, np.int64) for each in _SIDES}
    present = np.bincount(side, minlength=max(_SIDES) + 1)
    for each, rows in newest.items():
        if present[each]:
            chosen = is_first & (side == each)
            rows[group[chosen]] = order[chosen]
    outdated = _filled_in(newest)
    source, target, copied = newest[SIDE_SOURCE], newest[SIDE_TARGET], newest[SIDE_COPIED]
    left_out = (newest[SIDE_LEFT_OUT] >= 0) & (source < 0)
    not_of_run = (copied < 0) & ~left_out if compared.of_run else np.zeros(count, np.bool_)
    asked = ~left_out & ~not_of_run & ((source >= 0) | (target >= 0) | compared.of_run)
    source, target, copied = source[asked], target[asked], copied[asked]
    codes = rule_all(_taken(table, _SEEN, source), _taken(table, _SEEN, target), source >= 0, target >= 0, compared)
    unclear = np.isin(np.flatnonzero(asked), group[_undecided(table, order, is_first, side)])
    codes[unclear & (source >= 0) & (target >= 0)] = RULINGS.index(Ruling.NOT_COMPARABLE)
    codes[outdated[asked]] = RULINGS.index(Ruling.OUTDATED)
    used = sum(int((rows >= 0).sum()) for rows in (newest[SIDE_SOURCE], newest[SIDE_TARGET]))
    listed = int(present.sum() - present[SIDE_LEFT_OUT] - present[SIDE_COPIED])
    return Comparison(table, codes, source, target, copied, listed - used, int(left_out.sum()), int(not_of_run.sum()))


def _filled_in(newest: dict[int, Indices]) -> Bools:
    """Take the rows of outdated reports where a side has no other; for which keys that was."""
    taken = np.zeros(newest[SIDE_SOURCE].size, np.bool_)
    for side, old in OUTDATED.items():
        lacks = (newest[side] < 0) & (newest[old] >= 0)
        if side == SIDE_SOURCE:
            lacks &= newest[SIDE_LEFT_OUT] < 0
        newest[side] = np.where(lacks, newest[old], newest[side])
        taken |= lacks
    return taken


def _undecided(table: pa.Table, order: Indices, is_first: Bools, side: Codes) -> Indices:
    """The places, in this order, of rows that say another size or ETag than the row that counts for their key and side,
    and no time tells which is right: two reports without times, say."""
    first: Indices = np.maximum.accumulate(np.where(is_first, np.arange(order.size), 0))
    repeats = np.flatnonzero(~is_first & ((side == SIDE_SOURCE) | (side == SIDE_TARGET)))
    if not repeats.size:
        return repeats
    some, counts = pa.array(order[repeats]), pa.array(order[first[repeats]])

    def differ(name: str) -> Bools:
        mine, other = table[name].take(some), table[name].take(counts)
        unequal = pc.fill_null(pc.not_equal(mine, other), False)
        found: Bools = pc.or_(unequal, pc.not_equal(mine.is_null(), other.is_null())).to_numpy()
        return found

    is_timeless: Bools = table["last_modified"].take(some).is_null().to_numpy()
    return repeats[(is_timeless | ~differ("last_modified")) & (differ("size") | differ("etag"))]


def _grouped(table: pa.Table, hashes: Hashes) -> tuple[Indices, Bools]:
    """An order of the rows in which those of one key are together, by side and newest first; and where keys begin."""
    side = table["side"].to_numpy()
    times = pc.fill_null(table["last_modified"].cast(pa.int64()), np.iinfo(np.int64).min + 1).to_numpy()
    order: Indices = np.lexsort((-times, side, hashes))
    begins: Bools = np.ones(order.size, np.bool_)
    begins[1:] = hashes[order[1:]] != hashes[order[:-1]]
    keys = table["target_key"]
    again = np.flatnonzero(~begins)
    if pc.all(pc.equal(keys.take(pa.array(order[again])), keys.take(pa.array(order[again - 1])))).as_py() is False:
        ranks = pc.rank(keys, tiebreaker="dense").to_numpy().astype(np.uint64)
        return _grouped(table, ranks)
    return order, begins


def _taken(table: pa.Table, names: list[str], rows: Indices) -> pa.Table:
    """Rows of a table; one of nulls where the row's number is -1."""
    return table.select(names).take(pa.array(rows, mask=rows < 0))
