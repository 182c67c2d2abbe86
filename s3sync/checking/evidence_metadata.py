"""Whether the copy is described and stored as its source is, or as the copies were to be."""

from collections.abc import Iterator, Mapping

from s3sync.checking.evidence_annotations import differing_annotations
from s3sync.checking.object_check import Concluded, PairLook
from s3sync.copying.look_source import Head
from s3sync.model.finding import Evidence, Verdict
from s3sync.model.keys import printable
from s3sync.s3.engine.operation import Operation

SHOWN_CHARACTERS = 40
SHOWN_DIFFERENCES = 5
STANDARD = "STANDARD"
MISSING_META = "entries of the user metadata can't be read over HTTP"

# The headers that a copy carries over (AWS: "CopyObject", "Metadata"), by boto3's names; CopyObject carries no website
# redirect but with `--website-redirects keep`.
_HEADERS = {
    "ContentType": "content_type",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "ContentDisposition": "content_disposition",
    "CacheControl": "cache_control",
    "WebsiteRedirectLocation": "website_redirect",
}


def compare_metadata(pair: PairLook) -> Operation[str | None]:
    """What differs, for a person; None where nothing does.

    Raises Concluded where tags or annotations can't be read, or nothing that can be read differs and a side has user
    metadata that can't (C14; AWS: "HeadObject", x-amz-missing-meta).
    """
    source, target, copying = pair.source, pair.target, pair.settings.copying
    if source is None or target is None:
        raise ValueError("metadata are compared of objects that were looked at")
    differences = list(_differences(pair, source, target))
    if copying.tags:
        replies = yield from pair.ask(*pair.on_both("GetObjectTagging"))
        for reply in replies:
            if not reply.ok:
                raise Concluded(pair.failed(reply))
        tags = [{tag["Key"]: tag["Value"] for tag in reply.values.get("TagSet", [])} for reply in replies]
        differences += _of_names("tag", *tags)
    if copying.annotations:
        differences += yield from differing_annotations(pair)
    if not differences:
        if _has_missing(source, target):
            raise Concluded(pair.found(Verdict.UNPROVABLE, Evidence.NONE, MISSING_META))
        return None
    more = len(differences) - SHOWN_DIFFERENCES
    return "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _differences(pair: PairLook, source: Head, target: Head) -> Iterator[str]:
    copying = pair.settings.copying
    for name, title in _HEADERS.items():
        yield from _of_value(title, source.values.get(name), target.values.get(name))
    yield from _of_value("expires", _expires(source), _expires(target))
    mine, other = _lower(source.user_metadata), _lower(target.user_metadata)
    if _has_missing(source, target):  # a name that one side does not show may be what it can't show
        both = mine.keys() & other.keys()
        mine, other = ({name: each[name] for name in both} for each in (mine, other))
    yield from _of_names("metadata", mine, other)
    wanted = copying.class_for(source.values.get("StorageClass")) or STANDARD
    yield from _of_value("storage_class", wanted, target.values.get("StorageClass") or STANDARD)
    if copying.encryption:
        yield from _of_value("encryption", copying.encryption, target.values.get("ServerSideEncryption"))


def _expires(head: Head) -> object:
    """The header's text where the transport gives it: it need not be a date."""
    return head.values.get("ExpiresString") or head.values.get("Expires")


def _has_missing(*heads: Head) -> bool:
    return any(head.values.get("MissingMeta") for head in heads)


def _lower(metadata: Mapping[str, str]) -> dict[str, str]:
    """Names of headers have no case, and some servers write them in another one."""
    return {name.lower(): value for name, value in metadata.items()}


def _of_names(kind: str, source: Mapping[str, str], target: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*source, *target}):
        yield from _of_value(f"{kind} {printable(name, SHOWN_CHARACTERS)}", source.get(name), target.get(name))


def _of_value(title: str, source: object, target: object) -> Iterator[str]:
    if source != target:
        yield f"{title}: {_shown(source)} on the source, {_shown(target)} on the target"


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(printable(str(value), SHOWN_CHARACTERS))
