"""`make demo` as a newcomer runs it, with fewer objects."""

import json
import subprocess
import sys
from pathlib import Path

DEMO = "import sys; from rich.console import Console; from s3sync.demo.demo import demo; sys.exit(demo(Console(), 100))"


def test_the_demo_copies_and_checks(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DEMO], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "s3://demo-target held" in done.stdout
    runs = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("demo-work/runs/*/summary.json"))]
    assert [run["exit_code"] for run in runs] == [0, 0]
    migrated, checked = runs
    assert migrated["counts"]["listed"] == migrated["statuses"]["copied"]["objects"]
    assert checked["verdicts"]["match"]["objects"] == migrated["counts"]["listed"]
    assert "All" in (tmp_path / "demo-work/report/report.html").read_text()
