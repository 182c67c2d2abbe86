"""report.html: one file that needs nothing else, on any screen. The templates lie beside this module.

What comes from a bucket is hostile: keys are printed without control characters and escaped by the template engine,
and the page's own policy forbids scripts and requests, should anything get through.
"""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from s3sync.model.finding import Verdict
from s3sync.model.keys import printable
from s3sync.model.outcome import Status
from s3sync.report.check_page import CheckView
from s3sync.report.check_summary import CheckSummary
from s3sync.report.console import duration_text, size_text
from s3sync.report.migration_page import MigrationView

_GREEN, _RED, _VIOLET, _ORANGE, _GREY, _BLUE, _YELLOW = (
    "#2f8f4e", "#c4314b", "#8a63d2", "#e0641c", "#7d8896", "#2d7dd2", "#b98a00",
)  # fmt: skip
# The CSS classes of verdicts and statuses; white text is readable on each of them.
COLOURS: Mapping[str, str] = {
    Verdict.MATCH: _GREEN,
    Verdict.MISSING_ON_TARGET: _RED,
    Verdict.MISSING_ON_SOURCE: _VIOLET,
    Verdict.SIZE_DIFFERS: _ORANGE,
    Verdict.CONTENT_DIFFERS: "#a11253",
    Verdict.METADATA_DIFFERS: _YELLOW,
    Verdict.CHANGED_SINCE: _BLUE,
    Verdict.UNPROVABLE: _GREY,
    Verdict.ERROR: "#4a3238",
    Status.COPIED: _GREEN,
    Status.SKIPPED: "#6aa884",
    Status.FAILED: _RED,
    Status.VANISHED: _VIOLET,
    Status.CHANGED: _BLUE,
    Status.ARCHIVED: _ORANGE,
    "throttled": _YELLOW,
    "others": "#98a3b0",
}


def sentence(text: str) -> Markup:
    """A sentence with what stands between backquotes as code."""
    pieces = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if at % 2 else escape(p) for at, p in enumerate(pieces))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("s3sync.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"key": printable, "size": size_text, "duration": duration_text}
    made.filters |= {"count": lambda number: f"{number:,}", "sentence": sentence}
    made.globals["colours"] = [(str(name), colour) for name, colour in COLOURS.items()]
    return made


def check_html(summary: CheckSummary, findings_files: int) -> str:
    """The page of a check. `findings_files`: how many files of findings lie beside it."""
    view = CheckView(summary)
    template = _environment().get_template("check.html.j2")
    return template.render(
        view=view,
        summary=summary,
        tally=summary.tally,
        details=summary.tally.details.most_common(10),
        findings_files=findings_files,
    )


def migration_html(view: MigrationView) -> str:
    """The page of a migration."""
    return _environment().get_template("migration.html.j2").render(view=view, summary=view.summary)
