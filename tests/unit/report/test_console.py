"""What a person sees: the figures, and hostile keys as the plain text they are."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest

from s3sync.model.accounting import Amount, Counts
from s3sync.model.tally import ErrorTally
from s3sync.report.console import LOG_WIDTH, PlanFigures, console_for, duration_text, plan_view, size_text, summary_view
from s3sync.runs.summary import Summary
from tests.unit.runs.test_summary import FULL, counts_of, summary_of

HOSTILE = "[bold]x[/bold] :smile: a\x1b[31m\n\u202eb"


def printed(view) -> str:
    stream = StringIO()
    console_for(stream).print(view)
    return stream.getvalue()


def lines_with(text: str, word: str) -> str:
    """The lines that hold the word, each run of blanks as one."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if word in line)


def with_error(key: str) -> Summary:
    return summary_of(counts_of(failed=1), errors={"AccessDenied": ErrorTally("denied", 1, key, f"no {key}")})


def test_the_summary_shows_its_figures():
    text = printed(summary_view(FULL))
    assert "incomplete s3://from/ to s3://to/x/" in text
    assert lines_with(text, "copied ").split()[:3] == ["copied", "7", "70"]
    for word, figure in {
        "failed": "3",
        "CopyObject": "12",
        "retries": "2",
        "throttled": "1",
        "unpinned": "1",
        "verified": "5 of 7 copied",
        "time": "1m 00s, workers 33.2s",
        "AccessDenied": "Access Denied",
        "next Failed: 3": "retry --from-run r1",
        "run r1": "exit code 3",
    }.items():
        assert figure in lines_with(text, word), word


def test_the_plan_shows_its_figures():
    planned = {"copy/copy_object": Amount(1_234_567, 5 * 2**30), "skip": Amount(3, 0)}
    figures = PlanFigures(
        "s3://a/",
        "s3://b/",
        Counts(1_234_579, 2, 3, {"prefix": 4}, planned),
        {"CopyObject": 1_234_567},
        25,
        {"requests": 6.17, "transfer": 100},
        notes=("prices unchecked",),
        reasons={"missing": 99},
        only_on_target=17,
    )
    text = printed(plan_view(figures))
    for word, figure in {
        "plan s3": "s3://a/ to s3://b/",
        "listed ": "1,234,579",
        "delete markers": "3",
        "filtered: prefix": "4",
        "copy/copy_object": "1,234,567 5.0 GiB 5,368,709,120",
        "total 1": "1,234,570",
        "CopyObject": "1,234,567",
        "batches": "25",
        "total (USD)": "106.17",
        "note": "prices unchecked",
        "missing": "99",
        "only on the target": "17",
    }.items():
        assert figure in lines_with(text, word), word


def test_hostile_keys_are_shown_as_they_are_and_do_nothing():
    text = printed(summary_view(with_error(HOSTILE)))
    joined = "".join(text.split())
    assert r"[bold]x[/bold]:smile:a\x1b[31m\n\u202eb" in joined
    assert not {"\x1b", "\u202e", "\r"} & set(text)


def test_a_hostile_name_in_the_head_line_is_escaped_as_well():
    assert r"s3://[red]b\x07" in printed(plan_view(PlanFigures("s3://[red]b" + chr(7), "t", Counts(), {}, 0)))


def test_a_log_has_no_colours_and_no_line_wider_than_it_may_be():
    text = printed(summary_view(with_error("k" * 1024)))
    assert max(map(len, text.splitlines())) <= LOG_WIDTH
    assert "\x1b" not in text


def test_a_stream_in_ascii_is_no_obstacle():
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding="ascii")
    console_for(stream).print(summary_view(with_error("é😀")))
    stream.flush()
    assert rb"\xe9\U0001f600" in raw.getvalue()


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (1023, "1,023 B"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB"), (2**80, "1,048,576.0 EiB")],
)
def test_sizes(size_bytes, text):
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (3.44, "3.4s"), (59.94, "59.9s"), (59.96, "1m 00s"), (123, "2m 03s"), (3723, "1h 02m 03s")],
)
def test_durations(seconds, text):
    assert duration_text(seconds) == text


def test_a_plan_of_nothing_says_so():
    assert "note Nothing was listed" in printed(plan_view(PlanFigures("s", "t", Counts(), {}, 0)))
