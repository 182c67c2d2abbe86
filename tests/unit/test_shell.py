"""The shell scripts: shellcheck finds nothing, and the bootstrap action does its work in a bare environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from s3sync.emr.package import artifact, files_below, write_tar_gz

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "submit.sh", *sorted((ROOT / "bootstrap").glob("*.sh"))]
SHELLCHECK = Path(sys.executable).parent / "shellcheck"
INSTALL = ROOT / "bootstrap" / "install.sh"


def shellcheck(*files):
    command = [str(SHELLCHECK) if SHELLCHECK.exists() else "shellcheck", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_shellcheck_finds_nothing():
    assert len(SCRIPTS) == 2
    found = shellcheck(*SCRIPTS)
    assert (found.returncode, found.stdout) == (0, "")


def test_shellcheck_would_find_something(tmp_path):
    (tmp_path / "bad.sh").write_text("#!/bin/bash\nrm -rf $1/x\n")
    assert shellcheck(tmp_path / "bad.sh").returncode == 1


class Node:
    """A bare node: no environment, an `aws` that copies from a folder, and nothing of this machine but /usr/bin."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "opt" / "s3sync"
        self.home.parent.mkdir()
        (folder / "s3" / "work").mkdir(parents=True)
        (folder / "bin").mkdir()
        aws = folder / "bin" / "aws"
        aws.write_text(f'#!/bin/sh\necho "$5" >> {folder}/fetched\ncp "{folder}/s3/${{4#s3://}}" "$5"\n')
        aws.chmod(0o755)
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (folder / "bin" / name).symlink_to(sys.executable)

    def archive(self, stem, **files):
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for name, text in files.items():
            (tree / "s3sync").mkdir(parents=True, exist_ok=True)
            (tree / "s3sync" / f"{name}.py").write_text(text)
        write_tar_gz(self.folder / "a.tar.gz", files_below(tree))
        made = artifact(self.folder / "a.tar.gz", "work", stem, ".tar.gz")
        shutil.copy(made.path, self.folder / "s3" / made.name)
        return f"s3://{made.name}"

    def deps(self, **files):
        return self.archive(f"deps-py{sys.version_info.major}.{sys.version_info.minor}-x86_64", **files)

    def install(self, *arguments):
        environ = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "S3SYNC_HOME": str(self.home)}
        command = ["/bin/bash", str(INSTALL), *arguments]
        return subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=False)

    @property
    def fetched(self):
        path = self.folder / "fetched"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_the_bootstrap_action_installs_once_and_changes_nothing_the_second_time(node):
    app, deps = node.archive("s3sync-0.1.0", one="x = 1\n"), node.deps(two="y = 2\n")
    done = node.install(app, deps)
    assert done.returncode == 0, done.stderr
    assert (node.home / "app" / "s3sync" / "one.py").read_text() == "x = 1\n"
    assert (node.home / "deps" / "s3sync" / "two.py").stat().st_mode & 0o444 == 0o444
    before = {path: path.lstat().st_mtime_ns for path in (node.home / "versions").rglob("*")}

    again = node.install(app, deps)

    assert again.returncode == 0
    assert node.fetched == 2
    assert {path: path.lstat().st_mtime_ns for path in (node.home / "versions").rglob("*")} == before


def test_another_version_takes_the_place_of_the_first(node):
    deps = node.deps(two="y = 2\n")
    node.install(node.archive("s3sync-0.1.0", one="x = 1\n"), deps)
    assert node.install(node.archive("s3sync-0.2.0", one="x = 2\n"), deps).returncode == 0
    assert (node.home / "app" / "s3sync" / "one.py").read_text() == "x = 2\n"
    assert node.fetched == 3


def test_a_changed_archive_is_refused_and_the_one_before_stays(node):
    deps = node.deps(two="y = 2\n")
    assert node.install(node.archive("s3sync-0.1.0", one="x = 1\n"), deps).returncode == 0
    bad = node.archive("s3sync-0.1.1", one="x = 3\n")
    path = node.folder / "s3" / bad.removeprefix("s3://")
    path.write_bytes(path.read_bytes() + b"tampered")
    done = node.install(bad, deps)
    assert done.returncode == 1
    assert "it was changed, or not fetched whole" in done.stderr
    assert (node.home / "app" / "s3sync" / "one.py").read_text() == "x = 1\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give two URIs"),
        (("s3://a/b.tar.gz",), "give two URIs"),
        (("s3://a/b.zip", "s3://a/c.tar.gz"), "s3://a/b.zip: is no"),
        (("s3://work/s3sync-0123456789abcdef.tar.gz", "s3://work/d.tar.gz"), "cannot be fetched"),
    ],
)
def test_a_mistake_of_the_bootstrap_action_is_one_line(node, arguments, says):
    done = node.install(*arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert not (node.home / "app").exists()


def test_submit_sh_is_the_command(tmp_path):
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON": sys.executable}
    done = subprocess.run(
        [str(ROOT / "submit.sh"), "--help"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--artifacts-uri" in done.stdout
    mistake = subprocess.run(
        [str(ROOT / "submit.sh")], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert mistake.returncode == 2
    assert os.linesep not in mistake.stderr.strip()
