"""How large a download will be: an estimate by what was delivered before, and else by what is typical of its format.

The bytes of a format are taken for a sum: some for the file, some for each row, some for each sample, and in a table
with a column a sample some for each row of each sample.  What these are is typical at first.  Each delivery of a whole
file corrects them, by a fit that heeds relative errors and what is typical, and that forgets.  Memory is bounded: a few
numbers for each dataset, format and packing.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.download_types import Entity
from gateway.flow.typical_sizes import FIXED, TYPICAL

__all__ = ["Basis", "Kind", "Size", "Sizes"]

Basis = Literal["complete", "delivered", "typical"]
"""What a size follows from: the file itself, earlier deliveries of the dataset in the format, or constants."""

_KINDS: Final = 2_000  # of which is known
_FORGOTTEN: Final = 0.9  # the weight of what was known, with each delivery
_TYPICAL: Final = 0.02  # the weight of what is typical, in deliveries
_SWEEPS: Final = 60
_WAITING: Final = 1_000
_ANY: Final[Mapping[str, float]] = {"row": 100.0, "sample": 100.0}  # of what nothing is known, to be corrected


@dataclass(frozen=True, slots=True)
class Kind:
    """What sizes are alike: of a dataset, in a format, of an entity, packed or not."""

    dataset: str
    form: str
    entity: Entity
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, and what they follow from."""

    bytes: int
    basis: Basis


@dataclass(slots=True)
class _Fit:
    """Least squares of relative errors: factors of the typical constants that would have given what was delivered."""

    sums: list[list[float]]
    right: list[float]
    factors: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, number: int) -> "_Fit":
        zero = [[0.0] * number for _ in range(number)]
        return cls(zero, [0.0] * number, [1.0] * number)

    def learn(self, shares: Sequence[float]) -> None:
        """Heed a delivery: its typical size in parts, each as a share of what it really was."""
        for i, one in enumerate(shares):
            self.right[i] = _FORGOTTEN * self.right[i] + one
            for j, other in enumerate(shares):
                self.sums[i][j] = _FORGOTTEN * self.sums[i][j] + one * other
        # No factor is below 0: one is mended after the other.
        for _ in range(_SWEEPS):
            for i in range(len(shares)):
                others = sum(self.sums[i][j] * self.factors[j] for j in range(len(shares)) if j != i)
                self.factors[i] = max(0.0, (self.right[i] + _TYPICAL - others) / (self.sums[i][i] + _TYPICAL))


class Sizes:
    """What deliveries have taught; for one event loop."""

    def __init__(self) -> None:
        self._fits: OrderedDict[Kind, _Fit] = OrderedDict()
        self._waiting: list[tuple[Kind, int, int | None, int]] = []

    def learn(self, kind: Kind, rows: int, samples: int | None, size: int) -> None:
        """Heed a delivery of `size` bytes; where it is not known of how many samples it is, it waits.

        Rows are variants; of what is not made of them there are only samples.
        """
        if size <= 0 or rows < 0:
            return
        if samples is None and kind.entity == "variants":
            self._waiting.append((kind, rows, samples, size))
            del self._waiting[:-_WAITING]
            return
        parts = _parts(kind, rows, samples or 0)
        fit = self._fits.get(kind) or _Fit.of(len(parts))
        fit.learn([part / size for part in parts])
        self._fits[kind] = fit
        self._fits.move_to_end(kind)
        if len(self._fits) > _KINDS:
            self._fits.popitem(last=False)

    def settle(self, samples_of: Callable[[str, int], int | None]) -> None:
        """Heed what waits, where it is known now how many samples of a dataset have so many rows."""
        waiting, self._waiting = self._waiting, []
        for kind, rows, _, size in waiting:
            samples = samples_of(kind.dataset, rows)
            if samples is None:
                self._waiting.append((kind, rows, None, size))
            else:
                self.learn(kind, rows, samples, size)

    def estimate(self, kind: Kind, rows: int, samples: int) -> Size | None:
        """How large a file of so many rows and samples will be; None of a format of which nothing is known."""
        parts, fit = _parts(kind, rows, samples), self._fits.get(kind)
        if fit is None:
            return Size(round(sum(parts)), "typical") if _is_known(kind) else None
        return Size(round(sum(p * f for p, f in zip(parts, fit.factors, strict=True))), "delivered")


def _is_known(kind: Kind) -> bool:
    return (kind.form, kind.entity, kind.packed) in TYPICAL


def _parts(kind: Kind, rows: int, samples: int) -> list[float]:
    """The typical size in parts: of the file, of its rows, of its samples, of the cells of both."""
    constants: Mapping[str, float] = TYPICAL.get((kind.form, kind.entity, kind.packed), _ANY)
    numbers = {"row": rows, "sample": samples, "cell": rows * samples}
    return [float(FIXED), *(constant * numbers[name] for name, constant in constants.items())]
