"""Asked for and not reachable is an error, skips can be forbidden: shown by pytest inside pytest."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ACCESS_KEY, ENDPOINT, SECRET_KEY
from tests.servers import Server
from tests.servers.capabilities import RADOSGW, require

KEYS = {ACCESS_KEY: "a", SECRET_KEY: "b"}


def run_pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("S3SYNC_TEST_")}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, f"{ENDPOINT} is not set"),
        ({ENDPOINT: "http://127.0.0.1:9", ACCESS_KEY: "a"}, f"{SECRET_KEY} is not set"),
        ({ENDPOINT: "http://127.0.0.1:9", **KEYS}, "http://127.0.0.1:9 can't be used"),
        ({ENDPOINT: "not a url", **KEYS}, "not a url can't be used"),
    ],
)
def test_a_server_that_is_not_there_ends_the_run(environment, said):
    done = run_pytest("--server", "radosgw", "tests/contract/test_demo_bucket.py", **environment)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "passed" not in done.stdout


def test_a_lacking_capability_is_a_skip_that_names_it():
    radosgw = Server("radosgw", "", "", "", "", "", RADOSGW)
    with pytest.raises(pytest.skip.Exception, match="lacking capability radosgw:checksums"):
        require(radosgw, "checksums")
    require(radosgw, "put_if_none_match")
    with pytest.raises(LookupError, match="no such capability"):
        require(radosgw, "checksum")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 0),
        (("--forbid-skips",), 1),
        (("--forbid-skips", "--allow-skip", "here:sqs"), 0),
        (("--forbid-skips", "--allow-skip", "here:checksums"), 1),
    ],
)
def test_skips_can_be_forbidden(tmp_path, arguments, code):
    test = tmp_path / "test_skips.py"
    test.write_text("import pytest\ndef test_it():\n    pytest.skip('lacking capability here:sqs')\n")
    assert run_pytest("-p", "tests.conftest", *arguments, str(test)).returncode == code
