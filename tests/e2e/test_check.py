"""The check job as a user runs it, and what follows it: the run that it checks, the copies and the retry that mend."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.checking import Checked, Pair, wait_a_second
from tests.e2e.jobs import Job
from tests.e2e.queues import Wired

Listed = Callable[[str], dict[str, dict[str, Any]]]
Fill = Callable[[str, int], dict[str, bytes]]
Factory = Callable[..., str]


def check(job: Job, *arguments: str, script: str | None = "check.py") -> Checked:
    report = job.folder / f"report-{job.starts}"
    ended = job.run(*arguments, "--report-uri", str(report), script=script)
    return Checked(ended.code, ended.output, report)


def test_a_run_is_checked_mended_and_checked_again(job: Job, s3: Any, fill: Fill, bucket_factory: Factory) -> None:
    """--run-id, --from-findings, `s3sync report`, and the mapping of keys on the way."""
    source, target = bucket_factory(), bucket_factory()
    bodies = fill(source, 30)
    s3.put_object(Bucket=target, Key="to/not of the run", Body=b"x")
    ended = job.run("-s", source, "-t", target, "--target-prefix", "to/", "--report-uri", str(job.folder / "moved"))
    assert ended.code == 0, ended.output
    page = (job.folder / "moved" / "report.html").read_text()
    assert "All 30 objects are done" in page
    assert "Objects over time" in page
    run_id = job.run_folder().name
    lost, broken, changed, gone = sorted(bodies)[:4]
    s3.delete_object(Bucket=target, Key=f"to/{lost}")
    s3.put_object(Bucket=target, Key=f"to/{broken}", Body=b"#" * len(bodies[broken]))
    wait_a_second()
    s3.put_object(Bucket=source, Key=changed, Body=b"changed since")
    s3.delete_object(Bucket=source, Key=gone)

    checked = check(job, "--run-id", run_id)

    assert checked.code == 4, checked.output
    assert checked.verdicts == {
        f"to/{lost}": "missing_on_target",
        f"to/{broken}": "content_differs",
        f"to/{changed}": "changed_since",
        f"to/{gone}": "changed_since",
    }
    assert checked.summary["counts"]["not_of_run"] == 1
    check_id = checked.summary["run_id"]

    mended = job.run("--from-findings", check_id)

    assert mended.code == 0, mended.output
    assert job.summary()["statuses"]["copied"]["objects"] == 3
    again = check(job, "-s", source, "-t", target, "--target-prefix", "to/")
    assert again.verdicts == {f"to/{gone}": "missing_on_source", "to/not of the run": "missing_on_source"}
    for run in (run_id, check_id):
        written = job.run("report", run, "--report-uri", str(job.folder / run), script=None)
        assert written.code == 0, written.output
        assert "<h1>" in (job.folder / run / "report.html").read_text()
    assert (job.folder / check_id / "report.html").read_text() == (checked.report / "report.html").read_text()
    assert list((job.folder / check_id / "findings").glob("*.csv"))


@pytest.mark.parametrize(("script", "asked"), [("migrate.py", ["--mode", "check"]), ("check.py", ["--requeue"])])
def test_a_check_fills_the_dead_letter_queue_and_retry_empties_it(
    job: Job, wired: Wired, s3: Any, bucket_factory: Factory, listed: Listed, script: str, asked: list[str]
) -> None:
    """C8."""
    pair = Pair(s3, bucket_factory(), bucket_factory())
    for n in range(30):
        pair.put(f"{n:02d} +%", b"body %d" % n, *((pair.source,) if n < 20 else ()))
    pair.put("extra", b"x", pair.target)

    checked = check(job, "-s", pair.source, "-t", pair.target, *asked, *wired.options, script=script)

    assert checked.code == 4, checked.output
    assert "Sent 20 findings to" in checked.output
    assert checked.summary["requeued"] == 20
    retried = job.run("-n", "-1", "-d", *wired.options, "--visibility", "10s", script="retry.py")
    assert retried.code == 0, retried.output
    assert listed(pair.target).keys() == {*listed(pair.source), "extra"}
    assert wired.left == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run-id", "no-such-run"], "--run-id: there is no run no-such-run"),
        (["-s", "no-such-bucket-here", "-t", "{target}"], "--source-bucket: there is no bucket"),
        (["-s", "{target}", "--target-manifest-path", "s3://{target}/nothing/"], "s3://"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    job: Job, bucket_factory: Factory, arguments: list[str], message: str
) -> None:
    target = bucket_factory()
    ended = job.run(*(argument.format(target=target) for argument in arguments), script="check.py")
    lines = [line for line in ended.output.splitlines() if line.startswith("s3sync: ")]
    assert ended.code == 2, ended.output
    assert len(lines) == 1
    assert message in lines[0]
