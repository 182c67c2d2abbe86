"""The work location: an S3 prefix or a local folder, behind one small interface.

Objects are written whole, in one put, and are never appended to; a reader sees all of one or nothing.
Paths are relative, with `/`, of plain ASCII.
"""

import os
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import md5
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from s3sync.aws.clients import client, error_text
from s3sync.config.model import Access
from s3sync.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


NO_CONDITIONS = (
    "its server does not know If-None-Match (501 NotImplemented), by which two runs are kept apart; name a bucket of a "
    "server that does, or a folder that all workers share"
)
FOREIGN_CODE = "404"  # botocore's word for a 404 that is no error of S3
FOREIGN_ATTEMPTS = 4
FOREIGN_PAUSE_SECONDS = 0.5


class Store(Protocol):
    @property
    def uri(self) -> str:
        """Where it is, for people."""
        ...

    def put(self, path: str, body: bytes) -> None:
        """Write or replace an object. Raises StoreError."""
        ...

    def put_new(self, path: str, body: bytes) -> bool:
        """Write an object that must not exist yet; False where it does. One of several callers gets True."""
        ...

    def get(self, path: str) -> bytes | None:
        """The object, None where there is none. Raises StoreError."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """The paths that begin with `prefix`, in byte order. Raises StoreError; never ends early."""
        ...

    def delete(self, path: str) -> None:
        """Remove an object; no error where there is none. Raises StoreError."""
        ...


class LocalStore:
    """A folder. Good for one machine, or for a file system that all workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def uri(self) -> str:
        return str(self._folder)

    def _write_aside(self, path: str, body: bytes) -> tuple[Path, Path]:
        final, aside = self._folder / path, None
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=final.parent, prefix=".incoming-")
            aside = Path(name)
            with os.fdopen(handle, "wb") as out:
                out.write(body)
        except OSError as error:
            if aside is not None:  # on a full disk it would keep what room there was
                aside.unlink(missing_ok=True)
            raise StoreError(f"{final}: cannot be written: {error.strerror}") from error
        return aside, final

    def put(self, path: str, body: bytes) -> None:
        aside, final = self._write_aside(path, body)
        try:
            aside.replace(final)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise StoreError(f"{final}: cannot be written: {error.strerror}") from error

    def put_new(self, path: str, body: bytes) -> bool:
        aside, final = self._write_aside(path, body)
        try:
            final.hardlink_to(aside)  # fails where `final` exists: the one atomic "create only" there is
        except FileExistsError:
            return False
        except OSError as error:
            raise StoreError(f"{final}: cannot be made by a hard link: {error.strerror}") from error
        finally:
            aside.unlink()
        return True

    def get(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._folder / path}: cannot be read: {error.strerror}") from error

    def names(self, prefix: str) -> Iterator[str]:
        def fail(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise StoreError(f"{error.filename}: can't be listed: {error.strerror}") from error

        top = self._folder / prefix.rpartition("/")[0]
        found = [
            (Path(folder) / name).relative_to(self._folder).as_posix()
            for folder, _, names in os.walk(top, onerror=fail)
            for name in names
            if not name.startswith(".incoming-")
        ]
        yield from sorted(path for path in found if path.startswith(prefix))

    def delete(self, path: str) -> None:
        try:
            (self._folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._folder / path}: cannot be deleted: {error.strerror}") from error


class S3Store:
    """A prefix of a bucket. `put_new` is a put with `If-None-Match: *` (AWS: "Conditional writes").

    Where a server refuses the condition (501) no two runs can be kept apart, so it is no work location: ConfigError.
    One that ignores it is found out by looking first and by reading back what was written; two writers in the same
    instant are not told apart there.
    """

    def __init__(self, s3: "S3Client", bucket: str, prefix: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._s3 = s3
        self._sleep = sleep
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @property
    def uri(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @contextmanager
    def _told(self, path: str, verb: str) -> Iterator[None]:
        """Inside, what boto3 raises comes out as StoreError."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"{self.uri}/{path}: cannot be {verb}: {': '.join(error_text(error))}") from error
        except ResponseParserError as error:
            raise StoreError(f"{self.uri}/{path}: cannot be {verb}: the answer is none of S3's") from error

    def _whole(self, path: str, body: bytes) -> dict[str, Any]:
        """With a Content-MD5, as a bucket with Object Lock and a default retention wants it (AWS: "PutObject")."""
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        return {"Bucket": self._bucket, "Key": self._prefix + path, "Body": body, "ContentMD5": digest}

    def put(self, path: str, body: bytes) -> None:
        with self._told(path, "written"):
            self._s3.put_object(**self._whole(path, body))

    def put_new(self, path: str, body: bytes) -> bool:
        if self.get(path) is not None:
            return False
        with self._told(path, "written"):
            try:
                self._s3.put_object(**self._whole(path, body), IfNoneMatch="*")
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.NOT_IMPLEMENTED:
                    raise ConfigError("--work-uri", f"{self.uri}: {NO_CONDITIONS}") from error
                # A put that was sent again after a lost answer finds its own object.
                if error_text(error)[0] not in ("PreconditionFailed", "ConditionalRequestConflict", "412"):
                    raise
        return self.get(path) == body

    # | GetObject                              | a listing of the key | then                            |
    # |----------------------------------------|----------------------|---------------------------------|
    # | NoSuchKey                              |                      | None                            |
    # | 404 without an error of S3, every time | has it not           | None                            |
    # | 404 without an error of S3, every time | has it, or failed    | StoreError                      |
    # | any other                              |                      | StoreError                      |
    def get(self, path: str) -> bytes | None:
        """A run goes on by what it finds here, so "no object" must be S3's own word, or a listing's (C17)."""
        with self._told(path, "read"):
            foreign: ClientError
            for attempt in range(FOREIGN_ATTEMPTS):
                if attempt:
                    self._sleep(FOREIGN_PAUSE_SECONDS * 2**attempt)
                try:
                    return self._s3.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()
                except ClientError as error:
                    code = error_text(error)[0]
                    if code == "NoSuchKey":
                        return None
                    if code != FOREIGN_CODE:
                        raise
                    foreign = error
            key = self._prefix + path
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
            if not _is_listing(page) or any(entry["Key"] == key for entry in page.get("Contents", ())):
                raise foreign
        return None

    def names(self, prefix: str) -> Iterator[str]:
        pages = iter(
            self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        )
        while True:
            with self._told(prefix, "listed"):
                page = next(pages, None)
            if page is None:
                return
            if not _is_listing(page):
                raise StoreError(f"{self.uri}/{prefix}: cannot be listed: the answer is no listing")
            yield from (entry["Key"][len(self._prefix) :] for entry in page.get("Contents", ()))

    def delete(self, path: str) -> None:
        with self._told(path, "deleted"):
            self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + path)


def _is_listing(page: Mapping[str, Any]) -> bool:
    """An answer of S3, not another page that can be read as XML: it says whether more follow."""
    return "IsTruncated" in page


def open_store(uri: str, access: Access) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder` or a plain folder. Nothing is read or written yet."""
    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return S3Store(client("s3", access), parts.netloc, parts.path.strip("/"))
    if parts.scheme == "file":
        return LocalStore(Path(parts.path))
    return LocalStore(Path(uri))
