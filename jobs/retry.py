"""`spark-submit jobs/retry.py ARGS` is `s3sync retry ARGS`."""

import sys

from s3sync.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["retry", *sys.argv[1:]]))
