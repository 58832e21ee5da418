"""Refusals: errors of a command, with the number and the name that a real server gives."""

from typing import Any, Final

__all__ = ["Refused", "expired", "options"]

CODES: Final = {
    1: "InternalError",
    2: "BadValue",
    9: "FailedToParse",
    13: "Unauthorized",
    14: "TypeMismatch",
    17: "ProtocolError",
    20: "IllegalOperation",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    40: "ConflictingUpdateOperators",
    43: "CursorNotFound",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    59: "CommandNotFound",
    64: "WriteConcernFailed",
    66: "ImmutableField",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    86: "IndexKeySpecsConflict",
    91: "ShutdownInProgress",
    100: "UnsatisfiableWriteConcern",
    123: "NotAReplicaSet",
    134: "ReadConcernMajorityNotAvailableYet",
    189: "PrimarySteppedDown",
    211: "KeyNotFound",
    225: "TransactionTooOld",
    239: "SnapshotTooOld",
    246: "SnapshotUnavailable",
    251: "NoSuchTransaction",
    260: "InvalidResumeToken",
    263: "OperationNotSupportedInTransaction",
    286: "ChangeStreamHistoryLost",
    352: "UnsupportedOpQueryCommand",
    10107: "NotWritablePrimary",
    11000: "DuplicateKey",
    11600: "InterruptedAtShutdown",
    11602: "InterruptedDueToReplStateChange",
    13435: "NotPrimaryNoSecondaryOk",
    40414: "IDLFailedToParse",
    40415: "IDLUnknownField",
    40573: "Location40573",
}
_OLD_NAMES: Final = {10107: "NotMaster", 13435: "NotMasterNoSlaveOk", 40414: "Location40414", 40415: "Location40415"}


class Refused(Exception):
    """A command that fails; `fields` go into the reply as they are."""

    def __init__(self, code: int, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields

    def reply(self, major: int) -> dict[str, Any]:
        """The reply of a server of that major version."""
        name = CODES.get(self.code, f"Location{self.code}")
        if major < 5:
            name = _OLD_NAMES.get(self.code, name)
        return {"ok": 0.0, "errmsg": self.message, "code": self.code, "codeName": name, **self.fields}


def options(message: str) -> Refused:
    """InvalidOptions."""
    return Refused(72, message)


def expired() -> Refused:
    """The time that the client gave is over."""
    return Refused(50, "operation exceeded time limit")
