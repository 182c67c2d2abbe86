"""`spark-submit jobs/doctor.py ARGS` is `s3sync doctor ARGS`."""

import sys

from s3sync.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
