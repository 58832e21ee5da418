"""Log lines: a sentence or a word that is always the same, and fields that say of what, as text or as JSON.

    log.info("removed to make room", extra=fields(digest=digest, bytes=size))

What is logged while a request is answered has its id by itself.  Of whatever comes from outside nothing can forge or
break a line: a record is one line (of text, the lines of a traceback behind it are indented), no control characters,
bounded in length, and passwords of database URIs, bearer tokens and ids of handovers are struck out wherever they
stand.
"""

import json
import logging
import math
import re
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final, Literal

from gateway.errors import plain

__all__ = ["fields", "request_id", "safe_id", "set_up", "shape", "struck", "trace_id"]

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered, or that a pass was begun for."""
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Of its trace, where there are traces."""

_MESSAGE: Final = 2_000
_VALUE: Final = 1_000
_TRACEBACK: Final = 16_000
# What a shell, a person and a parser of `key=value` all take for one word.
_WORD: Final = re.compile(r"[\w./:@%+,-]+\Z", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SECRET: Final = re.compile(
    r"(?i)(mongodb(?:\+srv)?://)\S*@|(bearer\s+)[^\s\"',;]+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    # What somebody asked a Beacon, by the parameter, in names of files, and in the question of an address.
    r"|(accessid=)[^&\s\"']+|(handover-)[A-Za-z0-9.-]+|(/exports/[0-9a-f]{40}-)[\w-]+"
)


def fields(**values: object) -> dict[str, Any]:
    """What a log line says beside its message, for `extra=`.  Numbers stay numbers in JSON; None is left out."""
    return {"fields": values}


def safe_id(text: str) -> bool:
    """Whether this may be the id of a request: up to 64 letters, digits, dots, dashes and underlines."""
    return _ID.match(text) is not None


def set_up(level: str, form: Literal["text", "json"]) -> None:
    """Log to standard error, all loggers in one form, warnings of Python among them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(capture=True)


def shape(form: Literal["text", "json"]) -> None:
    """Log in this form from here on, where logging was set up here."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Form):
            handler.setFormatter(_Json() if form == "json" else _Text())


def struck(text: str) -> str:
    """The same without secrets."""
    return _SECRET.sub(lambda found: f"{next(filter(None, found.groups()), '')}***", text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _quoted(value: object) -> str:
    return json.dumps(value).replace("\x7f", "\\u007f")  # the one control character that JSON leaves as it is


def _said(record: logging.LogRecord) -> Iterator[tuple[str, str | int | float | bool]]:
    """The fields of a record, fit to be written."""
    own = {"request_id": request_id.get(), "trace_id": trace_id.get()}
    for name, value in {**{key: known for key, known in own.items() if known}, **getattr(record, "fields", {})}.items():
        if isinstance(value, bool | int):
            yield name, value
        elif isinstance(value, float) and math.isfinite(value):  # others JSON does not have
            yield name, round(value, 6)
        elif value is not None:
            yield name, _cut(struck(str(value)), _VALUE)


def _message(record: logging.LogRecord) -> str:
    # Cut before it is made plain: others' messages may have any length.
    return _cut(plain(struck(record.getMessage()[: 2 * _MESSAGE])), _MESSAGE)


class _Form(logging.Formatter):
    """What text and JSON have in common."""

    def _time(self, record: logging.LogRecord) -> str:
        """UTC, in the form of ISO 8601, to the millisecond."""
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"

    def _traceback(self, record: logging.LogRecord) -> list[str]:
        """The lines of a traceback, the last of them if there are many."""
        told = self.formatException(record.exc_info) if record.exc_info else ""
        lines = struck(told[-_TRACEBACK:]).splitlines()
        return ["".join(letter if letter.isprintable() else " " for letter in line) for line in lines]


class _Text(_Form):
    """A line to be read: time, level, logger, message, and fields as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        shown = (
            f"{name}={value if not isinstance(value, str) or _WORD.match(value) else _quoted(value)}"
            for name, value in _said(record)
        )
        line = " ".join((self._time(record), record.levelname, record.name, _message(record), *shown))
        return "\n    ".join([line, *self._traceback(record)])


class _Json(_Form):
    """An object a line: time, level, logger, process, message, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        told: dict[str, object] = {
            "time": self._time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": _message(record),
        }
        told |= {name: value for name, value in _said(record) if name not in told}
        if lines := self._traceback(record):
            told["traceback"] = "\n".join(lines)
        return _quoted(told)
