"""What a report's files show of keys that were made to do harm, and that the page needs nothing but itself."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync.checking.batch import finding_table
from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.accounting import Amount, Counts
from s3sync.model.finding import Verdict
from s3sync.model.outcome import Status
from s3sync.model.tables import FINDINGS
from s3sync.model.tally import ErrorTally, Tally
from s3sync.report.check_tally import CheckTally
from s3sync.report.html import check_html, migration_html, sentence
from s3sync.report.migration_page import COLUMNS, BarPiece, MigrationView, Trouble
from s3sync.report.write import BYTE_ORDER_MARK, findings_csv
from s3sync.runs.summary import State, summarize
from tests.unit.report.test_check_summary import WHEN, finding, summary_of, tally_of, with_verdicts

HOSTILE = [
    "<script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "</title></style></svg>",
    "\u202etxt.exe",
    "a\x00b\x1b[2J\r\n",
    "<!--",
    "]]>",
    "=HYPERLINK(\"http://x/\")",
]  # fmt: skip
WITHIN = ["a;=1+1", "a\t=1", 'a";=1+1', 'a;"=1+1', "a; =1", "a\n=1", "a;;@x", ";-1", " =1+1", "\u00a0 @x", ' "+1']
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "=cmd|' /C calc'!A0"]


class Page(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = Counter(), [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def a_page(*keys, detail=None):
    rows = [finding(key, Verdict.ERROR, detail=detail or key) for key in sorted(keys)]
    return check_html(summary_of(tally_of(*rows)), 1)


PLAIN_PAGE = Page(a_page("plain"))


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_text(key):
    page = Page(a_page(key))
    assert page.tags == PLAIN_PAGE.tags
    assert [each for each in page.attributes if each not in PLAIN_PAGE.attributes] == []


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_any_key_is_text(key):
    page = Page(a_page(key.encode("utf-8", "replace").decode()))
    assert page.tags == PLAIN_PAGE.tags


def test_the_page_needs_nothing_else():
    """One file: no script, no link, no image, nothing fetched; and its own policy says so."""
    html = a_page(*(odd.key for odd in ODD_KEYS), *HOSTILE)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html
    assert re.search(r'<meta name="viewport" content="width=device-width', html)


def test_the_page_says_the_verdict_first_and_what_to_do():
    html = a_page("some/key")
    text = " ".join(Page(html).text.split())
    assert text.index("1 of 1 objects do not match") < text.index("What to do next") < text.index("some/key")
    assert "exit code 1" in text.lower()
    for verdict in Verdict:
        page = check_html(summary_of(with_verdicts(verdict)), 0)
        assert f'class="mark {verdict.value}"' in page
        assert f".{verdict.value} {{ fill" in page


def test_a_page_of_nothing_and_of_equal_buckets():
    assert "There was nothing to compare" in check_html(summary_of(CheckTally()), 0)
    html = check_html(summary_of(with_verdicts(Verdict.MATCH)), 0)
    assert "All 2 objects match" in html
    assert 'class="card hero good"' in html
    assert "What to do next" not in html


def test_code_in_sentences_is_escaped():
    assert sentence("use `a <b>` or <c>") == "use <code>a &lt;b&gt;</code> or &lt;c&gt;"


def rows_of(body):
    assert body.startswith(BYTE_ORDER_MARK)
    return list(csv.reader(io.StringIO(body[len(BYTE_ORDER_MARK) :].decode(), newline="")))


@pytest.mark.parametrize("key", FORMULAS)
def test_no_cell_is_a_formula(key):
    header, row = rows_of(findings_csv(finding_table([finding(key, detail=key)])))
    cells = dict(zip(header, row, strict=True))
    shown = f"'{key}" if key[0].isprintable() else f"\ufffd{key[1:]}"
    assert cells["target_key"] == cells["source_key"] == cells["detail"] == shown


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("key", [*FORMULAS, *WITHIN])
def test_no_cell_is_a_formula_whatever_the_separator_is(key, separator):
    """Spreadsheets of many countries separate cells by `;`, whatever the file was meant to be."""
    text = findings_csv(finding_table([finding(key, detail=key)]))[len(BYTE_ORDER_MARK) :].decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
    # What stands before a cell's text: blanks, and quotes that a reader did not take for its own.
    assert not [cell for cell in cells if cell.lstrip(' "\u00a0').startswith(tuple("=+-@\uff1d"))]


def test_a_separator_in_a_key_begins_a_cell():
    """The negative control of the test above: the same text without the report's care."""
    careless = '"k","a;=1+1","b"'
    assert [cell for cell in next(csv.reader([careless], delimiter=";")) if cell.startswith("=")]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_cells_are_cells(keys):
    keys = [key.encode("utf-8", "replace").decode() for key in keys]
    body = findings_csv(finding_table([finding(key) for key in keys]))
    rows = rows_of(body)
    assert rows[0] == FINDINGS.names
    assert len(rows) == len(keys) + 1
    assert {len(row) for row in rows} == {len(FINDINGS)}
    for key, row in zip(keys, rows[1:], strict=True):
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        shown = re.sub(r"[\x00-\x1f\x7f]", "\ufffd", key)
        guard = r"(\A|;)'([\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])"
        assert re.sub(guard, r"\1\2", row[0]) == re.sub(guard, r"\1\2", shown)


