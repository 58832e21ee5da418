"""The client of a deployment, by the driver that the settings name."""

from collections.abc import Callable, Mapping
from typing import Final

from pymongo import errors

from gateway.config import ConfigError
from gateway.db.driver import Connection, Driver
from gateway.db.motor_driver import MotorDriver
from gateway.db.pymongo_driver import PymongoDriver

__all__ = ["client"]

_DRIVERS: Final[Mapping[str, Callable[[Connection], Driver]]] = {"motor": MotorDriver, "pymongo": PymongoDriver}


def client(connection: Connection) -> Driver:
    """A client, made inside the running event loop; nothing is sent yet.  Raises ConfigError."""
    try:
        return _DRIVERS[connection.driver](connection)
    except (errors.InvalidURI, errors.ConfigurationError, ValueError) as error:
        raise ConfigError(f"the MongoDB URI cannot be used: {error}") from error
