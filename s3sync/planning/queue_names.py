r"""Queue names by a pattern: a regular expression that finds them, with one place that stands for the number.

| pattern         | finds                            | creates                 |
|-----------------|----------------------------------|-------------------------|
| `s3sync-\d+`    | s3sync-0, s3sync-17              | s3sync-0, s3sync-1, ... |
| `s3sync-[0-9]+` | the same                         | the same                |
| `s3sync-{index}`| the same                         | the same                |
| `s3sync-.*`     | all that begin so                | nothing: no number      |
| `a\d+-\d+`      | all of that form                 | nothing: two numbers    |
"""

import re

_NUMBER = re.compile(r"\\d\+|\[0-9\]\+|\{index\}")
_LITERAL = re.compile(r"[A-Za-z0-9_-]*")
_ESCAPED = re.compile(r"\\([-_])")  # as re.escape may write them


def expression(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression, `{index}` understood; a queue's whole name must match."""
    return re.compile(pattern.replace("{index}", r"\d+"))


def names_for(pattern: str, count: int) -> list[str]:
    """The names of the queues with the numbers 0 to count-1.

    Raises ValueError, half a sentence for a person, where the pattern can't create names.
    """
    pieces = [_ESCAPED.sub(r"\1", piece) for piece in _NUMBER.split(pattern)]
    if len(pieces) != 2:  # noqa: PLR2004
        raise ValueError(r"must hold exactly one \d+, [0-9]+ or {index} to create queues, such as s3sync-\d+")
    before, after = pieces
    if not all(_LITERAL.fullmatch(piece) for piece in pieces):
        raise ValueError(r"may hold only letters, digits, - and _ beside the number, such as s3sync-\d+")
    return [f"{before}{number}{after}" for number in range(count)]


def literal_beginning(pattern: str) -> str:
    """What the name of every match begins with, as far as that is plain to see."""
    if "|" in pattern:
        return ""
    found = re.match(r"(?:[A-Za-z0-9_-]|\\[-_])*", pattern)
    text = found[0] if found else ""
    following = pattern[len(text) :]
    if following[:1] in ("?", "*", "{") and not following.startswith("{index}"):
        text = text[:-1].removesuffix("\\")  # the last character may be missing
    return _ESCAPED.sub(r"\1", text)


def number_in(pattern: str, name: str) -> int | None:
    """The number of a queue: what stands in the pattern's place for it; None where that can't be told."""
    grouped = _NUMBER.sub(r"(\\d+)", pattern)
    found = re.fullmatch(grouped, name)
    return int(found[1]) if found and found.re.groups == 1 else None
