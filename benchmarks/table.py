"""Puts the saved results into docs/performance.md and docs/operations.md: `python -m benchmarks.table [--check]`.

The text between `<!-- benchmark: NAME -->` and `<!-- end -->` is made of benchmarks/results/*.json and of nothing else.
"""

import re
import sys
from pathlib import Path

from benchmarks.results import Result, load
from benchmarks.s3_server import CHECKOUT
from benchmarks.simulated_listings import load as simulated_listings
from benchmarks.simulated_listings import simulated_block
from benchmarks.sizing import sizing_block
from benchmarks.tables import TABLES, block, machine_block
from benchmarks.targets import targets_block

PAGE = CHECKOUT / "docs" / "performance.md"
PAGES = (PAGE, CHECKOUT / "docs" / "operations.md")
_BLOCK = re.compile(r"(<!-- benchmark: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def blocks(results: dict[str, Result | None]) -> dict[str, str]:
    """The text of each block, by its name."""
    known = [result for result in results.values() if result is not None]
    made = {suite: block(suite, result) for suite, result in results.items()}
    made["simulated-listings"] = simulated_block(simulated_listings())
    sizing = sizing_block({result.suite: result for result in known})
    return {**made, "machine": machine_block(known), "targets": targets_block(known), "sizing": sizing}


def rendered(page: str, texts: dict[str, str]) -> str:
    """The page with these blocks. Raises KeyError for a block that nothing is known of.

    >>> rendered("<!-- benchmark: a -->\\nold\\n<!-- end -->", {"a": "new"})
    '<!-- benchmark: a -->\\nnew\\n<!-- end -->'
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{texts[found[2]]}\n{found[3]}", page)


def main(argv: list[str], *pages: Path) -> int:
    texts = blocks({suite: load(suite) for suite in TABLES})
    wrong = 0
    for page in pages or PAGES:
        before = page.read_text()
        after = rendered(before, texts)
        if "--check" not in argv:
            page.write_text(after)
        elif after != before:
            sys.stderr.write(f"{page}: is not what the results say; run python -m benchmarks.table\n")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
