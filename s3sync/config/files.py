"""Where the files of conf/ lie: beside the package in a checkout, inside it where it is installed (see setup.py)."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def conf_file(name: str) -> Path:
    installed = PACKAGE / "conf" / name
    return installed if installed.exists() else PACKAGE.parent / "conf" / name
