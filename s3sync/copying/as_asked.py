"""Whether a copy is described and stored as it was asked for (C19): the one judgement of it, over two objects that were
looked at. A repeat goes by it that finds an object on the target, and a check that is to compare metadata.

Whether two objects have the same content is another question.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from s3sync.copying.look_source import Head
from s3sync.copying.settings import CopySettings
from s3sync.model import etag as etags
from s3sync.model.keys import printable

SHOWN_CHARACTERS = 40
STANDARD = "STANDARD"  # the class of an object whose HEAD names none (AWS: "HeadObject")
S3_MANAGED = "AES256"  # the encryption of an object for which nobody asks for any; other servers name none
MISSING_META = "entries of the user metadata can't be read over HTTP"

# The headers that a copy carries over (AWS: "CopyObject", "Metadata"), by boto3's names.
_HEADERS = {
    "ContentType": "content_type",
    "ContentEncoding": "content_encoding",
    "ContentLanguage": "content_language",
    "ContentDisposition": "content_disposition",
    "CacheControl": "cache_control",
}
_EXPIRED = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = "key/"
_ALIAS = "alias/"

Tags = Sequence[Mapping[str, str]]


# | of the source                         | of the target         | told                                              |
# |---------------------------------------|-----------------------|---------------------------------------------------|
# | a header of `_HEADERS`                | another, or none      | the header                                        |
# | `Expires` that is a date              | another date, or none | expires                                           |
# | `Expires` that is no date             | a time that is over   | nothing: a copy by parts makes one of it          |
# | user metadata, names without case     | others                | each name                                         |
# | user metadata that HTTP does not show | any                   | the names that both sides show; see `unreadable`  |
def described_otherwise(source: Head, target: Head) -> Iterator[str]:
    """How the headers and user metadata of a copy differ from those of its source."""
    for name, title in _HEADERS.items():
        yield from _of_value(title, source.values.get(name), target.values.get(name))
    is_no_date = source.values.get("ExpiresString") and not source.values.get("Expires")
    if not (is_no_date and target.values.get("Expires") == _EXPIRED):
        yield from _of_value("expires", _expires(source), _expires(target))
    mine, other = _lower(source.user_metadata), _lower(target.user_metadata)
    if unreadable(source, target):  # a name that one side does not show may be what it can't show
        both = mine.keys() & other.keys()
        mine, other = ({name: each[name] for name in both} for each in (mine, other))
    yield from _of_names("metadata", mine, other)


def redirected_otherwise(source: Head, target: Head) -> Iterator[str]:
    """Whether the website redirect differs. CopyObject carries none but with `--website-redirects keep`."""
    name = "WebsiteRedirectLocation"
    yield from _of_value("website_redirect", source.values.get(name), target.values.get(name))


def unreadable(*heads: Head) -> bool:
    """True where one of them has user metadata that can't be compared (AWS: "HeadObject", x-amz-missing-meta)."""
    return any(head.values.get("MissingMeta") for head in heads)


# | asked for                   | the target's HEAD shows                     | told                          |
# |-----------------------------|---------------------------------------------|-------------------------------|
# | a storage class, or STANDARD | another one; none stands for STANDARD      | storage_class                 |
# | an encryption               | another one, or none                        | encryption                    |
# | a KMS key, by id or ARN     | a key of another id                         | kms_key_id                    |
# | a KMS key, by its alias     | any                                         | nothing: see `unseen`         |
# | a bucket key                | none                                        | bucket_key                    |
def stored_otherwise(settings: CopySettings, source_class: str | None, target: Head) -> Iterator[str]:
    """How an object is stored otherwise than the copies of `settings`; `source_class` is the source's storage class."""
    wanted = settings.class_for(source_class) or STANDARD
    yield from _of_value("storage_class", wanted, target.values.get("StorageClass") or STANDARD)
    if settings.encryption:
        yield from _of_value("encryption", settings.encryption, target.values.get("ServerSideEncryption"))
    shown = target.values.get("SSEKMSKeyId")
    if shown and _is_other_key(settings.kms_key_id, shown):
        yield from _of_value("kms_key_id", settings.kms_key_id, shown)
    if settings.bucket_key and not target.values.get("BucketKeyEnabled"):
        yield from _of_value("bucket_key", True, None)


# | asked for    | the bucket's default | the target's HEAD shows           | told             |
# |--------------|----------------------|-----------------------------------|------------------|
# | something    |                      |                                   | see above        |
# | nothing      | known                | another one                       | encryption       |
# | nothing      | not known            | anything but AES256 and nothing   | encryption       |
def encrypted_otherwise(settings: CopySettings, target: Head) -> Iterator[str]:
    """How an object is encrypted otherwise than the bucket does it by itself, where nothing else was asked for."""
    if settings.encryption:
        return
    wanted = settings.default_encryption or S3_MANAGED
    yield from _of_value("encryption", wanted, target.values.get("ServerSideEncryption") or S3_MANAGED)


# | preserve_etags | MD5s                | ETags         | numbers of parts | told |
# |----------------|---------------------|---------------|------------------|------|
# | no             |                     |               |                  |      |
# | yes            | shown by both       | equal         |                  |      |
# | yes            | shown by both       | differ        |                  | etag |
# | yes            | hidden by either    |               | equal            |      |
# | yes            | hidden by either    |               | differ           | etag |
def cut_otherwise(settings: CopySettings, source: Head, target: Head) -> Iterator[str]:
    """How an object is cut otherwise than its source, where the boundaries of parts were to be kept."""
    if not settings.preserve_etags:
        return
    if source.hides_md5 or target.hides_md5:
        is_alike = etags.part_count(source.etag) == etags.part_count(target.etag)
    else:
        is_alike = source.etag == target.etag
    if not is_alike:
        yield from _of_value("etag", source.etag, target.etag)


def tagged_otherwise(source: Tags, target: Tags) -> Iterator[str]:
    """How the tags (`TagSet` of GetObjectTagging) of a copy differ from those of its source."""
    yield from _of_names("tag", *({tag["Key"]: tag["Value"] for tag in tags} for tags in (source, target)))


def unseen(settings: CopySettings, source: Head, target: Head) -> Iterator[str]:
    """What was asked for, and no HEAD can show."""
    if settings.acl is not None:
        yield "its ACL"
    shown = target.values.get("SSEKMSKeyId")
    if settings.kms_key_id is not None and (shown is None or _ALIAS in settings.kms_key_id):
        yield "its KMS key"
    if unreadable(source, target):
        yield MISSING_META


def _is_other_key(asked: str | None, shown: str) -> bool:
    """HEAD tells a key by its ARN, however it was asked for."""
    if asked is None or _ALIAS in asked:
        return False
    if asked.startswith("arn:"):
        return asked != shown
    return asked != shown.rpartition(_KEY)[2]


def _expires(head: Head) -> object:
    """The header's text where the transport gives it: it need not be a date."""
    return head.values.get("ExpiresString") or head.values.get("Expires")


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
