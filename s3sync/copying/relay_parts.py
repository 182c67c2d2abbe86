"""The parts of a relay: ranges are read and uploaded, some of each at the same time, and no more are held than fit.

    step     1        2             3             4
    read     a b      c d           e f
    upload            a b           c d           e f          window: 2

Twice the window is held at most: what is uploaded, and what is read meanwhile.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import md5
from tempfile import TemporaryFile
from typing import IO, Any

from s3sync.copying.look_source import Head, after_refusal
from s3sync.copying.look_target import write
from s3sync.copying.multipart_copy import Way
from s3sync.copying.multipart_upload import PartedUpload
from s3sync.copying.object_copy import CopyJob, Settled
from s3sync.copying.source_parts import own_cut
from s3sync.model import etag as etags
from s3sync.model.limits import GIB
from s3sync.model.outcome import Pinned, Verified
from s3sync.model.part_layout import RELAY_PART_BYTES, Boundaries, Cut, Part
from s3sync.model.task import Task
from s3sync.s3.engine.operation import Operation
from s3sync.s3.request import Reply, Request


def _prepare(job: CopyJob) -> None:
    job.pinned = _pinned(job.task)
    job.part_size_bytes = min(job.settings.part_size_bytes, RELAY_PART_BYTES)


# | planned ETag | planned time | pinned by                                                              |
# |--------------|--------------|------------------------------------------------------------------------|
# | known        | any          | ETag: If-Match, and the answer's own ETag where a server ignores that  |
# | unknown      | known        | time: the answer's Last-Modified                                       |
# | unknown      | unknown      | unpinned                                                               |
def _pinned(task: Task) -> Pinned:
    """What is read tells what it is, so no server has to honour conditions for the pin to hold (C4)."""
    if task.etag is not None:
        return Pinned.ETAG
    return Pinned.UNPINNED if task.last_modified is None else Pinned.TIME


def _most_bytes(job: CopyJob) -> int:
    """The largest part that goes through memory."""
    return job.settings.relay_memory_bytes // 2


# | largest part of the cut   | tmp_dir | largest part of our own cut | then                                     |
# |---------------------------|---------|-----------------------------|------------------------------------------|
# | fits the memory           | any     |                             | the cut                                  |
# | does not                  | given   |                             | the cut; large parts go through files    |
# | does not                  | none    | fits                        | our own cut: the boundaries are given up |
# | does not                  | none    | does not                    | failed: InvalidParameters                |
def _fit(job: CopyJob, source: Head, cut: Cut) -> Cut:
    """A cut whose parts can be carried. Raises Settled."""
    if max(cut.layout.part_sizes) <= _most_bytes(job) or job.settings.tmp_dir is not None:
        return cut
    own = own_cut(job, source, Boundaries.UNKNOWN if etags.part_count(source.etag) else Boundaries.NONE)
    if max(own.layout.part_sizes) <= _most_bytes(job):
        return own
    message = (
        f"an object of {source.size_bytes / GIB:,.0f} GiB can't be relayed within {job.settings.relay_memory_bytes} "
        "bytes of memory: give --tmp-dir, or a larger --relay-memory"
    )
    raise Settled(job.failed_with("InvalidParameters", message))


def relay_parts(upload: PartedUpload, parts: Sequence[Part]) -> Operation[list[str]]:
    """The ETags of the parts, unquoted, in order. Raises Settled where a part could not be relayed."""
    job, source = upload.job, upload.source
    whole = _Whole(job, source, is_all=len(parts) == len(upload.cut.layout))
    largest = max((part.size_bytes for part in parts), default=1)
    if largest > _most_bytes(job):
        found = yield from _through_files(upload, parts, whole)
    else:
        found = yield from _through_memory(upload, parts, whole, max(1, _most_bytes(job) // max(1, largest)))
    whole.judge()
    return found


# What a generator's names refer to lives on while it waits. So bodies have no names here but in `read`, and in the
# requests that carry them.
def _through_memory(upload: PartedUpload, parts: Sequence[Part], whole: "_Whole", window: int) -> Operation[list[str]]:
    job, source = upload.job, upload.source
    found: list[str] = []
    read: list[tuple[Part, bytes]] = []
    for some in (*_portions(parts, window), ()):
        digests = [md5(body, usedforsecurity=False) for _, body in read]
        for _, whole_body in read:
            whole.update(whole_body)
            del whole_body
        gets = [_get(job, source, part.first, part.last) for part in some if part.size_bytes]
        puts = [_put(upload, *each, digest.digest()) for each, digest in zip(read, digests, strict=True)]
        read = []
        replies = list((yield from job.ask(*puts, *gets))) if puts or gets else []
        for digest, put in zip(digests, puts, strict=True):
            found.append((yield from _put_etag(upload, replies.pop(0), digest.hexdigest())))
            put.params.clear()
        for part in some:
            body = (yield from _body(job, source, replies.pop(0), part.size_bytes)) if part.size_bytes else b""
            read.append((part, body))
            del body
    return found


def _through_files(upload: PartedUpload, parts: Sequence[Part], whole: "_Whole") -> Operation[list[str]]:
    """One part after the other; its pieces are read at the same time."""
    job = upload.job
    found: list[str] = []
    for part in parts:
        put = _put(upload, part, b"", b"")
        digest_hex, reply = yield from _by_file(job, upload.source, part.first, part.last, put, whole)
        found.append((yield from _put_etag(upload, reply, digest_hex)))
    return found


def put_from_file(job: CopyJob, source: Head, put: Request) -> Operation[tuple[str, Reply]]:
    """The whole object in one request, through a file: the MD5 of what was sent, and the answer. Raises Settled."""
    whole = _Whole(job, source, is_all=True)
    return (yield from _by_file(job, source, 0, source.size_bytes - 1, put, whole))


def _by_file(
    job: CopyJob, source: Head, first: int, last: int, put: Request, whole: "_Whole"
) -> Operation[tuple[str, Reply]]:
    """Read a range into a file without a name, and send that. Raises Settled, before anything is sent where the
    object is read to its end and its MD5 is not the source's."""
    try:
        with TemporaryFile(dir=job.settings.tmp_dir) as file:
            digest = md5(usedforsecurity=False)
            yield from _fetch(job, source, first, last, file, (digest, whole))
            if last == source.size_bytes - 1:
                whole.judge()
            put.params["Body"] = file
            put.params["ContentMD5"] = b64encode(digest.digest()).decode()
            is_part = put.operation == "UploadPart"
            reply = yield from (job.ask_one(put) if is_part else write(job, put, looks_now=True))
            return digest.hexdigest(), reply
    except OSError as error:
        message = f"{job.settings.tmp_dir}: a temporary file can't be written: {error.strerror}"
        raise Settled(job.failed_with("TemporaryFile", message)) from error


