"""The demo: a synthetic cohort, the embedded database as a child process, and the two put together."""

__all__: list[str] = []
