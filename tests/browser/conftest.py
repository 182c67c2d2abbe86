"""The browser asked for with `--browser PATH`; one that was asked for and is missing ends the run with an error."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# As root, without a network, and with nothing kept: the machine's own network is closed to it anyway.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
)
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Browser:
    path: str
    folder: Path

    def run(self, page: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
        profile = self.folder / "profile"
        shutil.rmtree(profile, ignore_errors=True)
        command = [self.path, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return ended

    def dom(self, page: Path) -> tuple[str, list[str]]:
        """The page as it stands after it was loaded, and what the browser said on its console."""
        ended = self.run(page, "--dump-dom")
        return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]

    def picture(self, page: Path, width: int, height: int, out: Path) -> bytes:
        self.run(page, f"--window-size={width},{height}", f"--screenshot={out}")
        return out.read_bytes()


@pytest.fixture(scope="session")
def browser_path(request: pytest.FixtureRequest) -> str:
    asked = request.config.getoption("--browser")
    if asked is None:
        pytest.skip("no browser asked for: --browser chromium")
    found = shutil.which(asked)
    if found is None:
        pytest.exit(f"--browser {asked}: there is no such program; apt-get install chromium", returncode=1)
    return found


@pytest.fixture
def browser(browser_path: str, tmp_path: Path) -> Browser:
    return Browser(browser_path, tmp_path)
