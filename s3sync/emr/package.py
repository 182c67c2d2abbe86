"""Building what is shipped: the package, the tree of its dependencies, and the entry script, each as an `Artifact`.

The tree is built once for each lock and platform, and kept in `~/.cache/s3sync` (`$XDG_CACHE_HOME`).

Archives whose bytes depend on nothing but what they hold, and files named by the hash of their content.
"""

import gzip
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from s3sync import __version__
from s3sync.config.load import PACKAGE, conf_file
from s3sync.emr.spark_conf import Platform
from s3sync.emr.wheels import is_shipped, missing, pins, pip_arguments, refuse_foreign_libraries
from s3sync.errors import ConfigError, UserError

HASH_LENGTH = 16
FAST = 1  # a quarter of the time of the default, for a tenth more bytes
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file to upload. `name` is its key below the artifacts' prefix and has the hash of its content in it, so what
    is there under that name need not be uploaded again."""

    name: str
    path: Path
    size_bytes: int
    sha256: str

    def uri(self, artifacts_uri: str) -> str:
        return f"{artifacts_uri.rstrip('/')}/{self.name}"


def artifact(path: Path, folder: str, stem: str, suffix: str) -> Artifact:
    """`path` as `{folder}/{stem}-{hash}{suffix}`."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    name = f"{folder}/{stem}-{digest.hexdigest()[:HASH_LENGTH]}{suffix}"
    return Artifact(name, path, path.stat().st_size, digest.hexdigest())


def write_tar_gz(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Write the files under their names, sorted, without times, owners and the laptop's own permissions."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    with (
        aside.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=FAST, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)
    aside.replace(target)


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name relative to the folder, path) of every file; links are followed, caches of Python left out."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(place) / name
            yield path.relative_to(folder).as_posix(), path


FORMAT = 3  # grows when the tree is made in another way, so that no old one is taken from the cache


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    home = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".cache")
    return Path(home) / "s3sync"


def locked_requirements() -> Path:
    """All that the package needs, as exact versions with the hashes of their files. It is part of the package, so a
    cluster runs what was tested, from a checkout or not."""
    return conf_file("requirements.txt")


def app_archive(folder: Path) -> Artifact:
    """The package with its configuration files inside, as in an installation."""
    members = [(f"s3sync/{name}", path) for name, path in files_below(PACKAGE) if not name.startswith("conf/")]
    members += [(f"s3sync/conf/{name}", path) for name, path in files_below(conf_file("config.yml").parent)]
    path = _folder(folder) / "app.tar.gz"
    write_tar_gz(path, members)
    return artifact(path, "packages", f"s3sync-{__version__}", ".tar.gz")


def entry_script() -> Artifact:
    """What spark-submit starts; its first argument is the command."""
    return artifact(PACKAGE / "__main__.py", "packages", "s3sync", ".py")


def dependency_archive(platform: Platform, folder: Path, say: Callable[[str], None]) -> Artifact:
    """The dependencies for the platform. Raises UserError where pip can't get them: there is no other source."""
    locked = locked_requirements()
    key = sha256(repr((FORMAT, platform, locked.read_text(encoding="utf-8"))).encode()).hexdigest()[:16]
    stem = f"deps-py{platform.version}-{platform.processor}"
    path = _folder(folder) / f"{stem}-{key}.tar.gz"
    if not path.is_file():
        say(f"Fetching the dependencies for Python {platform.version} on {platform.processor}; about a minute")
        with tempfile.TemporaryDirectory(dir=folder, prefix="tree-") as place:
            tree = Path(place)
            dependency_tree(platform, tree, locked)
            write_tar_gz(path, ((name, file) for name, file in files_below(tree) if is_shipped(name)))
    return artifact(path, "packages", stem, ".tar.gz")


def dependency_tree(platform: Platform, tree: Path, locked: Path) -> None:
    """Let pip fill the folder `tree`, and check what it brought."""
    command = [sys.executable, "-m", "pip", *pip_arguments(platform, tree, locked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip() and "notice" not in line][-1:]
        raise UserError(
            f"pip can't get the dependencies for Python {platform.version} on {platform.processor}: "
            f"{(last or ['it says nothing'])[0][:300]}"
        )
    refuse_foreign_libraries(tree, platform.processor)
    if lacking := missing(tree, platform, pins(locked.read_text(encoding="utf-8"))):
        raise ConfigError(
            "--python", f"the wheels for {platform.version} lack {', '.join(lacking)}; submit with that Python instead"
        )


def _folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
