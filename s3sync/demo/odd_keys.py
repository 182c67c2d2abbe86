"""Keys that a tool for S3 must carry byte for byte (C10), each with the name by which tests and tables call it.

S3 takes any UTF-8 of 1 to 1,024 bytes ("Object key naming"); what is hard about these is not S3 but the URLs,
headers, XML, CSV and terminals that a key passes through on its way.
"""

from dataclasses import dataclass

from s3sync.model.limits import KEY_MAX_BYTES

_SMILE = "\N{GRINNING FACE}"


@dataclass(frozen=True, slots=True)
class OddKey:
    name: str
    key: str


def _longest(unit: str, start: str = "") -> str:
    """A key of exactly 1,024 bytes: `start`, then `unit` again and again, filled up with `x`."""
    rest = KEY_MAX_BYTES - len(start.encode())
    count, left = divmod(rest, len(unit.encode()))
    return start + "x" * left + unit * count


_IN_URLS = {
    "space": "odd/a b",
    "spaces_around": "odd/ a ",
    "space_only": " ",
    "plus": "odd/a+b",
    "plus_and_space": "odd/1 + 1",
    "percent": "odd/100%",
    "percent_slash": "odd/a%2Fb",
    "percent_percent": "odd/a%25b",
    "percent_space": "odd/a%20b",
    "percent_twice": "odd/a%2520b",
    "percent_lower": "odd/a%2fb",
    "percent_plus": "odd/a%2Bb",
    "percent_not_hex": "odd/a%zz%4",
    "percent_newline": "odd/a%0Ab",
    "question_mark": "odd/a?b=c&d=e",
    "question_version": "odd/a?versionId=null",
    "hash": "odd/a#b",
    "ampersand": "odd/a&b&amp;c",
    "equals": "odd/a=b=c",
    "semicolon": "odd/a;b;c",
    "dots_semicolon": "odd/..;/a",
    "colon": "odd/s3://a:b/c",
    "comma": "odd/a,b,,c",
    "at_dollar": "odd/@a$b!c",
    "tilde": "odd/~a/~",
    "partition": "odd/year=2025/day=01/part=__HIVE_DEFAULT_PARTITION__",
}

_IN_PATHS = {
    "double_slash": "odd//a//b",
    "triple_slash": "odd///a",
    "leading_slash": "/odd/a",
    "leading_slashes": "//odd/a",
    "trailing_slash": "odd/folder/",
    "trailing_slashes": "odd/folder//",
    "slash_only": "/",
    "slashes_only": "///",
    "dot_segment": "odd/./a",
    "dot_segment_first": "./odd/a",
    "dot_segment_last": "odd/a/.",
    "dots_segment": "odd/b/../a",
    "dots_segment_first": "../odd/a",
    "dots_segment_last": "odd/a/..",
    "dot_only": ".",
    "dots_only": "..",
    "three_dots": "...",
    "dots_climbing": "odd/../../../../etc/passwd",
    "backslash": "odd\\a\\b",
    "backslash_n": "odd/a\\nb",
    "file_and_folder": "odd/folder",
    "long_segment": "odd/" + "s" * 900,
    "many_segments": "odd/" + "a/" * 400 + "b",
}

_IN_TEXT = {
    "quote": "odd/it's",
    "double_quote": 'odd/"a" and "b"',
    "double_quote_only": '"',
    "backtick": "odd/`a`",
    "xml_specials": "odd/<a href='x'>&\"</a>",
    "xml_entity": "odd/&lt;&#10;&quot;",
    "xml_cdata": "odd/<![CDATA[a]]>",
    "asterisk": "odd/*",
    "braces": "odd/{a}{0}{}",
    "brackets": "odd/[a-z]",
    "parentheses": "odd/(a) (1)",
    "pipe": "odd/a|b",
    "caret": "odd/^a",
    "formula": "=1+1",
    "formula_command": "=cmd|'/c calc'!A0",
    "formula_at": "@SUM(1)",
    "formula_minus": "-1+1",
    "shell": "odd/$(a) ${b} `c`; d && e > f",
    "option": "--recursive",
    "json": 'odd/{"a": "b\\u0000"}',
    "csv_record": 'odd/a","b","c',
    "null_word": "null",
    "number": "0012",
    "case_upper": "odd/Case",
    "case_lower": "odd/case",
}

_CONTROL = {
    "nul": "odd/a\x00b",
    "control_first": "odd/a\x01b",
    "control_last": "odd/a\x1fb",
    "escape": "odd/a\x1b[31mb",
    "tab": "odd/a\tb",
    "newline": "odd/a\nb",
    "newline_last": "odd/a\n",
    "carriage_return": "odd/a\rb",
    "crlf": "odd/a\r\nb",
    "backspace": "odd/a\x08b",
    "delete": "odd/a\x7fb",
    "c1_control": "odd/a\x85b",
    "line_separator": "odd/a\u2028b",
}

_BEYOND_ASCII = {
    "latin": "odd/Übergröße",
    "latin_1_high": "odd/\u00ff\u00d7\u00f7",
    "chinese": "odd/数据/文件",
    "composed": "odd/caf\u00e9",
    "decomposed": "odd/cafe\u0301",
    "combining_pile": "odd/a\u0300\u0301\u0302\u0323",
    "right_to_left": "odd/\u05d0\u05d1\u05d2/\u0645\u0644\u0641",
    "direction_override": "odd/a\u202egpj.exe",
    "zero_width_space": "odd/a\u200bb",
    "no_break_space": "odd/a\u00a0b",
    "ideographic_space": "odd/a\u3000b",
    "soft_hyphen": "odd/a\u00adb",
    "byte_order_mark": "\ufeffodd/a",
    "byte_order_mark_swapped": "odd/a\ufffeb",
    "replacement": "odd/a\ufffdb",
    "last_of_plane_0": "odd/\uffff",
    "before_surrogates": "odd/\ud7ff",
    "after_surrogates": "odd/\ue000",
    "first_of_plane_1": "odd/\U00010000",
    "last_of_all": "odd/\U0010ffff",
    "emoji": f"odd/{_SMILE}",
    "emoji_joined": "odd/\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "emoji_flag": "odd/\U0001f1e8\U0001f1f3",
    "turkish_i": "odd/\u0130\u0131",
    "ligature": "odd/\ufb01",
}

_LONGEST = {
    "longest_ascii": _longest("k", "odd/"),
    "longest_four_byte": _longest(_SMILE, "odd/"),
    "longest_escaped": _longest("%", "odd/"),
    "longest_spaces": _longest(" ", "odd/spaces"),
}

ODD_KEYS: tuple[OddKey, ...] = tuple(
    OddKey(name, key)
    for group in (_IN_URLS, _IN_PATHS, _IN_TEXT, _CONTROL, _BEYOND_ASCII, _LONGEST)
    for name, key in group.items()
)
