r"""Which listed objects a run is about. Whole columns at a time; `drop_reason` says the same for one row.

Shell globs over whole keys, turned into one pattern of RE2, the engine behind pyarrow's regular expressions.

| glob        | matches                                                                  |
|-------------|--------------------------------------------------------------------------|
| `*`         | any characters, none as well, `/` and newlines included                  |
| `?`         | one character, whichever                                                 |
| `[abc]`     | one of these; `[a-z]` a range, a reversed range is empty, `]` may be first |
| `[!abc]`    | one character that is none of these                                      |
| else        | itself; `[` without its `]`, too, and `\`: nothing is an escape          |

These are the rules of Python's `fnmatch.fnmatchcase`, which the tests hold against it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from s3sync.config.model import FilterConfig, Owner, SourceConfig
from s3sync.errors import UserError
from s3sync.model import keys
from s3sync.model.tables import TIMESTAMP

ANYTHING = r"[\x{0}-\x{10FFFF}]"
NOTHING = r"[^\x{0}-\x{10FFFF}]"


@lru_cache(maxsize=64)
def to_re2(globs: tuple[str, ...]) -> str:
    """One pattern that matches the whole of each key that any of `globs` matches.

    All of it is ASCII: every other character is written as `\\x{...}`, which RE2 knows and Python's `re` does not.
    """
    return rf"(?s)\A(?:{'|'.join(_one(glob) for glob in globs)})\z"


def _one(glob: str) -> str:
    pieces: list[str] = []
    at = 0
    while at < len(glob):
        character, at = glob[at], at + 1
        if character == "*":
            if pieces[-1:] != [".*"]:
                pieces.append(".*")
        elif character == "?":
            pieces.append(".")
        elif character == "[" and (end := _set_end(glob, at)) >= 0:
            pieces.append(_set(glob[at:end]))
            at = end + 1
        else:
            pieces.append(_literal(character))
    return f"(?:{''.join(pieces)})"


def _set_end(glob: str, start: int) -> int:
    """Where the `]` stands that closes the set opened before `start`; -1 where none does."""
    first = start + glob.startswith("!", start)
    return glob.find("]", first + glob.startswith("]", first))


def _set(body: str) -> str:
    negated = body.startswith("!")
    members = "".join(_members(body[1:] if negated else body))
    if not members:
        return ANYTHING if negated else NOTHING
    return f"[{'^' if negated else ''}{members}]"


def _members(body: str) -> Iterable[str]:
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            low, high = body[at], body[at + 2]
            if low <= high:
                yield f"{_literal(low)}-{_literal(high)}"
            at += 3
        else:
            yield _literal(body[at])
            at += 1


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else rf"\x{{{ord(character):X}}}"


STANDARD = "STANDARD"  # a listing or an inventory without a storage class means this one


class Dropped(StrEnum):
    """Why a listed row is not planned, in the order in which the reasons are tried."""

    DELETE_MARKER = "delete_marker"
    NONCURRENT = "noncurrent"
    OWN = "own_files"
    PREFIX = "prefix"
    INCLUDE = "include"
    EXCLUDE = "exclude"
    SIZE = "size"
    MODIFIED = "modified"
    STORAGE_CLASS = "storage_class"
    OWNER = "owner"


_FIELDS = {Dropped.SIZE: "Size", Dropped.MODIFIED: "LastModifiedDate", Dropped.OWNER: "ObjectOwner"}


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a run. Raises UserError where they can't be applied at all.

    The first line that fits says why a row is dropped; a row that none fits is kept.

    | dropped as    | when                                                                    | null means    |
    |---------------|-------------------------------------------------------------------------|---------------|
    | delete_marker | is_delete_marker                                                        | no marker     |
    | noncurrent    | not is_latest                                                           | current       |
    | own_files     | the key starts with a prefix of this program's own files                |               |
    | prefix        | prefixes are given and the key starts with none of them                 |               |
    | include       | include globs are given and none matches the whole key                  |               |
    | exclude       | any exclude glob matches the whole key                                  |               |
    | size          | size < min_size_bytes or size > max_size_bytes                          | error         |
    | modified      | last_modified <= modified_since or last_modified > not_modified_since   | error         |
    | storage_class | storage classes are given and the row's is none of them                 | STANDARD      |
    | owner         | `mine` and the owner is another one, or `others` and it is own_owner_id | error         |

    Two runs with the same bound, one `modified_since` and one `not_modified_since`, share no object and miss none.
    A row that gets as far as a filter whose column is null raises UserError: dropping or keeping it would be a guess.
    """

    prefixes: tuple[str, ...]
    config: FilterConfig
    own_owner_id: str | None = None
    own: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.config.owner is not Owner.ANY and self.own_owner_id is None:
            raise UserError(
                "--owner/--no-owner: the id of the account that lists is not known, so no owner can be told"
            )
        for name, globs in (("include", self.config.include), ("exclude", self.config.exclude)):
            try:
                pc.match_substring_regex(pa.array([""]), to_re2(globs))
            except pa.ArrowInvalid as error:
                raise UserError(f"filters.{name}: too many or too long patterns ({error}); use fewer") from error

    @classmethod
    def of(
        cls, source: SourceConfig, config: FilterConfig, own_owner_id: str | None = None, own: tuple[str, ...] = ()
    ) -> "Filters":
        return cls(source.prefixes, config, own_owner_id, own)

    def split(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[Dropped, int]]:
        """The rows to plan, in their order, and how many were dropped for each reason (no zeros).

        `batch` has the columns of `model.tables.LISTING`. Raises UserError where a filter can't be decided.
        """
        dropped: dict[Dropped, int] = {}
        alive = pa.repeat(pa.scalar(True), batch.num_rows)
        for reason, drop in self._masks(batch):
            hit = pc.and_kleene(alive, drop)
            if hit.null_count:
                at = pc.index(pc.is_null(hit), True).as_py()
                raise _undecided(reason, batch.column("key")[at].as_py())
            if hit.true_count:
                dropped[reason] = dropped.get(reason, 0) + int(hit.true_count)
                alive = pc.and_not(alive, hit)
        return (batch.filter(alive) if dropped else batch), dropped

    def drop_reason(self, row: Mapping[str, Any]) -> Dropped | None:
        """What `split` does with one row; None where it is kept."""
        for reason, drop in self._verdicts(row):
            if drop is None:
                raise _undecided(reason, row["key"])
            if drop:
                return reason
        return None

    def _masks(self, batch: pa.RecordBatch) -> Iterator[tuple[Dropped, Any]]:
        """For each filter in use, which rows it drops; null where it can't be told."""
        config, column = self.config, batch.column
        yield Dropped.DELETE_MARKER, pc.fill_null(column("is_delete_marker"), False)
        yield Dropped.NONCURRENT, pc.invert(pc.fill_null(column("is_latest"), True))
        yield from self._masks_of_keys(column("key"))
        if config.min_size_bytes is not None:
            yield Dropped.SIZE, pc.less(column("size"), config.min_size_bytes)
        if config.max_size_bytes is not None:
            yield Dropped.SIZE, pc.greater(column("size"), config.max_size_bytes)
        if config.modified_since is not None:
            yield Dropped.MODIFIED, pc.less_equal(column("last_modified"), pa.scalar(config.modified_since, TIMESTAMP))
        if config.not_modified_since is not None:
            bound = pa.scalar(config.not_modified_since, TIMESTAMP)
            yield Dropped.MODIFIED, pc.greater(column("last_modified"), bound)
        if config.storage_classes:
            classes = pc.fill_null(column("storage_class"), STANDARD)
            yield Dropped.STORAGE_CLASS, pc.invert(pc.is_in(classes, pa.array(config.storage_classes, pa.string())))
        if config.owner is not Owner.ANY:
            is_mine = pc.equal(column("owner"), self.own_owner_id)
            yield Dropped.OWNER, is_mine if config.owner is Owner.OTHERS else pc.invert(is_mine)

    def _masks_of_keys(self, keys: pa.Array) -> Iterator[tuple[Dropped, Any]]:
        config = self.config
        if self.own:
            yield Dropped.OWN, starts_with_any(keys, self.own)
        if self.prefixes:
            yield Dropped.PREFIX, pc.invert(starts_with_any(keys, self.prefixes))
        if config.include:
            yield Dropped.INCLUDE, pc.invert(pc.match_substring_regex(keys, to_re2(config.include)))
        if config.exclude:
            yield Dropped.EXCLUDE, pc.match_substring_regex(keys, to_re2(config.exclude))

    def _verdicts(self, row: Mapping[str, Any]) -> Iterator[tuple[Dropped, bool | None]]:
        config, key, size, modified = self.config, row["key"], row["size"], row["last_modified"]
        low, high, since, until = (
            config.min_size_bytes,
            config.max_size_bytes,
            config.modified_since,
            config.not_modified_since,
        )
        yield Dropped.DELETE_MARKER, bool(row["is_delete_marker"])
        yield Dropped.NONCURRENT, row["is_latest"] is False
        yield Dropped.OWN, key.startswith(self.own)
        yield Dropped.PREFIX, bool(self.prefixes) and not key.startswith(self.prefixes)
        yield Dropped.INCLUDE, bool(config.include) and not any(fnmatchcase(key, glob) for glob in config.include)
        yield Dropped.EXCLUDE, any(fnmatchcase(key, glob) for glob in config.exclude)
        yield Dropped.SIZE, low is not None and (None if size is None else size < low)
        yield Dropped.SIZE, high is not None and (None if size is None else size > high)
        yield Dropped.MODIFIED, since is not None and (None if modified is None else modified <= since)
        yield Dropped.MODIFIED, until is not None and (None if modified is None else modified > until)
        in_classes = (STANDARD if row["storage_class"] is None else row["storage_class"]) in config.storage_classes
        yield Dropped.STORAGE_CLASS, bool(config.storage_classes) and not in_classes
        if config.owner is not Owner.ANY:
            unwanted = (row["owner"] == self.own_owner_id) is (config.owner is Owner.OTHERS)
            yield Dropped.OWNER, None if row["owner"] is None else unwanted


def starts_with_any(array: pa.Array, prefixes: tuple[str, ...]) -> pa.Array:
    """Which keys start with at least one of the prefixes (at least one must be given)."""
    masks = [pc.starts_with(array, prefix) for prefix in prefixes]
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found


def _undecided(reason: Dropped, key: str) -> UserError:
    field = _FIELDS[reason]
    return UserError(
        f"the filter on {reason} can't be decided: the listing says nothing of it for {keys.printable(key)!r}; "
        f"add {field} to the inventory's fields, list the bucket instead, or leave the filter out"
    )
