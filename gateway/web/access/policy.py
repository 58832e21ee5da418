"""What a caller may see of each dataset, by what its token proves.  Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.rights import GRANULARITIES, Granularity, View

__all__ = ["Claim", "Condition", "DatasetPolicy", "Grant", "Named", "Policy", "Proof", "Visa", "Visited"]


@dataclass(frozen=True, slots=True)
class Visa:
    """A verified visa of type ControlledAccessGrants: the dataset, who granted it, and the name of who signed it."""

    value: str
    source: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a request has proved: the name of a static token; or a token's issuer, its claims, and the visas in it."""

    token: str = ""
    issuer: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    visas: tuple[Visa, ...] = ()

    @property
    def name(self) -> str:
        """Who it is, as the operator's log says it: the token's name, or the issuer's and what it calls the bearer."""
        return self.token or f"{self.issuer}/{self.claims.get('sub', '')}"


class Condition(Protocol):
    """What a proof must have."""

    def holds(self, proof: Proof) -> bool:
        """Whether it has."""


@dataclass(frozen=True, slots=True)
class Named:
    """One of these static tokens."""

    tokens: frozenset[str]

    def holds(self, proof: Proof) -> bool:
        """Whether the request has one."""
        return proof.token in self.tokens


@dataclass(frozen=True, slots=True)
class Claim:
    """A token of an issuer with one of these values in a claim, which is a path; an empty path: any of its tokens."""

    issuer: str
    path: tuple[str, ...]
    values: frozenset[str]

    def holds(self, proof: Proof) -> bool:
        """Whether the claim is the value, or a list that holds it; `scope` is a list of words (RFC 8693, 4.2)."""
        if proof.issuer != self.issuer:
            return False
        found: Any = proof.claims
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        if not self.path:
            return True
        if self.path[-1] == "scope" and isinstance(found, str):
            found = found.split(" ")
        several = found if isinstance(found, list) else [found]
        return any(isinstance(value, str) and value in self.values for value in several)


@dataclass(frozen=True, slots=True)
class Visited:
    """A visa of a dataset, by who granted it and, if any are named, one of these issuers."""

    value: str
    source: str
    issuers: frozenset[str]

    def holds(self, proof: Proof) -> bool:
        """Whether there is such a visa."""
        wanted = (self.value, self.source)
        return any((v.value, v.source) == wanted and v.issuer in self.issuers for v in proof.visas)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a condition is worth."""

    granularity: Granularity
    condition: Condition


@dataclass(frozen=True, slots=True)
class DatasetPolicy:
    """What everybody sees of a dataset (None: not even that it is there), and what some see."""

    public: Granularity | None = None
    grants: tuple[Grant, ...] = ()

    def level(self, proof: Proof | None) -> Granularity | None:
        """What a caller sees of it: the best of what it is granted."""
        granted = [grant.granularity for grant in self.grants if proof is not None and grant.condition.holds(proof)]
        granted += [self.public] if self.public else []
        return max(granted, key=GRANULARITIES.index, default=None)


class Policy:
    """The policies of the datasets that are served, in their order."""

    def __init__(self, datasets: Mapping[str, DatasetPolicy]) -> None:
        self._datasets = datasets
        self._guarded = frozenset(name for name, policy in datasets.items() if policy.public != "record")
        # Where nobody has to say who it is there is one dataset that is meant by all who name none.
        self._default = self._visible(None)
        self.anonymous = self.view(None)

    def _visible(self, proof: Proof | None) -> dict[str, Granularity]:
        levels = ((name, policy.level(proof)) for name, policy in self._datasets.items())
        return {name: level for name, level in levels if level is not None}

    def view(self, proof: Proof | None) -> View:
        """What a caller sees; one without a token has no proof."""
        granted = self._visible(proof)
        return View(
            granted=granted,
            default=tuple(self._default or granted)[:1],
            guarded=self._guarded & granted.keys(),
            differs=bool(self._guarded),
        )

    def wants(self, visas: Sequence[tuple[str, str]]) -> bool:
        """Whether any of these values and sources would be worth something."""
        conditions = [grant.condition for policy in self._datasets.values() for grant in policy.grants]
        return any(
            (condition.value, condition.source) in visas for condition in conditions if isinstance(condition, Visited)
        )
