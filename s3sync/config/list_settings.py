"""Settings of listings: what every command that lists a bucket reads, and what only `s3sync list` does."""

import re

from s3sync.config import values
from s3sync.config.model import ListFormat
from s3sync.config.setting import COPYING, Command, on, one
from s3sync.config.values import integer, member

_LISTS = COPYING | {Command.LIST, Command.CHECK}
_ONLY_LIST = frozenset({Command.LIST})
_OF_A_LISTING = re.compile(
    r"source\.|filters\.|copy\.(transport|max_attempts)$|run\.(work_uri|tmp_dir|progress_interval|lock_timeout|if_locked)$"
    r"|access\.(source|work|inventory)\."
)

LISTING = (
    one("listing.in_flight", integer(1, 1024), "pages in flight in one worker", "--list-in-flight", commands=_LISTS),
    one(
        "listing.hint",
        values.LOCATION,
        "what is known of the source's keys: the folder of a listing or an inventory; may be old",
        "--hint",
        commands=_LISTS,
    ),
    one(
        "listing.output",
        values.LOCATION,
        "where the listing goes: a folder or s3://bucket/prefix",
        "-o",
        "--output",
        commands=_ONLY_LIST,
    ),
    one("listing.format", member(ListFormat), "format of the listing's files", "--format", commands=_ONLY_LIST),
    one(
        "listing.all_versions",
        values.BOOL,
        "list all versions and delete markers",
        on("--all-versions"),
        commands=_ONLY_LIST,
    ),
    one("listing.owners", values.BOOL, "list the objects' owners too", on("--owners"), commands=_ONLY_LIST),
)


def also_listed_by(name: str) -> frozenset[Command]:
    """`list` reads what says which objects of the source are meant, and how to reach it."""
    return _ONLY_LIST if _OF_A_LISTING.match(name) else frozenset()
