"""How many examples a property is tried with: few and always the same in the suite, many and any by hand.

By hand: `tests/run.sh --hypothesis-profile=thorough`, or the same option with single files.
"""

from typing import Any, Final

from hypothesis import HealthCheck, settings

SUITE: Final = "suite"
_FEW: Final = 40
_MANY: Final = 1000

# A busy machine is no failure.
_ALWAYS: Final[dict[str, Any]] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile(SUITE, max_examples=_FEW, derandomize=True, **_ALWAYS)
settings.register_profile("thorough", max_examples=_MANY, **_ALWAYS)

__all__ = ["SUITE", "examples", "thorough"]


def examples(most: int, **more: Any) -> settings:
    """Settings of a property that needs more or fewer examples than others: so many in the suite."""
    return settings(max_examples=most * settings().max_examples // _FEW, **more)


def thorough() -> bool:
    """Whether many are wanted, as of properties: for tests that try what hypothesis does not choose."""
    return settings().max_examples >= _MANY
