"""What each way of copying carries, on a live server: the table of docs/what-is-carried.md."""

from dataclasses import replace

import pytest

from s3sync.model.outcome import Status
from s3sync.model.task import Method
from tests.contract.copying import TRANSPORTS, migration_on
from tests.servers.capabilities import require


@pytest.fixture(params=TRANSPORTS)
def migration(server, s3, bucket_factory, request):
    return migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)


# method, `--website-redirects keep`, what the copy has, requests
REDIRECTS = [
    (Method.COPY_OBJECT, False, None, 1),
    (Method.COPY_OBJECT, True, "/other", 2),
    (Method.MULTIPART_COPY, False, "/other", 5),
    (Method.RELAY, False, "/other", 3),
]


@pytest.mark.parametrize(("method", "keeps", "found", "requests"), REDIRECTS)
def test_website_redirects(server, migration, method, keeps, found, requests):
    """S3's CopyObject carries none by itself, and only a HEAD shows them (C6)."""
    require(server, "website_redirects")
    migration.settings = replace(migration.settings, keeps_redirects=keeps)
    migration.put("a", WebsiteRedirectLocation="/other")
    outcome = migration.copy_one(migration.task("a", method=method))
    assert (outcome.status, outcome.requests) == (Status.COPIED, requests)
    assert migration.target("a").get("WebsiteRedirectLocation") == found
