"""What Spark and Java say of a worker's Python that is missing, or of another minor version, in one line."""

import re

_MISSING = re.compile(r'Cannot run program "([^"]+)".*?error=(?:2|13),')
# Spark 3.5 writes "(3, 9)", Spark 4 "3.9".
_OTHER = re.compile(r"different version:? \(?(\d+)(?:\.|, )(\d+)\)? than that in driver:? (\d+\.\d+)")
_WAY_OUT = (
    "name one that every node has, of the driver's minor version: PYSPARK_PYTHON, or --python with `s3sync submit`"
)


def python_trouble(text: str) -> str | None:
    """What is wrong and the way out, where the text (an error's, a log's) tells of a worker's Python."""
    if found := _MISSING.search(text):
        return f"a worker cannot start {found[1]}, it is not there; {_WAY_OUT}"
    if found := _OTHER.search(text):
        return f"a worker has Python {found[1]}.{found[2]}, and the driver {found[3]}; {_WAY_OUT}"
    return None