def _fetch(
    job: CopyJob, source: Head, first: int, last: int, file: IO[bytes], digests: tuple[Any, ...]
) -> Operation[None]:
    starts = range(first, last + 1, RELAY_PART_BYTES)
    for some in _portions(starts, max(1, job.settings.relay_memory_bytes // RELAY_PART_BYTES)):
        ranges = [(at, min(at + RELAY_PART_BYTES - 1, last)) for at in some]
        replies = yield from job.ask(*(_get(job, source, *each) for each in ranges))
        for (begin, end), reply in zip(ranges, replies, strict=True):
            body = yield from _body(job, source, reply, end - begin + 1)
            for digest in digests:
                digest.update(body)
            file.write(body)
            del body, reply
        del replies


def _portions(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _get(job: CopyJob, source: Head, first: int, last: int) -> Request:
    condition = {"IfMatch": f'"{source.etag}"'} if source.etag is not None else {}
    request = job.on_source("GetObject", Range=f"bytes={first}-{last}", **condition)
    request.memory_bytes, job.memory_bytes = job.memory_bytes, 0  # asked for once, with the first of its requests
    return request


def _put(upload: PartedUpload, part: Part, body: bytes, digest: bytes) -> Request:
    return upload.job.on_target(
        "UploadPart",
        UploadId=upload.upload_id,
        PartNumber=part.number,
        Body=body,
        ContentMD5=b64encode(digest).decode(),
    )


# | reply           | ETag, length            | then                 |
# |-----------------|-------------------------|----------------------|
# | failed          |                         | see `after_refusal`  |
# | done            | ETag another            | changed              |
# | done            | length another          | failed: SizeDiffers  |
# | done            | both right              | the body             |
def _body(job: CopyJob, source: Head, reply: Reply, size_bytes: int) -> Operation[bytes]:
    if not reply.ok:
        raise Settled((yield from after_refusal(job, reply)))
    etag = etags.bare(reply.values.get("ETag"))
    if etag != source.etag:
        raise Settled(job.changed(f"the source's ETag was {source.etag} and is {etag}"))
    body: bytes = reply.values["Body"]
    if len(body) != size_bytes:
        raise Settled(job.failed_with("SizeDiffers", f"{len(body)} bytes came where {size_bytes} were asked for"))
    return body


def _put_etag(upload: PartedUpload, reply: Reply, digest_hex: str) -> Operation[str]:
    job = upload.job
    if not reply.ok:
        raise Settled((yield from after_refusal(job, reply)))
    found = etags.bare(reply.values.get("ETag"))
    shows_md5 = etags.is_plain(found) and not job.hides_md5(reply)
    if found is None or (shows_md5 and not upload.target_hides_md5 and found != digest_hex):
        message = f"a part's ETag on the target is {found}, what was sent has the MD5 {digest_hex}"
        raise Settled(job.failed_with("ETagMismatch", message))
    return found


class _Whole:
    """The MD5 of an object that is read from its first byte to its last, where the source's ETag is one."""

    def __init__(self, job: CopyJob, source: Head, *, is_all: bool) -> None:
        self._job = job
        self._etag = source.etag if is_all and etags.is_plain(source.etag) and not source.hides_md5 else None
        self._digest = md5(usedforsecurity=False)

    def update(self, body: bytes) -> None:
        if self._etag is not None:
            self._digest.update(body)

    def judge(self) -> None:
        """Raises Settled where what was read is not what the source's ETag says."""
        if self._etag is None:
            return
        found = self._digest.hexdigest()
        if found != self._etag:
            message = f"what was read has the MD5 {found}, the source's ETag is {self._etag}"
            raise Settled(self._job.failed_with("ETagMismatch", message))
        self._job.proved = Verified.MD5_EQUAL


BY_WORKER = Way(_prepare, _fit, relay_parts)
