"""`spark-submit jobs/check.py ARGS` is `s3sync check ARGS`."""

import sys

from s3sync.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["check", *sys.argv[1:]]))
