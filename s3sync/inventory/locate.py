"""Where S3 Inventory reports lie: finding the newest complete one, and fetching its data files.

Source: "Locating your inventory list" in the S3 documentation: a report is the folder
`PREFIX/SOURCE_BUCKET/CONFIG_ID/YYYY-MM-DDTHH-MMZ/`; beside the dated folders stand `data/` and `hive/`, which hold no
dated ones; a bucket and a configuration may have these names too. S3 writes `manifest.checksum` last.
"""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from urllib3.exceptions import HTTPError

from s3sync.errors import InventoryError, S3SyncError, ServiceError, StoreError
from s3sync.inventory.manifest import DataFile, Manifest, parse_manifest, verify_checksum
from s3sync.model.limits import MIB

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

T = TypeVar("T")

MANIFEST = "manifest.json"
CHECKSUM = "manifest.checksum"
LEVELS_BELOW = 2  # from PREFIX/ over SOURCE_BUCKET/ to CONFIG_ID/
FOLDERS_MAX = 200  # looked into on one level
PAGES_MAX = 50  # of one folder's listing
REPORTS_MAX = 50  # dated folders looked into, the newest first, for a complete one
PIECE_BYTES = 1 * MIB
READ_ATTEMPTS = 4
PAUSE_SECONDS = 0.5  # doubled after each cut body

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}Z")


@dataclass(frozen=True, slots=True)
class _Folder:
    """What lies directly in a folder: names of objects, and names of folders without their slash."""

    objects: frozenset[str]
    folders: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return {MANIFEST, CHECKSUM} <= self.objects

    @property
    def dated(self) -> list[str]:
        return [name for name in self.folders if _DATED.fullmatch(name)]


def find_manifest(
    client: "S3Client", uri: str, verify: bool = True, pause: Callable[[float], None] = time.sleep
) -> Manifest:
    """The manifest at `uri`, or the newest complete one below it.

    | `uri` is                                            | the manifest is                                   |
    |-----------------------------------------------------|---------------------------------------------------|
    | `s3://.../manifest.json`                            | that one                                          |
    | a folder that holds manifest.json                   | that one                                          |
    | a folder of dated reports                           | of the newest with manifest.json and its checksum |
    | one or two levels above a single folder of reports  | as if that folder were named                      |
    | one or two levels above several folders of reports  | none: InventoryError lists the folders            |

    `verify` compares the manifest with its manifest.checksum; only for a manifest copied by hand may it be False.
    Raises InventoryError where nothing is there, access is denied or the manifest can't be trusted, ServiceError where
    S3 could not be asked.
    """
    bucket, key = _split(uri)
    if key.endswith(f"/{MANIFEST}") or key == MANIFEST:
        folder = key.removesuffix(MANIFEST)
    else:
        top = f"{key.rstrip('/')}/" if key.strip("/") else ""
        folder = _folder_of_report(client, bucket, top)
    return _read_manifest(client, bucket, folder, verify, pause)


def inventory_of(uri: str) -> str | None:
    """The folder of all reports of one inventory configuration, of the URI of a dated one's manifest; None where the
    report lies elsewhere."""
    home, _, dated = uri.removesuffix(f"/{MANIFEST}").rpartition("/")
    return home if _DATED.fullmatch(dated) else None


def fetch_data_file(
    client: "S3Client",
    manifest: Manifest,
    file: DataFile,
    directory: Path,
    verify_md5: bool,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """A local copy of `file`, under a new name in `directory`; it is the caller's to remove.

    The size is always compared with the manifest, the MD5 with `verify_md5`. A body that is cut short is fetched
    again, READ_ATTEMPTS times in all; a request that fails is the client's to retry. On any failure nothing is left
    in `directory`. Raises InventoryError naming the file's URI, ServiceError where S3 could not be asked, StoreError
    where `directory` can't be written.
    """
    where = manifest.file_uri(file)
    path = _new_file(directory, "".join(PurePosixPath(file.key).suffixes[-2:]))
    try:
        digest = _until_whole(lambda: _download(client, manifest.destination_bucket, file, path), where, pause)
        _check_md5(digest, file, where, verify_md5)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


class _CutShort(Exception):
    """A body that ended before its end."""


def _new_file(directory: Path, suffix: str) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=directory, prefix="inventory-", suffix=suffix)
    except OSError as error:
        raise StoreError(f"{directory}: cannot be written: {error.strerror}") from error
    os.close(handle)
    return Path(name)


