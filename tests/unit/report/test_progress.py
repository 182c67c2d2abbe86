"""Progress in a log: as many lines as were asked for, and the last one always."""

import io
import re

import pytest
from rich.console import Console

from s3sync.report.progress import ProgressView, Standing


@pytest.mark.parametrize(("line_seconds", "shown"), [(1.0, [0, 1, 2, 3, 4]), (2.0, [0, 2, 4]), (3.0, [0, 3, 4])])
def test_a_log_has_a_line_every_so_often_and_the_last_one(line_seconds, shown):
    seconds = iter(range(10))
    text = io.StringIO()
    console = Console(file=text, width=200)
    with ProgressView(console, "Copying", line_seconds, clock=lambda: float(next(seconds))) as view:
        for settled in range(5):
            view.show(Standing(4, settled, 0, 0, 0))
    lines = text.getvalue().splitlines()
    assert [int(line.removeprefix("Copying: ").partition(" ")[0]) for line in lines] == shown


@pytest.mark.parametrize(("width", "has_bar"), [(60, False), (80, False), (160, True)])
def test_nothing_is_cut_off_on_a_narrow_terminal(width, has_bar):
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=True, color_system=None)
    seconds = iter(range(10))
    with ProgressView(console, "Copying", clock=lambda: float(next(seconds))) as view:
        view.show(Standing(1_234_567, 0, 0, 0, 0))
        view.show(Standing(1_234_567, 1_000_000, 5 * 1024**3, 605, 9, ("bucket/a prefix/", 9)))
    shown = " ".join(re.sub(r"\d:\d\d:\d\d", " ", text.getvalue()).split())  # lines joined, without the clock
    assert "\u2026" not in shown
    for figure in ("1,234,567", "5.0 GiB", "605", "throttled", "prefix/", "left"):
        assert figure in shown
    assert ("\u2501" in shown) == has_bar
