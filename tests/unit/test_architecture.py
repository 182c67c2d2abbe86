"""The page of the architecture is the tree's: its packages in their order, its modules by their names."""

import re
from pathlib import Path

import pytest

from tests.unit.test_layers import ORDER

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
ROW = re.compile(r"^\| (`[a-z0-9`, ]+`) \|[^|]*\| (.*) \|$", re.MULTILINE)
MODULE = re.compile(rf"`((?:{'|'.join(ORDER)})\.[a-z_.]+)`|\b({'|'.join(ORDER)}): ([a-z_]+)(?=[\"<])")


def packages_of(page: str) -> list[tuple[list[str], str]]:
    section = page.partition("## The packages")[2].partition("\n## ")[0]
    return [(re.findall(r"[a-z0-9]+", names), looked_for) for names, looked_for in ROW.findall(section)]


def unknown_modules(page: str) -> list[str]:
    """What the page names and the tree lacks: `package.module`, in texts and pictures, and modules in the table."""
    named = {dotted or f"{package}.{module}" for dotted, package, module in MODULE.findall(page)}
    for packages, looked_for in packages_of(page):
        words = re.findall(r"`([a-z_0-9]+[/*]?)`", looked_for)
        named |= {"|".join(f"{package}.{word}" for package in packages) for word in words}
    return sorted(name for name in named if not any(exists(each) for each in name.split("|")))


def exists(name: str) -> bool:
    path = "s3sync/" + name.replace(".", "/")
    return bool([*ROOT.glob(f"{path.rstrip('/')}.py"), *ROOT.glob(f"{path.rstrip('/')}/__init__.py")]) or bool(
        "*" in path and [*ROOT.glob(f"{path}.py")]
    )


def test_the_packages_stand_in_their_order() -> None:
    named = [name for names, _ in reversed(packages_of(PAGE)) for name in reversed(names)]
    assert named == [name for name in ORDER if name != "__main__"]


def test_what_the_page_names_is_there() -> None:
    assert len(MODULE.findall(PAGE)) > 40
    assert unknown_modules(PAGE) == []


@pytest.mark.parametrize("name", ["copying.nothing", "runs.lock_and_key"])
def test_a_module_that_is_not_there_is_seen(name: str) -> None:
    assert unknown_modules(f"See `{name}`.") == [name]
