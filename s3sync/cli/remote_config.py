"""`-c s3://BUCKET/KEY`: the configuration file that `s3sync submit` left for a driver."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s3sync.aws.artifacts import read_object
from s3sync.config.model import Access

OPTIONS = ("-c", "--config-file")


@contextmanager
def config_on_disk(argv: list[str]) -> Iterator[list[str]]:
    """The arguments with a configuration file of S3 replaced by a copy, which is gone with the block.

    It is fetched with AWS's usual chain: who reads it has no configuration yet. Raises ConfigError.
    """
    at = next((n for n, word in enumerate(argv[1:], 1) if word.startswith("s3://") and argv[n - 1] in OPTIONS), None)
    if at is None:
        yield argv
        return
    body = read_object(Access(), argv[at], argv[at - 1])
    with tempfile.TemporaryDirectory(prefix="s3sync-") as folder:
        path = Path(folder) / Path(argv[at]).name
        path.write_bytes(body)
        yield [*argv[:at], str(path), *argv[at + 1 :]]
