"""Texts that come from outside, made fit for a line of a log or a cell of a table."""

MESSAGE_MOST = 300


def one_line(text: str, most: int = MESSAGE_MOST) -> str:
    """Without line breaks and other control characters, cut at `most` characters."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"
