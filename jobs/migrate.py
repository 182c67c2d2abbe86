"""`spark-submit jobs/migrate.py ARGS` is `s3sync migrate ARGS`."""

import sys

from s3sync.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["migrate", *sys.argv[1:]]))
