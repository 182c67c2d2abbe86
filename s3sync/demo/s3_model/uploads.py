"""Multipart uploads.

    create ──> parts, in any order, each replaceable ──> complete ──> one object, at that instant
                                                    └──> abort: nothing is left

Until it is completed or aborted an upload is open: it shows in its own listing only, and costs money.
"""

from s3sync.demo.s3_model.conditions import bare, check_source
from s3sync.demo.s3_model.content import cut, etag_of, etag_of_parts, joined, size_of
from s3sync.demo.s3_model.keeping import check_readable
from s3sync.demo.s3_model.objects import Params, Values, check_write, described, found, write
from s3sync.demo.s3_model.service import Service, operation
from s3sync.demo.s3_model.stored import Part, Refused, Upload, Version, at_second
from s3sync.model.limits import PARTS_MAX


def upload_of(s3: Service, params: Params) -> Upload:
    upload = s3.bucket(params).uploads.get(params["UploadId"])
    if upload is None or upload.key != params["Key"]:
        raise Refused(404, "NoSuchUpload", "The upload may have been aborted or completed.")
    return upload


@operation
def create_multipart_upload(s3: Service, params: Params) -> Values:
    """Each call opens one more upload, also where it is the repeat of a call whose answer was lost."""
    bucket = s3.bucket(params)
    about = described(bucket, params)
    upload = Upload(f"u{s3.next_number()}", params["Key"], s3.second, s3.caller, about)
    bucket.uploads[upload.upload_id] = upload
    s3.on_open(bucket, upload)
    values: Values = {"UploadId": upload.upload_id, "Bucket": bucket.name, "Key": params["Key"]}
    if about.encryption is not None:
        values["ServerSideEncryption"] = about.encryption
    return values


def _store(s3: Service, upload: Upload, number: int, body: object) -> Part:
    if not 1 <= number <= PARTS_MAX:
        raise Refused(400, "InvalidArgument", f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive")
    etag = etag_of(body, upload.described.encryption, s3.next_number())  # type: ignore[arg-type]
    part = Part(etag, body, size_of(body))  # type: ignore[arg-type]
    upload.parts[number] = part
    return part


@operation
def upload_part(s3: Service, params: Params) -> Values:
    """A part with a number that is there replaces it. Source: "UploadPart" [embedded, radosgw]."""
    upload = upload_of(s3, params)
    s3.check_digest(params)
    part = _store(s3, upload, params["PartNumber"], params.get("Body", b""))
    values: Values = {"ETag": f'"{part.etag}"'}
    if upload.described.encryption is not None:
        values["ServerSideEncryption"] = upload.described.encryption
    return values


@operation
def upload_part_copy(s3: Service, params: Params) -> Values:
    """Source: "UploadPartCopy" [embedded, radosgw, versitygw]."""
    upload = upload_of(s3, params)
    source = found(s3.source_bucket(params), params["CopySource"], is_source=True)
    check_source(source, params, s3.departs, "UploadPartCopy")
    check_readable(s3, source)
    body = source.body
    if "CopySourceRange" in params:
        body = cut(body, *s3.range_of(params["CopySourceRange"], source.size_bytes))
    part = _store(s3, upload, params["PartNumber"], body)
    return {"CopyPartResult": {"ETag": f'"{part.etag}"', "LastModified": at_second(s3.second)}}


# The first line that fits decides.
#
# | parts that are named                  | then                                       |
# |---------------------------------------|--------------------------------------------|
# | none                                  | 400 MalformedXML                           |
# | not in ascending order                | 400 InvalidPartOrder                       |
# | one that is not there, another ETag   | 400 InvalidPart                            |
# | one but the last is too small         | 400 EntityTooSmall                         |
# | a condition on the target fails       | 412 or 404; the upload stays open          |
# | otherwise                             | one object; parts not named are discarded  |
@operation
def complete_multipart_upload(s3: Service, params: Params) -> Values:
    """The object's time is that of the upload's beginning, not of this request ("Working with object metadata").

    The upload is gone afterwards, so a repeat of the call may answer NoSuchUpload: whether the first one was done must
    be looked up. A server may as well answer a repeat as it answered the first call (`repeats_completions`).
    Source: "CompleteMultipartUpload" [embedded, radosgw].
    """
    if s3.repeats_completions and params["UploadId"] in s3.completions:
        return dict(s3.completions[params["UploadId"]])
    upload, bucket = upload_of(s3, params), s3.bucket(params)
    named = params.get("MultipartUpload", {}).get("Parts", [])
    if not named:
        raise Refused(400, "MalformedXML")
    numbers = [each["PartNumber"] for each in named]
    if numbers != sorted(set(numbers)):
        raise Refused(400, "InvalidPartOrder")
    parts = [upload.parts.get(number) for number in numbers]
    chosen = [part for part, each in zip(parts, named, strict=True) if part and part.etag == bare(each["ETag"])]
    if len(chosen) != len(named):
        raise Refused(400, "InvalidPart")
    if any(part.size_bytes < s3.part_min_bytes for part in chosen[:-1]):
        raise Refused(400, "EntityTooSmall")
    check_write(s3, bucket, params, ("complete_if_none_match", "complete_if_match"))
    number = s3.next_number()
    body = joined(part.body for part in chosen)
    modified = s3.second if "multipart_time_is_initiation" in s3.departs else upload.initiated
    version = Version(
        f"v{number}",
        etag_of_parts([part.etag for part in chosen]),
        body,
        size_of(body),
        modified,
        upload.described,
        tuple(part.body for part in chosen),
    )
    del bucket.uploads[upload.upload_id]
    values = write(s3, bucket, upload.key, version, params)
    if "complete_answers_etag" in s3.departs:
        values["ETag"] = ""
    values |= {"Bucket": bucket.name, "Key": upload.key}
    s3.completions[upload.upload_id] = values
    return values


@operation
def abort_multipart_upload(s3: Service, params: Params) -> Values:
    upload = upload_of(s3, params)
    del s3.bucket(params).uploads[upload.upload_id]
    return {}


@operation
def list_parts(s3: Service, params: Params) -> Values:
    upload = upload_of(s3, params)
    parts = [
        {"PartNumber": number, "ETag": f'"{part.etag}"', "Size": part.size_bytes}
        for number, part in sorted(upload.parts.items())
    ]
    return {"Parts": parts}


@operation
def list_multipart_uploads(s3: Service, params: Params) -> Values:
    """All open uploads, by key, then by when they were begun. `Date` is the answer's header: S3's own time.
    Source: "ListMultipartUploads" [embedded, radosgw]."""
    bucket, prefix = s3.bucket(params), params.get("Prefix", "")
    uploads = [each for each in bucket.uploads.values() if each.key.startswith(prefix)]
    return {
        "Uploads": [
            {
                "Key": each.key,
                "UploadId": each.upload_id,
                "Initiated": at_second(each.initiated),
                "Initiator": {"ID": each.initiator},
            }
            for each in sorted(uploads, key=lambda each: (each.key, each.initiated))
        ],
        "Date": at_second(s3.second),
    }


def abort_incomplete(s3: Service, bucket_name: str, age_seconds: float) -> int:
    """What a lifecycle rule does by itself: AbortIncompleteMultipartUpload. Returns how many uploads it aborted."""
    uploads = s3.buckets[bucket_name].uploads
    old = [each for each in uploads.values() if s3.now - each.initiated >= age_seconds]
    for upload in old:
        del uploads[upload.upload_id]
    return len(old)
