"""Simulated listings of many shapes, and their table in docs/performance.md.

    python -m benchmarks.simulated_listings [--keys 1e9] [--shapes flat,hot] [--strange 0-20] [--save]

`--strange` takes the key spaces of these seeds (benchmarks/strange_key_spaces.py); `--save` keeps the figures in
benchmarks/results/simulated_listings.json, which `python -m benchmarks.table` renders.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.key_spaces import SHAPES, KeySpace
from benchmarks.listing_simulation import Simulation
from benchmarks.results import RESULTS
from benchmarks.strange_key_spaces import described, strange
from benchmarks.tables import NOT_MEASURED, table

COMMAND = "python -m benchmarks.simulated_listings"
FILE = "simulated_listings.json"
_TITLES = ("shape", "keys", "per 1,000", "empty", "rounds", "busy", "needless", "lanes")
_LINE = "{:>14} {:>13} {:>9} {:>7} {:>6} {:>7} {:>8} {:>7}"


def simulated(space: KeySpace, workers: int, lanes: int) -> dict[str, Any]:
    """The figures of one listing. Raises AssertionError where a key is missing or came twice."""
    run = Simulation(space, workers, lanes)
    run.run()
    return {
        "shape": space.name,
        "keys": run.keys,
        "workers": workers,
        "lanes_a_worker": lanes,
        "calls": run.calls,
        "calls_per_1000": 1000 * run.calls / run.keys,
        "empty": run.empty,
        "rounds": run.rounds,
        "virtual_seconds": run.now,
        "busy": run.busy_share,
        "needless": run.needless_share,
        "lanes": run.lanes_share,
    }


def spaces(shapes: str, seeds: str | None, keys: int) -> Iterator[KeySpace]:
    if seeds is None:
        yield from (KeySpace(shape, keys, SHAPES[shape]) for shape in shapes.split(","))
        return
    first, _, last = seeds.partition("-")
    yield from (KeySpace(f"strange {seed}", keys, strange(seed)) for seed in range(int(first), int(last or first) + 1))


def saved(rows: Iterable[Mapping[str, Any]], folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Keep these rows beside those that are kept; a row takes the place of the one with its shape and keys."""
    kept = {(row["keys"], row["shape"]): row for row in load(folder)}
    kept.update({(row["keys"], row["shape"]): dict(row) for row in rows})
    found = list(kept.values())
    (folder / FILE).write_text(json.dumps(found, indent=1) + "\n")
    return found


def load(folder: Path = RESULTS) -> list[dict[str, Any]]:
    path = folder / FILE
    return json.loads(path.read_text()) if path.exists() else []


def simulated_block(rows: Iterable[Mapping[str, Any]]) -> str:
    """The table of docs/performance.md."""
    known = sorted(rows, key=lambda row: row["keys"])
    if not known:
        return f"{NOT_MEASURED} `{COMMAND} --save`"
    heads = ["shape", "keys", "calls per 1,000 keys", "brought nothing", "rounds", "busy", "needlessly idle"]
    cells = (
        [
            row["shape"].replace("_", " "),
            f"{row['keys']:,}",
            f"{row['calls_per_1000']:.3f}",
            f"{row['empty']:,}",
            str(row["rounds"]),
            f"{row['busy']:.1%}",
            f"{row['needless']:.1%}",
        ]
        for row in known
    )
    sizes = " and ".join(f"`{COMMAND} --keys {keys:.0e} --save`" for keys in sorted({row["keys"] for row in known}))
    return f"{table(heads, cells)}\n\n{sizes}; {max(row['at'] for row in known)[:10]}.".replace("e+0", "e")


def _line(row: Mapping[str, Any]) -> str:
    return _LINE.format(
        row["shape"],
        f"{row['keys']:,}",
        f"{row['calls_per_1000']:.3f}",
        row["empty"],
        row["rounds"],
        *(f"{row[name]:.1%}" for name in ("busy", "needless", "lanes")),
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description="List generated key spaces in virtual time.")
    parser.add_argument("--keys", type=float, default=1e7)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--strange", metavar="FIRST-LAST")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--lanes", type=int, default=16)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args(argv)
    sys.stdout.write(f"{_LINE.format(*_TITLES)}\n")
    for space in spaces(given.shapes, given.strange, int(given.keys)):
        began = time.process_time()
        row = {**simulated(space, given.workers, given.lanes), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        about = f"  {described(int(space.name.split()[1]))}" if given.strange else ""
        sys.stdout.write(f"{_line(row)}  {time.process_time() - began:.0f} s{about}\n")
        sys.stdout.flush()
        if given.save:
            saved([row])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
