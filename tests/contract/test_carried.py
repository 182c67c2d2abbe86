"""What each way of copying carries, on a live server: the table of docs/what-is-carried.md."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3sync.config.model import TransportKind
from s3sync.demo.server import EmbeddedServer
from s3sync.model.limits import PART_MIN_BYTES
from s3sync.model.outcome import Status
from s3sync.model.task import Method
from s3sync.s3.engine.engine import Engine
from s3sync.s3.engine.per_process import new_transport
from s3sync.s3.request import LONGEST_ANSWERS, Request, Side
from tests.conftest import connect
from tests.contract.copying import FAST, TRANSPORTS, access_to, migration_on
from tests.servers.capabilities import require
from tests.servers.faults import Action, Fault


@pytest.fixture(params=TRANSPORTS)
def migration(server, s3, bucket_factory, request):
    return migration_on(server, s3, bucket_factory(), bucket_factory(), request.param)


ANNOTATIONS = {"colour": b"blue", "a b/+%&?": b"x", "\u65e5\u672c": "\u65e5".encode() * 1000, "empty-ish": b" "}
WAYS = [Method.COPY_OBJECT, Method.MULTIPART_COPY, Method.RELAY]


def annotate(migration, key, annotations, side="source"):
    bucket = getattr(migration.settings, f"{side}_bucket")
    for name, payload in annotations.items():
        migration.s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=payload)


def annotations_at(migration, key):
    where = {"Bucket": migration.settings.target_bucket, "Key": key}
    names = [each["AnnotationName"] for each in migration.s3.list_object_annotations(**where)["Annotations"]]
    return {
        name: migration.s3.get_object_annotation(**where, AnnotationName=name)["AnnotationPayload"].read()
        for name in names
    }


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("wanted", [True, False])
def test_annotations(server, migration, method, wanted):
    """S3's CopyObject copies them by itself; the other ways list, read and write each."""
    require(server, "annotations")
    migration.settings = replace(migration.settings, annotations=wanted, without_annotations=set())
    migration.put("a")
    annotate(migration, "a", ANNOTATIONS)
    outcome = migration.copy_one(migration.task("a", method=method))
    assert outcome.status is Status.COPIED, outcome
    assert annotations_at(migration, "a") == (ANNOTATIONS if wanted else {})
    assert migration.body("a") == b"body"
    plain = {Method.COPY_OBJECT: 1, Method.MULTIPART_COPY: 5, Method.RELAY: 3}[method]
    carried = 2 + 2 * len(ANNOTATIONS) + 1 if wanted and method is not Method.COPY_OBJECT else 0
    assert outcome.requests == plain + carried
    assert migration.settings.without_annotations == set()


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("operation", ["ListObjectAnnotations", "GetObjectAnnotation", "PutObjectAnnotation"])
def test_a_copy_is_not_done_before_its_annotations_are(migration, faults, method, operation):
    """A repeat that finds the object on the target brings what is missing."""
    migration.settings = replace(
        migration.settings, without_annotations=set(), planned_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    migration.put("a")
    annotate(migration, "a", ANNOTATIONS)
    task = migration.task("a", method=method)
    faults.add(Fault(Action.DENIED, operation=operation))
    outcome = migration.copy_one(task)
    faults.clear()
    if method is Method.COPY_OBJECT:
        assert outcome.status is Status.COPIED
    else:
        assert (outcome.status, outcome.error_code) == (Status.FAILED, "AccessDenied")
        assert annotations_at(migration, "a") == {}
    again = migration.copy_one(task, look_first=True)
    assert (again.status, again.reason) == (Status.COPIED, "found_on_target")
    assert annotations_at(migration, "a") == ANNOTATIONS


@pytest.mark.parametrize("method", [Method.MULTIPART_COPY, Method.RELAY])
def test_a_source_whose_server_knows_no_annotations_is_asked_once(server, migration, method):
    """It answers with the object itself."""
    migration.settings = replace(migration.settings, without_annotations=set())
    for key in ("a", "b"):
        migration.put(key, b"<AnnotationCount>1</AnnotationCount>")
        assert migration.copy_one(migration.task(key, method=method)).status is Status.COPIED
        assert migration.body(key) == b"<AnnotationCount>1</AnnotationCount>"
    knows = server.capabilities.annotations
    assert migration.settings.without_annotations == (set() if knows else {Side.SOURCE})
    assert migration.engine.counts.requests["ListObjectAnnotations"] == (2 if knows else 1)


@pytest.fixture(params=TRANSPORTS)
def to_unknowing(server, s3, bucket_factory, request):
    """From a server that knows annotations to one that does not, which takes them for the object itself."""
    require(server, "faults")
    with EmbeddedServer(has_annotations=False) as unknowing:
        made = migration_on(server, s3, bucket_factory(), bucket_factory())
        there = replace(access_to(server), endpoint_url=unknowing.endpoint_url)
        transport = new_transport(access_to(server), there, TransportKind(request.param), 8)
        made.engine = Engine(transport, FAST)
        made.settings = replace(made.settings, without_annotations=set())
        yield made, connect(unknowing.endpoint_url, server.access_key, server.secret_key, server.region)


def test_a_server_that_knows_no_annotations_keeps_its_objects(to_unknowing):
    """There a PutObjectAnnotation overwrites the object. The copy is told as one without its annotations."""
    migration, unknowing = to_unknowing
    for key in ("a", "b"):
        migration.put(key)
        annotate(migration, key, {"colour": b"blue"})
    outcomes = migration.copy(*(migration.task(key, method=Method.RELAY) for key in ("a", "b")))
    for outcome in outcomes:
        assert (outcome.status, outcome.reason) == (Status.COPIED, "annotations_left")
        assert "1 annotations are left" in outcome.message
        assert migration.body(outcome.target_key) == b"body"
    assert migration.settings.without_annotations == {Side.TARGET}
    # What would have been, had it been written.
    where = {"Bucket": migration.settings.target_bucket, "Key": "a"}
    unknowing.put_object_annotation(**where, AnnotationName="colour", AnnotationPayload=b"blue")
    assert migration.body("a") == b"blue"


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_an_object_in_place_of_a_list_is_not_read_to_its_end(server, s3, bucket_factory, monkeypatch, kind):
    require(server, "faults")
    monkeypatch.setitem(LONGEST_ANSWERS, "ListObjectAnnotations", 1000)
    bucket = bucket_factory()
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * 100_000)
    with EmbeddedServer(has_annotations=False) as unknowing:
        there = replace(access_to(server), endpoint_url=unknowing.endpoint_url)
        transport = new_transport(there, there, TransportKind(kind), 8)
        request = Request("ListObjectAnnotations", Side.SOURCE, {"Bucket": bucket, "Key": "a"}, is_raw=True)
        transport.submit(request)
        (reply,) = transport.wait(10)
        transport.close()
    assert reply.code == "BodyTooLarge" or (reply.ok and "ETag" in reply.values)
    assert len(reply.values.get("Body", b"")) <= 1000


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


