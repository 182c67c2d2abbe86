"""Whether both sides have the same annotations: their names and sizes first, their texts where ETags prove nothing."""

from collections.abc import Iterator

from s3sync.checking.object_check import Concluded, PairLook
from s3sync.copying.annotations import Annotation, annotations_of
from s3sync.model import etag as etags
from s3sync.model.keys import printable
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Side

SHOWN_CHARACTERS = 40


# A side whose server knows no annotations has none.
#
# | on one side only | sizes  | encryption | ETags                 | then                             |
# |------------------|--------|------------|-----------------------|----------------------------------|
# | yes              |        |            |                       | differs                          |
# | no               | differ |            |                       | differs                          |
# | no               | equal  | shows MD5s | both plain, and equal | the same                         |
# | no               | equal  | shows MD5s | both plain, differ    | differs                          |
# | no               | equal  | any        | any other             | both are read, byte for byte     |
#
# Annotations are encrypted as their object is (AWS: "PutObjectAnnotation").
def differing_annotations(pair: PairLook) -> Operation[list[str]]:
    """What differs, for a person. Raises Concluded where something can't be read."""
    mine = yield from _of_side(pair, Side.SOURCE)
    others = yield from _of_side(pair, Side.TARGET)
    found = list(_by_lists(mine, others))
    hides_md5 = any(head.hides_md5 for head in (pair.source, pair.target) if head is not None)
    for name in sorted(mine.keys() & others.keys()):
        one, other = mine[name], others[name]
        if one.size_bytes != other.size_bytes:
            continue
        is_same = None if hides_md5 else _by_etags(one, other)
        if is_same is None:
            is_same = yield from _by_texts(pair, name)
        if not is_same:
            found.append(f"annotation {_shown(name)}: another text of {one.size_bytes:,} bytes on the target")
    return found


def _of_side(pair: PairLook, side: Side) -> Operation[dict[str, Annotation]]:
    without = pair.settings.copying.without_annotations
    if side in without:
        return {}
    found = yield from annotations_of(pair.ask, pair.on(side, "ListObjectAnnotations"))
    if isinstance(found, Reply):
        raise Concluded(pair.failed(found))
    if found is None:
        without.add(side)
    return found or {}


def _by_lists(mine: dict[str, Annotation], others: dict[str, Annotation]) -> Iterator[str]:
    for name in sorted(mine.keys() | others.keys()):
        one, other = mine.get(name), others.get(name)
        if one is None or other is None or one.size_bytes != other.size_bytes:
            yield f"annotation {_shown(name)}: {_size(one)} on the source, {_size(other)} on the target"


def _by_etags(one: Annotation, other: Annotation) -> bool | None:
    """None where they prove nothing."""
    return one.etag == other.etag if etags.is_plain(one.etag) and etags.is_plain(other.etag) else None


def _by_texts(pair: PairLook, name: str) -> Operation[bool]:
    replies = yield from pair.ask(*pair.on_both("GetObjectAnnotation", AnnotationName=name))
    for reply in replies:
        if not reply.ok:
            raise Concluded(pair.failed(reply))
    one, other = (reply.values["AnnotationPayload"] for reply in replies)
    return bool(one == other)


def _size(found: Annotation | None) -> str:
    return "nothing" if found is None else f"{found.size_bytes:,} bytes"


def _shown(name: str) -> str:
    return printable(name, SHOWN_CHARACTERS)
