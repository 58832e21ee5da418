"""The command line `pgx-gateway`, a module a command."""

from gateway.cli.command_line import main

__all__ = ["main"]