# The table of the page, each cell by what a copy does on the embedded server. Of each row: how the source is made, and
# what is looked at on both sides.
SEALED = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
HEADERS = {
    "ContentType": "text/x",
    "CacheControl": "no-cache",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "Expires": datetime(2030, 1, 1, tzinfo=UTC),
}
PUT_WITH = {
    "content": {},
    "user metadata": {"Metadata": {"colour": "blue"}},
    "content type, cache control, disposition, encoding, language, expires": HEADERS,
    "tags": {"Tagging": "team=a%20b"},
    "annotations": {},
    "website redirect": {"WebsiteRedirectLocation": "/other"},
    "storage class": {"StorageClass": "STANDARD_IA"},
    "ETag of an object in one piece": {},
    "ETag of an object in parts": {},
    "encryption": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"},
    "ACL": {"ACL": "public-read"},
    "an object sealed with a customer's key (SSE-C)": SEALED,
}


def grants(s3, **where):
    found = s3.get_object_acl(**where)["Grants"]
    return sorted((each["Grantee"].get("URI", "owner"), each["Permission"]) for each in found)


def shown(name):
    return lambda s3, where: s3.head_object(**where).get(name)


LOOK_AT = {
    "content": lambda s3, where: s3.get_object(**where)["Body"].read(),
    "user metadata": shown("Metadata"),
    "content type, cache control, disposition, encoding, language, expires": lambda s3, where: {
        name: s3.head_object(**where).get(name) for name in HEADERS
    },
    "tags": lambda s3, where: s3.get_object_tagging(**where)["TagSet"],
    "annotations": lambda s3, where: [
        each["AnnotationName"] for each in s3.list_object_annotations(**where)["Annotations"]
    ],
    "website redirect": shown("WebsiteRedirectLocation"),
    "storage class": shown("StorageClass"),
    "ETag of an object in one piece": shown("ETag"),
    "ETag of an object in parts": shown("ETag"),
    "encryption": shown("ServerSideEncryption"),
    "ACL": lambda s3, where: grants(s3, **where),
    "an object sealed with a customer's key (SSE-C)": shown("ETag"),
}
SWITCHES = {"--website-redirects keep": {"keeps_redirects": True}, "--preserve-etags": {"preserve_etags": True}}
PAGE = Path(__file__).parents[2] / "docs" / "what-is-carried.md"


