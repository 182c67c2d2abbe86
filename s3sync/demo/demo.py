"""The demo: the main job and the check behind it as a user runs them, on one machine, against the embedded server.

fill a source bucket ─> write an inventory of it into a third bucket ─> spark-submit jobs/migrate.py -m ... -t ...
─> spark-submit jobs/check.py -s ... -t ...
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from rich.console import Console

from s3sync.config.load import PACKAGE
from s3sync.demo.bucket import fill_source_bucket
from s3sync.demo.inventory_writer import write_inventory
from s3sync.demo.server import REGION, EmbeddedServer
from s3sync.errors import EXIT_DONE, UserError
from s3sync.inventory.manifest import FileFormat
from s3sync.spark.session import SHORT_JAVA, provide_java

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OBJECTS = 3_000
SOURCE, TARGET, INVENTORY = "demo-source", "demo-target", "demo-inventory"
WORK = Path("demo-work")
QUIET_LOG4J = """\
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
"""


def demo(console: Console, objects: int = OBJECTS) -> int:
    """Run the demo and return the first exit code of its two jobs that is not 0. The tables and the report stay in
    `demo-work/`; the server ends with the demo."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    with EmbeddedServer() as server:
        say(f"An embedded S3 server listens on {server.endpoint_url}")
        s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint_url,
            region_name=REGION,
            aws_access_key_id="demo",
            aws_secret_access_key="demo-secret",
        )
        inventory = _filled(s3, objects, say)
        work = ["--work-uri", str(WORK)]
        migrate = ["-m", inventory, "-t", TARGET, *work]
        check = ["-s", SOURCE, "-t", TARGET, "--deep", *work, "--report-uri", str(WORK / "report")]
        for job, arguments in (("migrate", migrate), ("check", check)):
            say(f"\n$ spark-submit jobs/{job}.py {' '.join(arguments)}\n")
            command, environ = _command(job, arguments), _environment(server.endpoint_url)
            code = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603
            if code != EXIT_DONE:
                say(f"\n{job} ended with exit code {code}; its tables lie in {WORK.resolve()}/runs/")
                return code
        copied = sum(
            len(page.get("Contents", ())) for page in s3.get_paginator("list_objects_v2").paginate(Bucket=TARGET)
        )
    say(f"\ns3://{TARGET} held {copied:,} objects at the end; both jobs ended with exit code 0.")
    say(f"The tables of both runs and their summary.json lie in {WORK.resolve()}/runs/")
    say(f"The check's report is {WORK.resolve()}/report/report.html; a browser shows it.")
    say("Next: the README has a first real run; `.venv-spark35/bin/s3sync migrate --help` lists all options.")
    return EXIT_DONE


def _filled(s3: "S3Client", objects: int, say: Callable[[str], None]) -> str:
    """The source bucket with its objects and its inventory, whose place this returns, and an empty target."""
    for bucket in (SOURCE, TARGET, INVENTORY):
        s3.create_bucket(Bucket=bucket)
    rows = fill_source_bucket(s3, SOURCE, objects)
    say(f"s3://{SOURCE} holds {len(rows):,} objects, odd keys and a multipart object among them")
    report = write_inventory(
        rows,
        file_format=FileFormat.CSV,
        source_bucket=SOURCE,
        destination_bucket=INVENTORY,
        prefix="reports",
        config_id="daily",
        created_at=datetime.now(UTC),
    )
    for key, body in report.items():
        s3.put_object(Bucket=INVENTORY, Key=key, Body=body)
    inventory = f"s3://{INVENTORY}/reports/{SOURCE}/daily/"
    say(f"its inventory lies in {inventory}")
    return inventory


def _command(job: str, arguments: list[str]) -> list[str]:
    WORK.mkdir(exist_ok=True)
    log4j = WORK / "log4j2.properties"
    log4j.write_text(QUIET_LOG4J)
    checkout = PACKAGE.parent / "jobs" / f"{job}.py"
    program = [str(checkout)] if checkout.exists() else [str(PACKAGE / "__main__.py"), job]
    java_options = f"-Dlog4j2.configurationFile={log4j.resolve()} {SHORT_JAVA}"
    return [str(spark_submit()), "--driver-java-options", java_options, *program, *arguments]


def spark_submit() -> Path:
    """The spark-submit of the installed pyspark. Raises UserError where there is none."""
    found = find_spec("pyspark")
    if found is None or not found.submodule_search_locations:
        raise UserError("pyspark is not installed: pip install 's3sync-spark[local]'")
    return Path(found.submodule_search_locations[0]) / "bin" / "spark-submit"


def _environment(endpoint_url: str) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_PROFILE")}
    provide_java(environ)
    for side in ("INVENTORY", "COPY"):
        environ[f"{side}_ENDPOINT_URL"] = endpoint_url
        environ[f"{side}_REGION_NAME"] = REGION
        environ[f"{side}_ADDRESSING_STYLE"] = "path"
        environ[f"{side}_AWS_ACCESS_KEY_ID"] = "demo"
        environ[f"{side}_AWS_SECRET_ACCESS_KEY"] = "demo-secret"
    environ["PYSPARK_PYTHON"] = environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    checkout = str(PACKAGE.parent)
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [checkout, environ.get("PYTHONPATH")]))
    return environ
