"""Progress in a log: as many lines as were asked for, and the last one always."""

import io

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
