"""Dates as HTTP has them (RFC 9110, 5.6.7), in seconds since 1970.  Pure."""

import re
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

__all__ = ["read", "written"]

# That of today, and the two older ones; a year of two digits is at most some fifty years ahead (strptime's rule).
_FORMS: Final = (
    (re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII), "%a, %d %b %Y %H:%M:%S GMT"),
    (re.compile(r"[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT", re.ASCII), "%A, %d-%b-%y %H:%M:%S GMT"),
    (re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", re.ASCII), "%a %b %d %H:%M:%S %Y"),
)


def read(text: str) -> int | None:
    """The seconds of a date; None of what is none, which is to be left out."""
    text = text.strip(" \t")
    for form, fields in _FORMS:
        if form.fullmatch(text):
            try:
                return int(datetime.strptime(text, fields).replace(tzinfo=UTC).timestamp())
            except ValueError:  # as of the thirtieth of February
                return None
    return None


def written(seconds: int) -> str:
    """The date of so many seconds."""
    return formatdate(seconds, usegmt=True)
