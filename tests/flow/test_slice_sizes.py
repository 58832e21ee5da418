"""The pace of a walk: how many biosamples a slice asks for, as rows, seconds and bytes have been seen."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.slice_sizes import Pace

MEBIBYTE = 1024 * 1024
slices = st.lists(
    st.tuples(st.integers(0, 100_000), st.floats(1e-4, 60), st.integers(5, 16 * MEBIBYTE)), min_size=1, max_size=20
)


@given(slices, st.booleans())
def test_there_is_always_a_next_slice_and_never_a_huge_one(seen, fixed):
    pace = Pace(10_000, fixed=fixed)
    for rows, seconds, size in seen:
        width = pace.width()
        assert 1 <= width <= 400
        pace.learn(width, rows)
        pace.took(width, seconds)
        pace.weighed(width, size)
        following = pace.width()
        # One that is slow or heavy is not asked for again as wide.
        assert following == 1 or following * size / width <= 4 * MEBIBYTE * 1.001
        assert following == 1 or following * seconds / width <= 2.001


def test_light_documents_come_many_at_a_time():
    pace = Pace(10_000, fixed=False)
    for _ in range(5):
        width = pace.width()
        pace.learn(width, 250 * width)
        pace.took(width, 0.0001 * width)
        pace.weighed(width, 50_000 * width)
    assert pace.width() == 40


def test_heavy_documents_come_few_at_a_time():
    pace = Pace(10_000, fixed=True)
    assert pace.width() == 200
    pace.weighed(200, 200 * 100_000)
    assert pace.width() == 4 * MEBIBYTE // 100_000