def _until_whole(read: Callable[[], T], where: str, pause: Callable[[float], None]) -> T:
    for attempt in range(READ_ATTEMPTS):
        if attempt:
            pause(PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            return read()
        except _CutShort as cut:
            last = cut
    raise InventoryError(where, f"was cut short {READ_ATTEMPTS} times: {last}") from last


def _check_md5(digest: str, file: DataFile, where: str, verify_md5: bool) -> None:
    if verify_md5 and digest != file.md5:
        raise InventoryError(where, f"has the MD5 {digest}, but its manifest says {file.md5}")


def _download(client: "S3Client", bucket: str, file: DataFile, path: Path) -> str:
    """Write the object to `path`, over what may be there; the MD5 of its bytes."""
    where = f"s3://{bucket}/{file.key}"
    answer = _get(client, bucket, file.key, where)
    digest = md5(usedforsecurity=False)
    with closing(answer["Body"]) as body:
        if answer["ContentLength"] != file.size_bytes:
            raise InventoryError(where, f"has {answer['ContentLength']} bytes, but its manifest says {file.size_bytes}")
        try:
            with path.open("wb") as out:
                for piece in _pieces(body, file.size_bytes):
                    digest.update(piece)
                    out.write(piece)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    return digest.hexdigest()


def _pieces(body: "StreamingBody", size_bytes: int) -> Iterator[bytes]:
    """The body in pieces; botocore raises where fewer bytes come than Content-Length, `size_bytes`, says."""
    got = 0
    try:
        while piece := body.read(PIECE_BYTES):
            got += len(piece)
            yield piece
    except (BotoCoreError, HTTPError) as error:
        raise _CutShort(f"{got} of {size_bytes} bytes came ({type(error).__name__})") from error


def _split(uri: str) -> tuple[str, str]:
    # Not urlsplit: `?` and `#` belong to a key.
    found = re.fullmatch(r"s3://([^/]+)(?:/(.*))?", uri, re.DOTALL)
    if not found:
        raise InventoryError(uri, "is not of the form s3://BUCKET/KEY")
    return found[1], found[2] or ""


def _read_manifest(
    client: "S3Client", bucket: str, folder: str, verify: bool, pause: Callable[[float], None]
) -> Manifest:
    uri = f"s3://{bucket}/{folder}{MANIFEST}"
    body = _body(client, bucket, folder + MANIFEST, pause)
    if verify:
        try:
            checksum = _body(client, bucket, folder + CHECKSUM, pause)
        except _Missing as error:
            raise InventoryError(uri, f"has no {CHECKSUM} beside it: the report is not complete") from error
        verify_checksum(body, checksum, uri)
    return parse_manifest(body, uri)


def _folder_of_report(client: "S3Client", bucket: str, top: str) -> str:
    """`top`, if it holds a manifest, else the newest complete report of the one folder of reports below it."""
    where = f"s3://{bucket}/{top}"
    found: list[tuple[str, _Folder]] = []
    level = [top]
    for depth in range(LEVELS_BELOW + 1):
        below: list[str] = []
        for path in level:
            listed = _list(client, bucket, path)
            if path == top and MANIFEST in listed.objects:
                return top
            if listed.dated:
                found.append((path, listed))
            else:
                below += [f"{path}{name}/" for name in listed.folders]
        if len(below) > FOLDERS_MAX and depth < LEVELS_BELOW:
            raise InventoryError(where, f"has over {FOLDERS_MAX} folders below it: name the report's own")
        level = below
    if not found:
        raise InventoryError(where, f"has no {MANIFEST} and no dated reports at it or below it")
    if len(found) > 1:
        several = ", ".join(f"s3://{bucket}/{path}" for path, _ in found)
        raise InventoryError(where, f"has several folders of reports below it; name one: {several}")
    return _newest_complete(client, bucket, *found[0])


def _newest_complete(client: "S3Client", bucket: str, path: str, listed: _Folder) -> str:
    newest = sorted(listed.dated, reverse=True)[:REPORTS_MAX]
    for name in newest:
        if _list(client, bucket, f"{path}{name}/").is_complete:
            return f"{path}{name}/"
    problem = f"none of the {len(newest)} newest reports has both {MANIFEST} and {CHECKSUM}"
    raise InventoryError(f"s3://{bucket}/{path}", problem)


def _list(client: "S3Client", bucket: str, path: str) -> _Folder:
    where = f"s3://{bucket}/{path}"
    objects: set[str] = set()
    folders: list[str] = []
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=path, Delimiter="/")
        for number, page in enumerate(pages):
            if number == PAGES_MAX:
                raise InventoryError(where, f"holds over {PAGES_MAX} pages of keys: name the report's own folder")
            objects.update(entry["Key"][len(path) :] for entry in page.get("Contents", ()))
            folders += [entry["Prefix"][len(path) : -1] for entry in page.get("CommonPrefixes", ())]
    except (ClientError, BotoCoreError) as error:
        raise _refusal(error, where, "s3:ListBucket") from error
    return _Folder(frozenset(objects), tuple(folders))


def _body(client: "S3Client", bucket: str, key: str, pause: Callable[[float], None]) -> bytes:
    where = f"s3://{bucket}/{key}"

    def read() -> bytes:
        answer = _get(client, bucket, key, where)
        return b"".join(_pieces(answer["Body"], answer["ContentLength"]))

    return _until_whole(read, where, pause)


def _get(client: "S3Client", bucket: str, key: str, where: str) -> "GetObjectOutputTypeDef":
    try:
        return client.get_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise _refusal(error, where, "s3:GetObject") from error


class _Missing(InventoryError):
    """The object is not there."""


def _refusal(error: ClientError | BotoCoreError, where: str, permission: str) -> S3SyncError:
    """What a failed request says about the place it was sent for.

    | answer                         | error                                          |
    |--------------------------------|------------------------------------------------|
    | NoSuchBucket                   | InventoryError: the bucket does not exist      |
    | NoSuchKey, 404                 | InventoryError: is not there                   |
    | any other 403                  | InventoryError: denied, and which permission   |
    | any other answer below 500     | InventoryError with S3's code                  |
    | 500 and above, or no answer    | ServiceError                                   |
    | parameters that boto3 refuses  | InventoryError with boto3's words              |
    """
    if isinstance(error, ParamValidationError):
        return InventoryError(where, " ".join(str(error).split()))
    if not isinstance(error, ClientError):
        return ServiceError(f"{where}: S3 can't be asked: {' '.join(str(error).split())}")
    code = error.response["Error"].get("Code", "?")
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceError(f"{where}: can't be read: S3 answers {code}")
    if code == "NoSuchBucket":
        return InventoryError(where, "the bucket does not exist")
    if code == "NoSuchKey" or status == HTTPStatus.NOT_FOUND:
        return _Missing(where, "is not there")
    denied = f"access is denied ({code}): the inventory's credentials need {permission}"
    return InventoryError(where, denied if status == HTTPStatus.FORBIDDEN else f"can't be read: S3 answers {code}")
