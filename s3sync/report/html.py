"""report.html: one file that needs nothing else, on any screen. The templates lie beside this module.

What comes from a bucket is hostile: keys are printed without control characters and escaped by the template engine,
and the page's own policy forbids scripts and requests, should anything get through.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from s3sync.model.finding import Verdict
from s3sync.model.keys import printable
from s3sync.report import charts
from s3sync.report.check_summary import CheckSummary, advice
from s3sync.report.console import duration_text, size_text
from s3sync.report.migration_view import MigrationView

TITLES = {
    Verdict.MATCH: "equal",
    Verdict.MISSING_ON_TARGET: "missing on the target",
    Verdict.MISSING_ON_SOURCE: "only on the target",
    Verdict.SIZE_DIFFERS: "of another size",
    Verdict.CONTENT_DIFFERS: "of another content",
    Verdict.METADATA_DIFFERS: "with other metadata",
    Verdict.CHANGED_SINCE: "changed on the source since",
    Verdict.UNPROVABLE: "not proved equal or different",
    Verdict.ERROR: "that could not be looked at",
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
    return made


def check_html(summary: CheckSummary, findings_files: int) -> str:
    """The page of a check. `findings_files`: how many files of findings lie beside it."""
    tally = summary.tally
    return (
        _environment()
        .get_template("check.html.j2")
        .render(
            summary=summary,
            verdicts=[(v.value, TITLES[v], tally.objects[v], tally.size_bytes[v]) for v in Verdict if tally.objects[v]],
            colour={0: "good", 4: "warn"}.get(summary.exit_code, "bad"),
            overall=charts.verdict_bar(tally),
            folders=charts.folder_bars(tally),
            sizes=charts.size_bars(tally),
            months=charts.months(tally),
            advice=[(v.value, TITLES[v], sentence) for v, sentence in advice(summary)],
            examples=[(v.value, TITLES[v], tally.examples[v]) for v in Verdict if tally.examples.get(v)],
            evidence=[(name, count) for (name, verdict), count in sorted(tally.evidence.items()) if verdict == "match"],
            details=tally.details.most_common(10),
            findings_files=findings_files,
        )
    )


def migration_html(view: MigrationView) -> str:
    """The page of a migration."""
    return _environment().get_template("migration.html.j2").render(view=view, summary=view.summary)