def test_a_cell_of_each_kind():
    (_, row) = rows_of(findings_csv(finding_table([finding('a,"b"\n', detail=None)])))
    cells = dict(zip(FINDINGS.names, row, strict=True))
    assert cells["target_key"] == 'a,"b"\ufffd'
    assert (cells["source_size"], cells["detail"], cells["source_etag"]) == ("5", "", "")
    assert cells["source_last_modified"] == "2026-02-03T00:00:00Z"


def a_migration(*pieces, troubles=()):
    tally = Tally(
        objects=Counter(copied=8, failed=2),
        size_bytes=Counter(copied=800),
        errors={"SlowDown": ErrorTally("throttled", 2, HOSTILE[0], HOSTILE[1])},
        requests=Counter(CopyObject=12),
        throttled=4,
        throttled_by_prefix=Counter({HOSTILE[3]: 3, "b/": 1}),
    )
    counts = Counts(listed=10, planned={"copy/copy_object": Amount(10, 1000)}) + Counts.of_outcomes(tally)
    summary = summarize(
        run_id="r1", source="s3://a/", target="s3://b/", started_at=WHEN, ended_at=WHEN + timedelta(seconds=60),
        wall_seconds=60.0, counts=counts, tally=tally,
    )  # fmt: skip
    return MigrationView(summary, pieces, troubles)


def a_piece(at, seconds=10.0, objects=4, failed=1):
    return BarPiece(WHEN + timedelta(seconds=at), seconds, objects, 400, failed, 2)


def test_the_page_of_a_migration():
    view = a_migration(a_piece(10), a_piece(60), troubles=[Trouble(HOSTILE[2], 2, 1)])
    html = migration_html(view)
    page, plain = Page(html), Page(migration_html(a_migration(a_piece(10), a_piece(60), troubles=[Trouble("p", 2, 1)])))
    assert page.tags == plain.tags
    text = " ".join(page.text.split())
    for words in (
        "8 of 10 objects are done",
        "SlowDown throttled, was retried",
        "2 failed, 1 of them throttled",
        "Exit code 3",
    ):
        assert words in text
    assert view.summary.state is State.INCOMPLETE
    assert "slow down, by answers" in text
    for status in Status:
        assert f".{status.value} {{ fill" in html or f" .{status.value} {{ fill" in html


def test_throughput_is_spread_over_the_seconds_that_a_piece_covers():
    view = a_migration(a_piece(10), a_piece(60, seconds=5.0))
    assert view.span == (WHEN, WHEN + timedelta(seconds=60))
    spread = view._spread("objects")
    assert sum(spread) == pytest.approx(8)
    assert len(spread) == COLUMNS
    assert spread[:10] == pytest.approx([0.4] * 10)
    assert sum(spread[10:55]) == pytest.approx(0)
    assert sum(spread[55:]) == pytest.approx(4)


def test_a_migration_whose_tables_tell_no_times():
    view = a_migration()
    assert view.span is None
    assert "over time" not in migration_html(view)
