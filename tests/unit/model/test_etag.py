import pytest

from s3sync.model import etag

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f'"{MD5}"', MD5),
        (MD5, MD5),
        (f'W/"{MD5}"', MD5),
        (f'"{MD5}-3"', f"{MD5}-3"),
        ("", None),
        ('""', None),
        (None, None),
    ],
)
def test_bare(given, expected):
    assert etag.bare(given) == expected


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (f"{MD5}-1", 1),
        (f"{MD5}-3", 3),
        (f"{MD5}-10000", 10_000),
        (MD5, 0),
        (f"{MD5}-0", 0),
        (f"{MD5}-03", 0),
        (f"{MD5}-", 0),
        (f"{MD5}-100000", 0),
        (f'"{MD5}-3"', 0),
        (f"{MD5}-3\n", 0),
        (f"{MD5.upper()}-3", 0),
        ("an-etag-of-another-server-3", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_part_count(given, parts):
    assert etag.part_count(given) == parts


@pytest.mark.parametrize(
    ("given", "expected"),
    [(MD5, True), (f"{MD5}-3", False), (MD5[:-1], False), (f"{MD5}\n", False), ("", False), (None, False)],
)
def test_is_plain(given, expected):
    assert etag.is_plain(given) is expected


def test_of_parts_is_the_md5_of_the_parts_md5s():
    """By hand: `printf 594f...08f8... | xxd -r -p | md5sum`, the two being the MD5s of `aaaaa` and of `bbb`."""
    parts = ["594f803b380a41396ed63dca39503542", "08f8e0260c64418510cefb2b06eee5cd"]
    assert etag.of_parts(parts) == "72d27afac8e2fbd3662861b9d607a02c-2"
    assert etag.of_parts(parts[::-1]) != etag.of_parts(parts)
    assert etag.part_count(etag.of_parts(parts)) == 2


def test_of_parts_refuses_what_is_no_md5():
    with pytest.raises(ValueError, match="non-hexadecimal"):
        etag.of_parts(["not an md5"])


@pytest.mark.parametrize(
    ("encryption", "hidden"),
    [
        ("SSE-KMS", True),
        ("DSSE-KMS", True),
        ("SSE-C", True),
        ("aws:kms", True),
        ("aws:kms:dsse", True),
        ("aws:fsx", True),
        ("SSE-NEW", True),
        ("SSE-S3", False),
        ("NOT-SSE", False),
        ("AES256", False),
        ("", False),
        (None, False),
    ],
)
def test_hides_md5(encryption, hidden):
    assert etag.hides_md5(encryption) is hidden
