"""A range, page by page, against a bucket in memory: all of its keys once, or an error (C5, C9, C10)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.errors import ServiceError
from s3sync.listing.page import PageReader
from s3sync.listing.pager import EMPTY_PAGES_MAX, REFUSALS_MAX, ListOptions, Pager, list_range, starts_at_any_place
from s3sync.model.key_range import KeyRange
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.retry_policy import RetryPolicy
from s3sync.s3.request import Reply, Request
from tests.unit.listed_bucket import Fault, ListedBucket, at_call, body_changed, contents, page_xml, version

KEYS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), unique=True, max_size=60)
OPTIONS = ListOptions("b", "")


def engine(bucket: ListedBucket) -> Engine:
    return Engine(bucket, RetryPolicy.of(3), sleep=lambda _: None, clock=iter(range(0, 10**9, 100)).__next__)


def listed(bucket: ListedBucket, options: ListOptions = OPTIONS, part: KeyRange | None = None) -> list[str]:
    batches = list_range(engine(bucket), options, part or KeyRange())
    return [key for batch in batches for key in batch.column("key").to_pylist()]


@settings(max_examples=100, deadline=None)
@given(KEYS, KEYS, st.integers(1, 7))
def test_c5_ranges_that_tile_give_each_key_once(keys: list[str], cuts: list[str], page_keys: int) -> None:
    bucket = ListedBucket(keys, page_keys)
    assert [key for part in KeyRange().split(cuts) for key in listed(bucket, part=part)] == sorted(keys)


@settings(max_examples=100, deadline=None)
@given(KEYS, KEYS, st.integers(1, 7), st.integers(1, 9))
def test_c5_versions_too(keys: list[str], cuts: list[str], page_keys: int, most: int) -> None:
    """Pages end in the middle of a key's versions, and ranges behind a key with many."""
    bucket = ListedBucket(keys, page_keys, versions=lambda key: 1 + sum(key.encode()) % most)
    options = ListOptions("b", "", versions=True)
    rows = [
        (row["key"], row["version_id"], row["is_delete_marker"])
        for part in KeyRange().split([*cuts, *keys[:3]])
        for batch in list_range(engine(bucket), options, part)
        for row in batch.to_pylist()
    ]
    assert rows == [
        (key, f"v{number:04d}", number == 0 and bucket.versions(key) > 1)
        for key in sorted(keys)
        for number in range(bucket.versions(key))
    ]


def test_a_range_stops_at_its_end() -> None:
    bucket = ListedBucket([f"{number:04d}" for number in range(100)], 10)
    assert listed(bucket, part=KeyRange("0019", "0039")) == [f"{number:04d}" for number in range(20, 40)]
    assert len(bucket.requests) == 2  # the second page ends just there


def test_what_is_asked_for() -> None:
    options = ListOptions("b", "p/", fetch_owner=True, expected_owner="123456789012", requester_pays=True)
    bucket = ListedBucket(["p/1"])
    listed(bucket, options, KeyRange("p/0"))
    assert bucket.requests[0].is_raw
    assert bucket.requests[0].params == {
        "Bucket": "b",
        "Prefix": "p/",
        "EncodingType": "url",
        "FetchOwner": True,
        "ExpectedBucketOwner": "123456789012",
        "RequestPayer": "requester",
        "StartAfter": "p/0",
    }
    assert "FetchOwner" not in OPTIONS.parameters()


def short(body: bytes) -> bytes:
    """One entry less than KeyCount says."""
    begin, end = body.index(b"<Contents>"), body.index(b"</Contents>") + len(b"</Contents>")
    return body[:begin] + body[end:]


def throttled(request: Request, _reply: Reply) -> Reply:
    return Reply(request, 503, "SlowDown", "slow down")


def denied(request: Request, _reply: Reply) -> Reply:
    return Reply(request, 403, "AccessDenied", "no")