def cells():
    """Row, way, the option that the cell names, and what becomes of it then."""
    section = PAGE.read_text().split("## By way")[1].split("\n- ")[0]
    for row in re.findall(r"^\| (.+) \|$", section, re.MULTILINE)[1:]:
        what, *told = (cell.strip() for cell in row.split(" | "))
        for method, cell in zip(WAYS, told, strict=True):
            fate, _, more = cell.partition(", ")
            yield what, method, None, fate
            if more:
                then, _, option = more.partition(" with ")
                yield what, method, option.strip("`"), then


def test_every_row_of_the_page_is_tried():
    found = list(cells())
    assert {what for what, *_ in found} == PUT_WITH.keys() == LOOK_AT.keys()
    assert {fate for *_, fate in found} == {"carried", "left", "refused"}
    assert {option for _, _, option, _ in found} == {None, *SWITCHES}


@pytest.mark.parametrize(("what", "method", "option", "fate"), list(cells()))
def test_the_page_says_what_becomes_of_it(server, s3, bucket_factory, what, method, option, fate):
    require(server, "faults")
    migration = migration_on(server, s3, bucket_factory(), bucket_factory())
    switched = SWITCHES[option] if option else {}
    migration.settings = replace(migration.settings, without_annotations=set(), **switched)
    if "in parts" in what:
        migration.put_in_parts("a", [PART_MIN_BYTES, PART_MIN_BYTES, 7])
    else:
        migration.put("a", **({} if fate == "refused" else PUT_WITH[what]))
    if what == "annotations":
        annotate(migration, "a", {"colour": b"blue"})
    task = migration.task("a", method=method)
    if fate == "refused":
        migration.put("a", **SEALED)  # which nobody can look at
    outcome = migration.copy_one(task)
    if fate == "refused":
        assert (outcome.status, outcome.error_class) == (Status.FAILED, "invalid")
        assert "Server Side Encryption" in outcome.message
        return
    assert outcome.status is Status.COPIED, outcome
    there, here = (
        {"Bucket": getattr(migration.settings, f"{side}_bucket"), "Key": "a"} for side in ("source", "target")
    )
    seen, copied = LOOK_AT[what](s3, there), LOOK_AT[what](s3, here)
    assert seen, "the source must have something to carry"
    assert ("carried" if seen == copied else "left") == fate
