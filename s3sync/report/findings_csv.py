"""Findings as CSV that a spreadsheet opens: UTF-8 with its mark, every text quoted, no cell that is a formula.

A key may begin with `=`, and a spreadsheet would carry it out (OWASP: "CSV Injection"). Such a cell gets an apostrophe
in front, which spreadsheets take as "this is text". A spreadsheet that takes `;` for the separator, as those of many
countries do, begins a cell behind one: there too. Control characters become U+FFFD. The Parquet files beside the
CSV hold every key as it is.
"""

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"  # the last four are the wide forms of the first ones

_STARTS = "[" + "".join(rf"\x{{{ord(character):x}}}" for character in FORMULA_STARTS) + "]"
_FORMULA = rf"(\A|;)([\s\pZ\"]*)({_STARTS})"  # spreadsheets pass over spaces
_CONTROL = r"[\x00-\x1f\x7f]"  # tabs and line ends too, which some spreadsheets take for the end of a cell


def findings_csv(findings: pa.Table) -> bytes:
    """A table of the schema FINDINGS, with a line of column names first."""
    columns = [_cells(findings[name]) for name in findings.column_names]
    sink = pa.BufferOutputStream()
    csv.write_csv(
        pa.table(columns, names=findings.column_names),
        sink,
        csv.WriteOptions(quoting_style="all_valid"),
    )
    return BYTE_ORDER_MARK + bytes(sink.getvalue())


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(
            column.cast(pa.timestamp("s", tz="UTC"), safe=False), format="%Y-%m-%dT%H:%M:%SZ", locale="C"
        )
    if not pa.types.is_string(column.type):
        return column
    shown = pc.replace_substring_regex(column, _CONTROL, "\ufffd")
    return pc.replace_substring_regex(shown, _FORMULA, r"\1'\2\3")
