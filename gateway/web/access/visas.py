"""Visas of GA4GH Passports: who granted the bearer which dataset, each verified by the keys of its own issuer.

A token may hold them in `ga4gh_passport_v1`, or its issuer tell them.  Those count that are of type
ControlledAccessGrants and signed by an issuer that the operator has named for this; the address of keys that a visa
names itself (`jku`) is not looked at.  What does not count is passed over, not refused: passports hold visas for many.
So are visas with conditions, which lean on other visas: they are not understood here, and so not met.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.errors import Unauthorized
from gateway.web.access.issuers import Issuer
from gateway.web.access.policy import Policy, Visa
from gateway.web.access.tokens import peek, verified

__all__ = ["visas_of"]

_VISA: Final = "ga4gh_visa_v1"
_KIND: Final = "ControlledAccessGrants"
_MOST: Final = 16  # of those that would count


def _granted(claims: Mapping[str, Any]) -> tuple[str, str] | None:
    """Dataset and source of a grant without conditions."""
    visa = claims.get(_VISA)
    if not isinstance(visa, dict) or visa.get("type") != _KIND or visa.get("conditions") not in (None, []):
        return None
    value, source, asserted = visa.get("value"), visa.get("source"), visa.get("asserted")
    if not isinstance(value, str) or not isinstance(source, str):
        return None
    if isinstance(asserted, bool) or not isinstance(asserted, int | float):
        return None
    return value, source


async def visas_of(listed: Any, issuers: Sequence[Issuer], policy: Policy) -> tuple[Visa, ...]:
    """The visas of a passport that are good, and worth something.  Raises KeysMissing."""
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    # Cheap questions first: a signature costs a hundred times as much.
    worth = [text for text in texts if (said := _granted(peek(text)[1])) and policy.wants([said])]
    found = []
    for text in worth[:_MOST]:
        await asyncio.sleep(0)  # others may have their turn
        try:
            issuer, own = await verified(text, issuers)
        except Unauthorized:
            continue
        granted = _granted(own)
        if granted and own[_VISA]["asserted"] <= time.time() + issuer.leeway:
            found.append(Visa(*granted, issuer.name))
    return tuple(found)
