"""One bucket has one name, however its endpoint is written and whoever names it; botocore is asked, no server."""

from pathlib import Path

import pytest

from s3sync.aws.clients import _clients, _sessions
from s3sync.config.model import Access, Secret
from s3sync.runs.lock_place import LockPlace, bucket_place, folder_place


def access(
    endpoint_url: str | None = None, region_name: str | None = "eu-west-1", profile: str | None = None
) -> Access:
    if profile is not None:
        return Access(profile_name=profile, endpoint_url=endpoint_url, region_name=region_name)
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": Secret("s")}
    return Access(endpoint_url=endpoint_url, region_name=region_name, **keys)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for kept in (_clients, _sessions):
        kept.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("endpoint_url", "service"),
    [
        ("http://h:9000", "h:9000"),
        ("http://h:9000/", "h:9000"),
        ("http://H:9000", "h:9000"),
        ("https://h:9001", "h:9001"),
        ("http://h", "h"),
        ("http://h:80/", "h"),
        ("https://h:443", "h"),
        (None, "aws"),
        ("https://s3.eu-west-1.amazonaws.com", "aws"),
        ("https://s3.eu-west-1.amazonaws.com:443/", "aws"),
        ("https://s3.dualstack.eu-west-1.amazonaws.com", "aws"),
        ("https://bucket.vpce-1a2b-5e6f.s3.eu-west-1.vpce.amazonaws.com", "aws"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "aws-cn"),
    ],
)
def test_a_service_has_one_name(endpoint_url: str | None, service: str) -> None:
    assert bucket_place(access(endpoint_url), "dst", "p/") == LockPlace(service, "dst", "p/")


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_of_the_environment_is_the_endpoint(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://h:9000/")
    assert bucket_place(access(), "dst", "") == bucket_place(access("http://h:9000"), "dst", "")


@pytest.mark.parametrize(
    "lines",
    [
        ["[profile mine]", "endpoint_url = http://h:9000"],
        ["[profile mine]", "services = own", "[services own]", "s3 =", "  endpoint_url = http://h:9000/"],
    ],
    ids=["endpoint_url", "services"],
)
def test_an_endpoint_of_a_profile_is_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str]
) -> None:
    (tmp_path / "config").write_text("\n".join(lines))
    (tmp_path / "keys").write_text("[mine]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    assert bucket_place(access(profile="mine"), "dst", "").service == "h:9000"


def test_locks_of_one_bucket_lie_in_one_folder_and_those_of_others_do_not() -> None:
    one = LockPlace("h", "dst", "a/")
    assert one.folder == LockPlace("h", "dst", "b/").folder
    others = [LockPlace("h:9000", "dst"), LockPlace("h", "dst2"), LockPlace("hd", "st"), folder_place("dst")]
    assert len({one.folder, *(other.folder for other in others)}) == 5


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("", "", True),
        ("", "a/", True),
        ("a/", "a/", True),
        ("a/", "a/b/", True),
        ("a", "a/b/", True),
        ("a/", "b/", False),
        ("a/b/", "a/c/", False),
    ],
)
def test_prefixes_overlap_where_one_begins_with_the_other(one: str, other: str, overlap: bool) -> None:
    places = LockPlace("h", "dst", one), LockPlace("h", "dst", other)
    assert places[0].overlaps(places[1]) is places[1].overlaps(places[0]) is overlap
