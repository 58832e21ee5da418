"""Percent codes for the few characters that a line of pgxseg cannot hold, for the exporter and the importer.

A control character (below 0x20, and 0x7F) and `#` become `%XX` in a cell; in the value of a header line so does `;`,
and a `"` that comes first (readers strip quotes around a value); in tables of records every `"`.  A percent sign is
written as `%25` only where it would otherwise be read as a code, that is before two hexadecimal digits.  So
`unescape(escape_…(text)) == text` for any text, and text without such characters is left exactly as it is.
"""

import re
from typing import Final

__all__ = ["escape_cell", "escape_quotes", "escape_value", "never_escaped", "unescape"]

_PERCENT = r"%(?=[0-9A-Fa-f]{2})"
_CELL: Final = re.compile(rf"[\x00-\x1f\x7f#]|{_PERCENT}")
_VALUE: Final = re.compile(rf'[\x00-\x1f\x7f#;]|\A"|{_PERCENT}')
# Exactly what the two above write: %00-%1F, %22, %23, %25, %3B, %7F, in upper case.
_CODE: Final = re.compile(r"%([01][0-9A-F]|2[235]|3B|7F)")


# What may need a code: far quicker to look for than what does.
_SUSPECT: Final = re.compile(r'[\x00-\x1f\x7f#;%"]')


def _code(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def escape_cell(text: str) -> str:
    """The text as a cell of a row."""
    return _CELL.sub(_code, text) if _SUSPECT.search(text) else text


def escape_quotes(text: str) -> str:
    """The text as a cell of a row for readers that take a `"` for the beginning of a quotation, as most do untold."""
    return escape_cell(text).replace('"', "%22")


def escape_value(text: str) -> str:
    """The text as a value of a header line (`#sample=>key=value;…`)."""
    return _VALUE.sub(_code, text) if _SUSPECT.search(text) else text


# What is a code, or may need one, in any value of a joined line; its separators have to be counted.
_SUSPECT_IN_LINE: Final = re.compile(r'[\x00-\x1f\x7f#%"]')


def never_escaped(line: str) -> bool:
    """Whether no value of a header line that was joined by `;` needs a code, but for a `;` of its own."""
    return not _SUSPECT_IN_LINE.search(line)


def unescape(text: str) -> str:
    """The text that was escaped; any other `%` stands for itself."""
    if "%" not in text:
        return text
    return _CODE.sub(lambda match: chr(int(match[1], 16)), text)
