"""report.html in a real browser: nothing that stands in a key is carried out, all fits a phone, the pictures show."""

import re
import struct
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from s3sync.demo.odd_keys import ODD_KEYS
from s3sync.model.accounting import Amount, Counts
from s3sync.model.finding import Verdict
from s3sync.model.tally import ErrorTally, Tally
from s3sync.report.html import check_html, migration_html
from s3sync.report.migration_page import BarPiece, MigrationView, Trouble
from s3sync.runs.summary import summarize
from tests.browser.conftest import Browser
from tests.unit.report.test_check_summary import WHEN, finding, summary_of, tally_of
from tests.unit.report.test_report_files import HOSTILE

PWNED = "document.title='pwned'"
ACTING = [
    f"<script>{PWNED}</script>",
    f"<img src=x onerror=\"{PWNED}\">",
    f"<svg onload=\"{PWNED}\">",
    f"\"><body onpageshow=\"{PWNED}\">",
    "<iframe src='https://example.org/'></iframe>",
    "<style>body{display:none}</style>",
    "x" * 1024,
]  # fmt: skip
PHONE, TABLET, DESKTOP = 360, 768, 1280
COLOURS = {"match": (0x2F, 0x8F, 0x4E), "missing_on_target": (0xC4, 0x31, 0x4B), "changed_since": (0x2D, 0x7D, 0xD2)}


def a_check() -> str:
    keys = [*ACTING, *HOSTILE, *(odd.key for odd in ODD_KEYS)]
    verdicts = [verdict for verdict in Verdict if verdict is not Verdict.MATCH]
    rows = [
        finding(key, verdicts[at % len(verdicts)], 1 << at % 40, key, WHEN - timedelta(days=30 * at))
        for at, key in enumerate(sorted(keys))
    ]
    tally = tally_of(*rows)
    tally.add_sizes("match", np.full(400, 5000, np.int64))
    return check_html(summary_of(tally), 3)


def a_migration() -> str:
    tally = Tally(
        objects=Counter(copied=800, failed=20),
        size_bytes=Counter(copied=8 << 30),
        errors={"SlowDown": ErrorTally("throttled", 20, ACTING[1], ACTING[0])},
        requests=Counter(CopyObject=900),
    )
    counts = Counts(listed=820, planned={"copy/copy_object": Amount(820, 9 << 30)}) + Counts.of_outcomes(tally)
    now = datetime(2026, 3, 4, tzinfo=UTC)
    summary = summarize(
        run_id="r1", source="s3://a/", target="s3://b/", started_at=now, ended_at=now + timedelta(seconds=90),
        wall_seconds=90.0, counts=counts, tally=tally,
    )  # fmt: skip
    pieces = [BarPiece(now + timedelta(seconds=15 * n), 15.0, 100 + 40 * (n % 3), n << 28, n, n) for n in range(1, 7)]
    return migration_html(MigrationView(summary, pieces, [Trouble(ACTING[1], 20, 15)]))


PAGES = {"check": a_check, "migration": a_migration}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param}.html"
    path.write_text(PAGES[request.param](), encoding="utf-8")
    return path


def test_keys_are_shown_and_not_carried_out(browser: Browser, page: Path) -> None:
    dom, console = browser.dom(page)
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert "pwned" not in title[1]
    assert "objects" in title[1]
    assert not re.search(r"<(script|img|iframe|base|link)[\s>]", dom)
    assert console == []


def test_the_browser_tells_when_a_page_does_harm(browser: Browser, tmp_path: Path) -> None:
    """The negative control of the test above: the same keys without the report's care."""
    path = tmp_path / "careless.html"
    path.write_text(f"<title>fine</title><meta charset=utf-8>{ACTING[1]}", encoding="utf-8")
    dom, _ = browser.dom(path)
    assert "<title>pwned</title>" in dom
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    path.write_text(f"<title>fine</title>{policy}{ACTING[1]}", encoding="utf-8")
    dom, console = browser.dom(path)
    assert "<title>fine</title>" in dom
    assert console != []


FRAME = """<!doctype html><title>wide</title><body style="margin:0">
<iframe id="f" src="{name}" style="border:0;width:{width}px;height:900px"></iframe>
<script>addEventListener("load", () => {{
  const page = document.getElementById("f").contentDocument;
  const beyond = [...page.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > {width} + 1);
  const small = [...page.body.querySelectorAll("p, td, li, span")].filter(
    e => parseFloat(page.defaultView.getComputedStyle(e).fontSize) < 12);
  document.title = [page.documentElement.scrollWidth, beyond.length, small.length].join(" ");
}})</script>"""


@pytest.mark.parametrize("width", [320, PHONE, 390, TABLET, DESKTOP])
def test_nothing_is_wider_than_the_screen_or_too_small_to_read(browser: Browser, page: Path, width: int) -> None:
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.format(name=page.name, width=width), encoding="utf-8")
    dom, _ = browser.dom(frame)
    found = re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom)
    assert found is not None, dom[:500]
    assert (int(found[1]), found[2], found[3]) == (width, "0", "0")


def test_the_pictures_show(browser: Browser, tmp_path: Path) -> None:
    """Each colour is seen on the screen, and a page whose drawings are cut out does not pass."""
    path, out = tmp_path / "check.html", tmp_path / "screen.png"
    html = a_check()
    path.write_text(html, encoding="utf-8")
    seen = colours(browser.picture(path, 900, 700, out))
    path.write_text(re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL), encoding="utf-8")
    without = colours(browser.picture(path, 900, 700, out))
    for name, colour in COLOURS.items():
        assert seen[colour] > without[colour] + 50, name


def colours(png: bytes) -> Counter[tuple[int, int, int]]:
    """How many pixels have each colour, of a PNG of 8 bits a channel."""
    at, data = 8, b""
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, channels = *struct.unpack(">IIB", body[:9]), {2: 3, 6: 4}[body[9]]
            assert depth == 8
        elif kind == b"IDAT":
            data += body
        at += size + 12
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    pixels = np.zeros((height, width, channels), np.uint8)
    for y, line in enumerate(lines):
        above = pixels[y - 1] if y else np.zeros((width, channels), np.uint8)
        pixels[y] = unfiltered(int(line[0]), line[1:].reshape(width, channels), above)
    values, counts = np.unique(pixels[:, :, :3].reshape(-1, 3), axis=0, return_counts=True)
    return Counter({(int(r), int(g), int(b)): int(n) for (r, g, b), n in zip(values, counts, strict=True)})


def unfiltered(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    """A line of a PNG without its filter (PNG specification, "Filtering")."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line, axis=0, dtype=np.uint8)
    if kind == 2:
        return line + above
    made = np.zeros_like(line, np.int32)
    wide, line = above.astype(np.int32), line.astype(np.int32)
    left = corner = np.zeros(line.shape[1], np.int32)
    for x in range(len(line)):
        up = wide[x]
        if kind == 3:
            guess = (left + up) // 2
        else:
            p = left + up - corner
            a, b, c = abs(p - left), abs(p - up), abs(p - corner)
            guess = np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
        made[x] = left = (line[x] + guess) & 255
        corner = up
    return made.astype(np.uint8)