FAULTS = {
    "short": body_changed(short),
    "cut": body_changed(lambda body: body[: len(body) // 2]),
    "empty body": body_changed(lambda _: b""),
    "empty, though more follow": body_changed(lambda _: page_xml([], truncated=True)),
    "html": body_changed(lambda _: b"<html>502</html>"),
    "throttled": throttled,
}


@pytest.mark.parametrize("call", [0, 1, 4])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_costs_a_request(name: str, call: int) -> None:
    keys = [f"{number:04d}" for number in range(50)]
    bucket = ListedBucket(keys, 10, fault=at_call(call, FAULTS[name]))
    assert listed(bucket) == keys
    assert len(bucket.requests) == 5 + 1 + 1  # pages, the fault, and whether nothing follows


@pytest.mark.parametrize("name", FAULTS)
def test_c5_c9_a_fault_that_stays_is_an_error_and_never_fewer_keys(name: str) -> None:
    bucket = ListedBucket([f"{number:04d}" for number in range(50)], 10, fault=FAULTS[name])
    with pytest.raises(ServiceError, match=r"s3://b/: cannot be listed"):
        listed(bucket)
    assert len(bucket.requests) == (12 if name == "throttled" else REFUSALS_MAX)  # a throttled one has more patience


def test_c5_a_page_that_repeats_is_an_error() -> None:
    bucket = ListedBucket([f"{number:04d}" for number in range(50)], 10)
    last: list[Reply] = []

    def stuck(request: Request, reply: Reply) -> Reply:
        last.append(reply)
        return Reply(request, 200, values=last[0].values)

    bucket.fault = stuck
    with pytest.raises(ServiceError, match=r"cannot be listed after '0009'.*lies before where it was to start"):
        listed(bucket)


def repeating(request: Request, reply: Reply) -> Reply:
    """The key that the page was to start behind comes once more, as some servers have it."""
    body, after = reply.values["Body"], request.params.get("StartAfter") or request.params.get("KeyMarker")
    if after is None or "VersionIdMarker" in request.params:
        return reply
    again = contents(after) if "StartAfter" in request.params else version(after, "v1", is_latest=True)
    first = min(
        (at for at in (body.find(b"<Contents>"), body.find(b"<Version>")) if at >= 0), default=body.rfind(b"</")
    )
    count = int(body.partition(b"<KeyCount>")[2].partition(b"<")[0] or 0)
    body = body[:first] + again.encode() + body[first:]
    return Reply(request, 200, values={"Body": body.replace(b"<KeyCount>%d<" % count, b"<KeyCount>%d<" % (count + 1))})


@pytest.mark.parametrize("versions", [False, True])
@pytest.mark.parametrize("key_range", [KeyRange(), KeyRange("0015"), KeyRange("0015", "0031"), KeyRange("0049")])
def test_c5_a_server_that_repeats_the_marker_is_listed_all_the_same(key_range: KeyRange, versions: bool) -> None:
    keys = [f"{number:04d}" for number in range(50)]
    bucket = ListedBucket(keys, 10, fault=repeating)
    options = ListOptions("b", "", versions=versions)
    found = [
        key for objects in list_range(engine(bucket), options, key_range) for key in objects.column("key").to_pylist()
    ]
    assert found == [key for key in keys if key_range.after < key <= (key_range.upto or "z")]


def test_c5_a_page_of_nothing_but_the_marker_that_says_that_more_follow_is_an_error() -> None:
    bucket = ListedBucket([f"{number:04d}" for number in range(50)], 10)

    def stuck(request: Request, reply: Reply) -> Reply:
        after = request.params.get("StartAfter")
        if after is None:
            return reply
        return Reply(request, 200, values={"Body": page_xml([contents(after)], truncated=True)})

    bucket.fault = stuck
    with pytest.raises(ServiceError, match="says that more follow, but not where"):
        listed(bucket)
    assert len(bucket.requests) == 1 + REFUSALS_MAX


def test_a_refusal_names_the_place_and_the_servers_code() -> None:
    with pytest.raises(ServiceError, match=r"^s3://b/: cannot be listed: AccessDenied: no$"):
        listed(ListedBucket(["a"], fault=denied))


def test_an_empty_page_with_a_token_is_gone_on_with() -> None:
    """S3 may step over many deleted keys so; a token that does not change is an error (C9)."""
    bucket = ListedBucket(["a", "b"], 1)

    def stepping(request: Request, reply: Reply) -> Reply:
        token = int(request.params.get("ContinuationToken", 0))
        if token < 3:
            more = f"<NextContinuationToken>{token + 1}</NextContinuationToken>"
            return Reply(request, 200, values={"Body": page_xml([], truncated=True, more=more)})
        return reply

    bucket.fault = stepping
    with pytest.raises(ServiceError, match="lies before"):
        listed(bucket, part=KeyRange("z"))  # the bucket in memory knows no token, so it begins anew: noticed
    bucket.requests.clear()
    assert next(iter(list_range(engine(bucket), OPTIONS, KeyRange()))).column("key").to_pylist() == ["a"]
    assert [request.params.get("ContinuationToken") for request in bucket.requests] == [None, "1", "2", "3"]


@pytest.mark.parametrize(("changes", "calls"), [(False, 1 + REFUSALS_MAX), (True, EMPTY_PAGES_MAX + REFUSALS_MAX)])
def test_c9_empty_pages_end_somewhere(changes: bool, calls: int) -> None:
    bucket = ListedBucket([])

    def endless(request: Request, _reply: Reply) -> Reply:
        token = len(bucket.requests) if changes else 7
        more = f"<NextContinuationToken>{token}</NextContinuationToken>"
        return Reply(request, 200, values={"Body": page_xml([], truncated=True, more=more)})

    bucket.fault = endless
    with pytest.raises(ServiceError, match="more follow"):
        listed(bucket)
    assert len(bucket.requests) == calls


def test_c5_a_version_that_comes_twice_is_an_error() -> None:
    bucket = ListedBucket(["a"], 3, versions=lambda _: 9)
    last: list[Reply] = []

    def stuck(request: Request, reply: Reply) -> Reply:
        last.append(reply)
        return Reply(request, 200, values=last[0].values)

    bucket.fault = stuck
    with pytest.raises(ServiceError, match="twice"):
        list(list_range(engine(bucket), ListOptions("b", "", versions=True), KeyRange()))


@pytest.mark.parametrize(("keys", "skips", "exact"), [("abc", False, True), ("abc", True, False), ("a", True, True)])
def test_c5_a_server_that_leaves_out_a_key_behind_a_marker_is_found_out(keys: str, skips: bool, exact: bool) -> None:
    """The embedded server does so where no key lies at the marker."""
    bucket = ListedBucket(list(keys))

    def skipping(request: Request, reply: Reply) -> Reply:
        if "KeyMarker" not in request.params:
            return reply
        body = reply.values["Body"]
        begin, end = body.index(b"<Version>"), body.index(b"</Version>") + len(b"</Version>")
        return Reply(request, 200, values={"Body": body[:begin] + body[end:]})

    if skips:
        bucket.fault = skipping
    assert starts_at_any_place(engine(bucket), ListOptions("b", "", versions=True)) is exact


def ends(_request: Request, reply: Reply) -> Reply:
    """It says that nothing follows."""
    return body_changed(lambda body: body.replace(b"<IsTruncated>true", b"<IsTruncated>false"))(_request, reply)


def nothing(request: Request, _reply: Reply) -> Reply:
    return Reply(request, 200, values={"Body": page_xml([], truncated=False)})


@pytest.mark.parametrize("call", [1, 3, 4])
@pytest.mark.parametrize("lie", [ends, nothing])
def test_c5_a_page_that_ends_the_bucket_too_early_is_found_out(lie: Fault, call: int) -> None:
    """Whole, in order, and no more than wrong: only the next question shows it."""
    keys = [f"{number:04d}" for number in range(50)]
    bucket = ListedBucket(keys, 10, fault=at_call(call, lie))
    assert listed(bucket) == keys
    assert len(bucket.requests) <= 5 + 1 + 1


@pytest.mark.parametrize("versions", [False, True])
def test_c5_an_empty_bucket_is_one_that_was_empty_twice(versions: bool) -> None:
    options = ListOptions("b", "", versions=versions)
    first_lies = ListedBucket(["a"], fault=at_call(0, lambda request, _: empty_page(request)))
    assert listed(first_lies, options) == ["a"]
    empty = ListedBucket([])
    assert listed(empty, options) == []
    assert len(empty.requests) == 2


def empty_page(request: Request) -> Reply:
    body = page_xml([], truncated=False)
    if request.operation == "ListObjectVersions":
        body = body.replace(b"ListBucketResult", b"ListVersionsResult")
    return Reply(request, 200, values={"Body": body})


@pytest.mark.parametrize(("keys", "calls"), [(0, 2), (1, 1), (999, 1), (1000, 2), (1001, 3), (5000, 6)])
def test_what_the_question_behind_the_end_costs(keys: int, calls: int) -> None:
    """A listing of one page that is not full is not asked about again: it would double what small prefixes cost."""
    bucket = ListedBucket([f"{number:04d}" for number in range(keys)])
    assert len(listed(bucket)) == keys
    assert len(bucket.requests) == calls


def test_deleted_keys_behind_the_last_one_are_stepped_over_once() -> None:
    """Empty pages with tokens lead to the true end; that end is believed."""
    bucket = ListedBucket([f"{number:04d}" for number in range(20)], 10)

    def stepping(request: Request, reply: Reply) -> Reply:
        token = int(request.params.get("ContinuationToken", 0))
        if request.params.get("StartAfter") != "0019" and not token:
            return reply
        more = f"<NextContinuationToken>{token + 1}</NextContinuationToken>"
        return Reply(request, 200, values={"Body": page_xml([], truncated=token < 5, more=more)})

    bucket.fault = stepping
    assert len(listed(bucket)) == 20
    assert len(bucket.requests) == 2 + 6


def test_c5_versions_held_back_that_a_cut_puts_behind_the_range_are_not_its_own() -> None:
    """While it is not known whether a key has more versions, the range may be cut before that key."""
    bucket = ListedBucket(["0", "a000"], 1)
    upto: list[str | None] = [None]
    pager = Pager(ListOptions("b", "", versions=True), PageReader(versions=True), "", lambda: upto[0])
    found: list[str] = []
    for _ in range(4):
        bucket.submit(pager.request())
        (reply,) = bucket.wait(0)
        progress = pager.take(reply.values["Body"])
        found += progress.objects.column("key").to_pylist()
        if len(bucket.requests) == 2:
            upto[0] = "a"
        if progress.is_last:
            break
    assert progress.is_last
    assert found == ["0"]
