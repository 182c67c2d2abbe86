"""Shell globs over whole keys, turned into one pattern of RE2, the engine behind pyarrow's regular expressions.

| glob        | matches                                                                  |
|-------------|--------------------------------------------------------------------------|
| `*`         | any characters, none as well, `/` and newlines included                  |
| `?`         | one character, whichever                                                 |
| `[abc]`     | one of these; `[a-z]` a range, a reversed range is empty, `]` may be first |
| `[!abc]`    | one character that is none of these                                      |
| else        | itself; `[` without its `]`, too, and `\\`: nothing is an escape          |

These are the rules of Python's `fnmatch.fnmatchcase`, which the tests hold against it.
"""

from collections.abc import Iterable
from functools import lru_cache

ANYTHING = r"[\x{0}-\x{10FFFF}]"
NOTHING = r"[^\x{0}-\x{10FFFF}]"


@lru_cache(maxsize=64)
def to_re2(globs: tuple[str, ...]) -> str:
    """One pattern that matches the whole of each key that any of `globs` matches.

    All of it is ASCII: every other character is written as `\\x{...}`, which RE2 knows and Python's `re` does not.
    """
    return rf"(?s)\A(?:{'|'.join(_one(glob) for glob in globs)})\z"


def _one(glob: str) -> str:
    pieces: list[str] = []
    at = 0
    while at < len(glob):
        character, at = glob[at], at + 1
        if character == "*":
            if pieces[-1:] != [".*"]:
                pieces.append(".*")
        elif character == "?":
            pieces.append(".")
        elif character == "[" and (end := _set_end(glob, at)) >= 0:
            pieces.append(_set(glob[at:end]))
            at = end + 1
        else:
            pieces.append(_literal(character))
    return f"(?:{''.join(pieces)})"


def _set_end(glob: str, start: int) -> int:
    """Where the `]` stands that closes the set opened before `start`; -1 where none does."""
    first = start + glob.startswith("!", start)
    return glob.find("]", first + glob.startswith("]", first))


def _set(body: str) -> str:
    negated = body.startswith("!")
    members = "".join(_members(body[1:] if negated else body))
    if not members:
        return ANYTHING if negated else NOTHING
    return f"[{'^' if negated else ''}{members}]"


def _members(body: str) -> Iterable[str]:
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            low, high = body[at], body[at + 2]
            if low <= high:
                yield f"{_literal(low)}-{_literal(high)}"
            at += 3
        else:
            yield _literal(body[at])
            at += 1


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else rf"\x{{{ord(character):X}}}"
