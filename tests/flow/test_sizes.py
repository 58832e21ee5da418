"""Estimates of sizes: typical at first, then as delivered, per dataset, format and packing."""

import random

from gateway.flow.sizes import Kind, Sizes
from gateway.flow.typical_sizes import FIXED, TYPICAL

SEGMENTS = Kind("one", "pgxseg", "variants")


def size(rows: int, samples: int) -> int:
    """Of files that are not typical."""
    return 1000 + 40 * rows + 900 * samples


def test_typical_until_something_was_delivered():
    sizes = Sizes()
    typical = TYPICAL["pgxseg", "variants", False]
    found = sizes.estimate(SEGMENTS, 1000, 10)
    assert found is not None
    assert (found.bytes, found.basis) == (round(FIXED + 1000 * typical["row"] + 10 * typical["sample"]), "typical")
    assert sizes.estimate(Kind("one", "unheard of", "variants"), 5, 5) is None


def test_one_delivery_is_believed_and_many_tell_rows_from_samples():
    sizes, chance = Sizes(), random.Random(1)
    sizes.learn(SEGMENTS, 4000, 40, size(4000, 40))
    found = sizes.estimate(SEGMENTS, 4000, 40)
    assert found is not None
    assert found.basis == "delivered"
    assert abs(found.bytes / size(4000, 40) - 1) < 0.1
    for _ in range(40):
        samples = chance.randrange(1, 500)
        rows = samples * chance.randrange(5, 400)
        sizes.learn(SEGMENTS, rows, samples, size(rows, samples))
    for rows, samples in ((100_000, 10), (100_000, 10_000), (10, 10)):
        found = sizes.estimate(SEGMENTS, rows, samples)
        assert found is not None
        assert abs(found.bytes / size(rows, samples) - 1) < 0.25
    # Others have learnt nothing.
    for kind in (Kind("two", "pgxseg", "variants"), Kind("one", "pgxseg", "variants", packed=True)):
        other = sizes.estimate(kind, 10, 10)
        assert other is not None
        assert other.basis == "typical"


def test_what_changed_is_forgotten():
    sizes = Sizes()
    for factor in (1, 3):
        for _ in range(60):
            sizes.learn(SEGMENTS, 1000, 10, factor * size(1000, 10))
    found = sizes.estimate(SEGMENTS, 1000, 10)
    assert found is not None
    assert abs(found.bytes / (3 * size(1000, 10)) - 1) < 0.05


def test_kept_exports_wait_until_their_samples_are_known():
    sizes = Sizes()
    sizes.learn(SEGMENTS, 1000, None, 77_000)
    assert sizes.estimate(SEGMENTS, 1000, 10) == Sizes().estimate(SEGMENTS, 1000, 10)
    sizes.settle(lambda _, __: None)
    sizes.settle(lambda dataset, rows: rows // 100 if dataset == "one" else None)
    found = sizes.estimate(SEGMENTS, 1000, 10)
    assert found is not None
    assert found.basis == "delivered"


def test_odd_deliveries_teach_nothing_wrong():
    sizes = Sizes()
    for rows, samples, bytes_ in ((0, 0, 300), (10, 0, 0), (-1, 3, 5), (0, 5, 4500)):
        sizes.learn(SEGMENTS, rows, samples, bytes_)
    for rows, samples in ((0, 0), (1, 0), (0, 1), (10**9, 10**6)):
        found = sizes.estimate(SEGMENTS, rows, samples)
        assert found is not None
        assert found.bytes >= 0


def test_memory_is_bounded():
    sizes = Sizes()
    for n in range(3000):
        sizes.learn(Kind(str(n), "bed", "variants"), 10, 1, 1000)
        sizes.learn(Kind(str(n), "bed", "variants"), 10, None, 1000)
    assert len(sizes._fits) <= 2000
    assert len(sizes._waiting) <= 1000
