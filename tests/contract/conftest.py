"""A laptop with an account on the embedded server, and a pair of buckets of that account."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.deploying import REGION, SECRETS, Laptop
from tests.contract.examining import Pair


@pytest.fixture
def laptop(
    _embedded: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[Laptop]:
    for name, value in {
        "AWS_ENDPOINT_URL": _embedded.endpoint_url,
        "AWS_ACCESS_KEY_ID": "AKIALAPTOP",
        "AWS_SECRET_ACCESS_KEY": SECRETS[0],
        "AWS_SESSION_TOKEN": SECRETS[1],
        "AWS_DEFAULT_REGION": REGION,
        "XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp() / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    laptop = Laptop(tmp_path, capsys, f"work-{abs(hash(request.node.nodeid)):x}")
    laptop.aws("s3").create_bucket(Bucket=laptop.bucket)
    yield laptop
    clusters = laptop.aws("emr").list_clusters(ClusterStates=["RUNNING", "WAITING"])["Clusters"]
    laptop.aws("emr").terminate_job_flows(JobFlowIds=[each["Id"] for each in clusters])
    for key in laptop.listed():
        laptop.aws("s3").delete_object(Bucket=laptop.bucket, Key=key)
    laptop.aws("s3").delete_bucket(Bucket=laptop.bucket)


@pytest.fixture
def pair(laptop: Laptop) -> Pair:
    made: list[str] = []
    s3 = laptop.aws("s3")

    def make() -> str:
        name = f"{'src' if not made else 'tgt'}-{laptop.bucket[5:]}"
        s3.create_bucket(Bucket=name)
        made.append(name)
        return name

    return Pair(laptop, make)
