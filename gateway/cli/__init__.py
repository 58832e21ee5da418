"""The command line `pgx-gateway`, a module a command."""

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.  Ctrl-C may come while modules are still being imported."""
    try:
        from gateway.cli import command_line  # noqa: PLC0415

        return command_line.main(arguments)
    except KeyboardInterrupt:
        return 130
