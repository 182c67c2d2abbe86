"""Run schedules by seed; a failing one is told as a story, shrunk to what it needs.

    python -m tests.sim                       the schedules that failed once, then 100,000 with fresh seeds
    python -m tests.sim --seeds 1-100000      these seeds
    python -m tests.sim --seeds 4711          this one, told whatever it comes to
    python -m tests.sim --seeds 4711 --lock   the same, of the lock

The exit code is 1 where something does not hold.
"""

import argparse
import secrets
import sys

from tests.sim.lock_protocol import lock_protocol
from tests.sim.runner import FRESH, kept, report_of, schedule_of, told, whole


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", metavar="FIRST-LAST", help="default: fresh ones")
    parser.add_argument("--count", type=int, default=FRESH, help="how many fresh seeds")
    parser.add_argument("--lock", action="store_true", help="with one seed: a schedule of the lock")
    given = parser.parse_args(arguments)
    if given.seeds and "-" not in given.seeds:
        sys.stdout.write(told(int(given.seeds), lock_protocol if given.lock else schedule_of))
        return 0
    if given.seeds:
        first, last = map(int, given.seeds.split("-"))
    else:
        first = secrets.randbelow(10**12)
        last = first + given.count - 1
    sys.stdout.write(f"seeds {first}-{last}\n")
    sys.stdout.flush()
    failing = report_of(kept()) + whole(range(first, last + 1))
    sys.stdout.write(failing)
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
