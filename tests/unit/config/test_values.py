"""Each way to write a value: what is read, what is refused, and that what is written is read back."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync.config import values
from s3sync.config.model import Mode, Secret
from s3sync.config.settings_transfer import SETTINGS
from s3sync.model.limits import GIB, KIB, MIB, TIB


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1500000", 1_500_000),
        ("7B", 7),
        ("1KiB", 1024),
        ("64MiB", 64 * MIB),
        ("64 MiB", 64 * MIB),
        ("64mib", 64 * MIB),
        ("5GiB", 5 * GIB),
        ("2TiB", 2 * TIB),
        ("10MB", 10_000_000),
        ("3kB", 3000),
        ("1GB", 10**9),
        ("1TB", 10**12),
    ],
)
def test_sizes_are_read(text, size_bytes):
    assert values.parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "64M", "64Mi", "-1", "1.5GiB", "GiB", "1e6", "64MiB ", "٣MiB", "1,000", "9" * 30])
def test_other_texts_are_no_sizes(text):
    with pytest.raises(ValueError, match=r"not a size.*64MiB"):
        values.parse_size(text)


@given(st.integers(0, 10**17))
def test_a_size_written_is_read_back(size_bytes):
    assert values.parse_size(values.write_size(size_bytes)) == size_bytes


@given(st.integers(1, 999), st.sampled_from([("KiB", KIB), ("MiB", MIB), ("GiB", GIB)]))
def test_a_round_size_is_written_with_its_unit(count, unit):
    assert values.write_size(count * unit[1]) == f"{count}{unit[0]}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("1h30m", 5400), ("2d", 172_800), ("1d2h3m4.5s", 93784.5), ("0s", 0), ("90m", 5400)],
)
def test_durations_are_read(text, seconds):
    assert values.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "1m1h", "1.5h", "-1s", "1 h", "10ms", "s", "1M", "1s1s"])
def test_other_texts_are_no_durations(text):
    with pytest.raises(ValueError, match=r"not a duration.*15m"):
        values.parse_duration(text)


@given(st.floats(0, 1e8, allow_nan=False))
def test_a_duration_written_is_read_back(seconds):
    # A parser takes at most 20 digits behind the point: no clock has more.
    rounded = float(round(Decimal(repr(seconds)), 12))
    assert values.parse_duration(values.write_duration(rounded)) == rounded


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (1.0, "1s"), (60.0, "1m"), (90.5, "1m30.5s"), (5400, "1h30m")]
)
def test_durations_are_written_short(seconds, text):
    assert values.write_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T18:00:00Z", datetime(2026, 1, 31, 18, tzinfo=UTC)),
        ("2026-01-31T18:00:00+08:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31 18:00Z", datetime(2026, 1, 31, 18, tzinfo=UTC)),
        ("2026-01-31T18:00:00.25-00:30", datetime(2026, 1, 31, 18, 30, 0, 250_000, UTC)),
    ],
)
def test_dates_are_read(text, moment):
    found = values.parse_date(text)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-01-31", r"add a time and Z or \+08:00"),
        ("2026-01-31T18:00:00", r"add a time and Z or \+08:00"),
        ("31.1.2026", "not an ISO 8601 date"),
        ("2026-13-01T00:00:00Z", "not an ISO 8601 date"),
        ("yesterday", "not an ISO 8601 date"),
        ("0001-01-01T00:00:00+08:00", "out of range"),
    ],
)
def test_other_texts_are_no_dates(text, problem):
    with pytest.raises(ValueError, match=problem):
        values.parse_date(text)


_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_OFFSETS))  # noqa: DTZ001
def test_a_date_written_is_read_back(moment):
    assert values.parse_date(values.write_date(moment)) == moment


@pytest.mark.parametrize("text", ["true", "True", "yes", "on", "1"])
def test_true(text):
    assert values.parse_bool(text) is True


@pytest.mark.parametrize("text", ["false", "FALSE", "no", "off", "0"])
def test_false(text):
    assert values.parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "y", "2", "ture"])
def test_neither_true_nor_false(text):
    with pytest.raises(ValueError, match="neither true nor false"):
        values.parse_bool(text)


@pytest.mark.parametrize("text", ["1", "7", "10"])
def test_integers_within_bounds(text):
    assert values.integer(1, 10).parse(text) == int(text)


@pytest.mark.parametrize("text", ["0", "11", "-3", "1.0", "1e1", "x", "", "٣", "9" * 5000])
def test_integers_out_of_bounds(text):
    with pytest.raises(ValueError, match="not a whole number from 1 to 10"):
        values.integer(1, 10).parse(text)


def test_members_of_a_closed_set():
    kind = values.member(Mode)
    assert [kind.parse(mode.value) for mode in Mode] == list(Mode)
    with pytest.raises(ValueError, match="not one of copy, downup or check"):
        kind.parse("coppy")


@pytest.mark.parametrize("name", ["abc", "my-bucket", "a.b-c.d", "0" * 63, "access-point-3fjzbbw8pps-s3alias"])
def test_bucket_names(name):
    assert values.parse_bucket(name) == name


@pytest.mark.parametrize("name", ["My_Bucket", "UPPER", "a..b", "old-", "_old", "A" * 255])
def test_bucket_names_of_before_2018(name):
    assert values.parse_bucket(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 256,
        "...",
        "-_-",
        "192.168.5.4",
        "a/b",
        "a b",
        "bücket",
    ],
)
def test_other_texts_are_no_bucket_names(name):
    with pytest.raises(ValueError, match=r"not a bucket's name.*my-bucket"):
        values.parse_bucket(name)


def test_a_uri_is_no_bucket_name():
    with pytest.raises(ValueError, match="is a URI; give the name of the bucket only"):
        values.parse_bucket("s3://my-bucket")


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://my-bucket", ("my-bucket", "")),
        ("s3://my-bucket/", ("my-bucket", "")),
        ("s3://my-bucket/a/b c%20+?#", ("my-bucket", "a/b c%20+?#")),  # C10: nothing is decoded
        ("s3://my-bucket//a", ("my-bucket", "/a")),
    ],
)
def test_s3_uris(uri, parts):
    assert values.split_s3_uri(uri) == parts


@pytest.mark.parametrize("uri", ["my-bucket/a", "s3:/my-bucket/a", "s3a://my-bucket/a", "https://my-bucket/a", "s3://"])
def test_other_texts_are_no_s3_uris(uri):
    with pytest.raises(ValueError, match=r"not an S3 URI|not a bucket's name"):
        values.split_s3_uri(uri)


@pytest.mark.parametrize("text", ["s3://my-bucket/work", "work", "/var/tmp/s3sync", "./a:b"])
def test_locations(text):
    assert values.parse_location(text) == text


@pytest.mark.parametrize("text", ["hdfs://name/work", "s3a://b/work", "s3:/my-bucket", "s3://UP PER/work"])
def test_other_texts_are_no_locations(text):
    with pytest.raises(ValueError, match=r"neither an S3 URI nor a folder|not a bucket's name"):
        values.parse_location(text)


def test_prefixes_are_beginnings_of_keys():
    assert values.parse_prefix("a/ü ") == "a/ü "
    for text, problem in (("s3://b/a", "is a URI"), ("é" * 513, "longer than a key"), ("\udcff", "not UTF-8")):
        with pytest.raises(ValueError, match=problem):
            values.parse_prefix(text)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://s3.example.com/", "https://s3.example.com"),
        ("https://[::1]:9000", "https://[::1]:9000"),
        ("https://host/storage/v1/s3/", "https://host/storage/v1/s3"),
    ],
)
def test_endpoints(text, endpoint):
    assert values.parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5000",
        "localhost",
        "s3://b",
        "ftp://host",
        "http://",
        "http://host:0",
        "http://host:99999",
        "http://host:x",
        "http://[::1",
        "http://host/?a=b",
        "http://host/#a",
        "http://ho st",
    ],
)
def test_other_texts_are_no_endpoints(text):
    with pytest.raises(ValueError, match=r"https://s3.example.com:9000"):
        values.parse_endpoint(text)


def test_c12_an_endpoint_with_a_password_is_refused_and_not_shown():
    with pytest.raises(ValueError, match="more than scheme") as caught:
        values.parse_endpoint("https://user:hunter2@host")
    assert "hunter2" not in str(caught.value)


def test_c12_a_secret_is_never_shown():
    assert values.SECRET.parse("a/b+c=") == Secret("a/b+c=")
    assert values.SECRET.write(Secret("hunter2")) == "***"
    with pytest.raises(ValueError, match="white space") as caught:
        values.SECRET.parse("hunter2 ")
    assert "hunter2" not in str(caught.value)


def test_queue_patterns_are_regular_expressions():
    for text in (r"s3sync-\d+", "s3sync-[0-9]+", "s3sync-{index}"):
        assert values.parse_queue_pattern(text) == text
    with pytest.raises(ValueError, match="not a regular expression"):
        values.parse_queue_pattern("s3sync-(")


def test_a_message_is_one_short_line():
    with pytest.raises(ValueError, match="not a size") as caught:
        values.parse_size("1\n" * 500)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.default_text], ids=lambda s: s.name)
def test_every_default_can_be_written_and_read_back(setting):
    assert setting.kind.parse(setting.default_text) == setting.default
