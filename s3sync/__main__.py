"""`python -m s3sync` is the command `s3sync`."""

import sys

from s3sync.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
