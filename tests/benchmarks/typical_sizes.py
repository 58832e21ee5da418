"""Bytes a row and a sample of each format on the demo's cohort: the table of `gateway/flow/typical_sizes.py`.

    python -m tests.benchmarks.typical_sizes MONGO_URI

MONGO_URI is that of a running demo's database.  Several selections are exported in each format; constants that are not
negative are fitted to their sizes, by relative errors.  Printed as Python after each selection, with the largest error
of each fit.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from gateway.bins.maps import bin_map
from gateway.config import load
from gateway.flow.compression import compressed
from gateway.flow.resources import Resources, opened
from gateway.flow.typical_sizes import FIXED
from gateway.planning.offers import Offer, offers
from gateway.planning.plan import make_plan
from gateway.rights import View
from gateway.rows import Tally, delivered
from gateway.web.messages.request import DownloadRequest

SELECTIONS = tuple({"filters": code} for code in ("NCIT:C2924", "NCIT:C3270", "NCIT:C3058"))
Measured = tuple[int, int, int]  # rows, samples, bytes


async def measured(resources: Resources, offer: Offer) -> dict[bool, Measured]:
    """The size of an offer, plain and packed."""
    view, config = View.whole(("progenetix",)), CONFIG
    asked = DownloadRequest(offer.path, offer.asked(), None, "", "")
    plan = await make_plan(asked.ask(), "", "", config=config, catalog=resources.catalog, view=view)
    tallies: list[Tally] = []
    async with aclosing(resources.pump.chunks(plan, tallies)) as chunks:
        plain = [chunk async for chunk in chunks]

    async def again() -> AsyncGenerator[bytes, None]:
        for chunk in plain:
            yield chunk

    async with aclosing(compressed(again(), offer.form.packing, resources.executor)) as chunks:
        packed = [chunk async for chunk in chunks]
    rows, samples = 0, delivered(tallies)
    if offer.entity in {"variants", "analyses"}:
        samples = max(tally.samples for tally in tallies)
    if offer.entity == "variants":
        rows = sum(tally.documents for tally in tallies if tally.collection == tallies[-1].collection)
    elif offer.entity == "frequencies":
        rows, samples = len(bin_map()), 0
    return {kept: (rows, samples, sum(map(len, some))) for kept, some in ((False, plain), (True, packed))}


def fitted(names: Sequence[str], some: Sequence[Measured]) -> tuple[dict[str, float], float]:
    """Constants by name, and the largest relative error."""
    columns = [[{"row": r, "sample": s, "cell": r * s}[name] / b for r, s, b in some] for name in names]
    right = [1 - FIXED / b for _, _, b in some]
    found = [0.0] * len(names)
    for _ in range(20_000):
        for i, column in enumerate(columns):
            rest = [y - sum(f * c[n] for j, (f, c) in enumerate(zip(found, columns, strict=True)) if j != i)
                    for n, y in enumerate(right)]  # fmt: skip
            found[i] = max(
                0.0, sum(x * y for x, y in zip(column, rest, strict=True)) / (sum(x * x for x in column) or 1)
            )
    errors = [sum(f * c[n] for f, c in zip(found, columns, strict=True)) - y for n, y in enumerate(right)]
    return {name: float(f"{f:.3g}") for name, f in zip(names, found, strict=True)}, max(map(abs, errors))


def names_of(offer: Offer) -> tuple[str, ...]:
    """What the size of a format depends on."""
    if offer.entity == "variants":
        own = {"vcf": ("row", "sample", "cell"), "pgxseg": ("row", "sample")}
        return own.get(offer.output, ("row",))
    return ("row",) if offer.entity == "frequencies" else ("sample",)


async def main() -> None:
    async with opened(CONFIG) as resources:
        found: dict[tuple[str, str, bool], tuple[tuple[str, ...], list[Measured]]] = {}
        for selection in SELECTIONS:
            pairs = tuple(selection.items())
            ask = DownloadRequest("/beacon/biosamples", pairs, None, "", "").ask()
            for offer in offers(ask, pairs):
                for packed, one in (await measured(resources, offer)).items():
                    key = (offer.form.name, offer.entity, packed)
                    if one[0] + one[1] and (offer.packs or not packed):
                        found.setdefault(key, (names_of(offer), []))[1].append(one)
            for key, (names, some) in found.items():
                constants, error = fitted(names, some)
                print(f"    {key}: {constants},  # {error:.0%}")
            print(f"# {len(SELECTIONS)} selections, and the last that is in these: {selection}", flush=True)


if __name__ == "__main__":
    CONFIG = load({"mongo_uri": sys.argv[1], "datasets": "progenetix", "no_spool": "true"}, {})
    asyncio.run(main())
