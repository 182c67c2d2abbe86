"""Where the parts of two objects were cut: with the same cuts, unequal ETags of parts are unequal contents."""

from collections.abc import Sequence

from s3sync.checking.object_check import PairLook
from s3sync.copying.look_source import Head
from s3sync.copying.source_parts import portions
from s3sync.model import etag as etags
from s3sync.model.stored_checksums import checksums_of
from s3sync.planning.cost import PARTS_LOOKED_AT
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Side

PARTS_A_PAGE = 1000

Sizes = tuple[int, ...]


# | ETags                                    | first parts | all parts    | then                                 |
# |------------------------------------------|-------------|--------------|--------------------------------------|
# | one hides its MD5, or is not of parts    | not asked   | not asked    | not proved                           |
# | of parts, other numbers of parts         | not asked   | not asked    | not proved: other cuts               |
# | of parts, as many, over PARTS_LOOKED_AT  | not asked   | not asked    | not proved                           |
# | of parts, as many                        | differ      | not asked    | not proved: other cuts               |
# | of parts, as many                        | alike       | differ       | not proved: other cuts               |
# | of parts, as many                        | alike       | alike        | the contents differ                  |
# | of parts, as many                        | can't be seen                  || not proved                      |
def differ_by_parts(pair: PairLook, source: Head, target: Head) -> Operation[bool]:
    """Whether the ETags of parts, which are known to be unequal, prove the contents unequal."""
    count = etags.part_count(source.etag)
    if source.hides_md5 or target.hides_md5 or not 1 < count <= PARTS_LOOKED_AT:
        return False
    if etags.part_count(target.etag) != count:
        return False
    first = yield from pair.ask(*pair.on_both("HeadObject", PartNumber=1))
    sizes = [_part_size(reply, count) for reply in first]
    if None in sizes or sizes[0] != sizes[1]:
        return False
    mine = yield from _part_sizes(pair, Side.SOURCE, source, count)
    others = yield from _part_sizes(pair, Side.TARGET, target, count)
    return mine is not None and mine == others


def _part_sizes(pair: PairLook, side: Side, head: Head, count: int) -> Operation[Sizes | None]:
    """The sizes of all parts; None where they can't be seen. GetObjectAttributes lists them for objects that were
    uploaded with checksums, in one request."""
    if checksums_of(head.values):
        request = pair.on(side, "GetObjectAttributes", ObjectAttributes=["ObjectParts"], MaxParts=PARTS_A_PAGE)
        (reply,) = yield from pair.ask(request)
        listed = reply.values.get("ObjectParts", {}).get("Parts", []) if reply.ok else []
        if len(listed) == count:
            return _whole(head, [part["Size"] for part in sorted(listed, key=lambda part: int(part["PartNumber"]))])
    sizes: list[int | None] = []
    for numbers in portions(range(1, count + 1)):
        replies = yield from pair.ask(*(pair.on(side, "HeadObject", PartNumber=number) for number in numbers))
        sizes.extend(_part_size(reply, count) for reply in replies)
    return None if None in sizes else _whole(head, [size for size in sizes if size is not None])


def _part_size(reply: Reply, count: int) -> int | None:
    if not reply.ok or reply.values.get("PartsCount") != count:
        return None
    size: int = reply.values["ContentLength"]
    return size


def _whole(head: Head, sizes: Sequence[int]) -> Sizes | None:
    """The sizes, where they make up the object."""
    return tuple(sizes) if sum(sizes) == head.size_bytes else None
