"""What a check found: a line each, how bad it is, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["Finding", "Level", "exit_code", "fail", "ok", "warning"]

Level = Literal["ok", "warning", "fail"]

_CODES: Final[Mapping[Level, int]] = {"ok": 0, "warning": 1, "fail": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about a subject; `commands` are what the operator may type to mend it."""

    level: Level
    subject: str
    text: str
    commands: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"level": self.level, "subject": self.subject, "text": self.text, "commands": list(self.commands)}


def ok(subject: str, text: str, *commands: str) -> Finding:
    """All is well."""
    return Finding("ok", subject, text, commands)


def warning(subject: str, text: str, *commands: str) -> Finding:
    """It works, but not as well, or as safely, as it could."""
    return Finding("warning", subject, text, commands)


def fail(subject: str, text: str, *commands: str) -> Finding:
    """It does not work."""
    return Finding("fail", subject, text, commands)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if all is well, 1 for warnings, 2 where something does not work."""
    return max((_CODES[finding.level] for finding in findings), default=0)
