"""Slice sizes: how many biosamples a slice asks for, as rows, seconds and bytes have been seen."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.slice_sizes import SliceSizer

MEBIBYTE = 1024 * 1024
slices = st.lists(
    st.tuples(st.integers(0, 100_000), st.floats(1e-4, 60), st.integers(5, 16 * MEBIBYTE)), min_size=1, max_size=20
)


def widths(sizer, seen):
    """The width of each slice that is asked for, with its seconds and size, when the sizer has heard of them."""
    for rows, seconds, size in seen:
        width = sizer.width()
        sizer.learn(width, rows)
        sizer.took(width, seconds)
        sizer.weighed(width, size)
        yield seconds, size, width


@given(slices, st.booleans())
def test_there_is_always_a_next_slice_and_never_a_huge_one(seen, fixed):
    sizer = SliceSizer(10_000, fixed=fixed)
    for seconds, size, width in widths(sizer, seen):
        assert 1 <= width <= 400
        following = sizer.width()
        # One that is slow or heavy is not asked for again as wide.
        assert following == 1 or following * size / width <= 4 * MEBIBYTE * 1.001
        assert following == 1 or following * seconds / width <= 2.001


def test_light_documents_come_many_at_a_time():
    sizer = SliceSizer(10_000, fixed=False)
    for _ in range(5):
        width = sizer.width()
        sizer.learn(width, 250 * width)
        sizer.took(width, 0.0001 * width)
        sizer.weighed(width, 50_000 * width)
    assert sizer.width() == 40


@given(slices, st.booleans(), st.integers(1, 400))
def test_a_slice_asks_for_no_more_ids_than_the_server_takes_well(seen, fixed, first):
    sizer = SliceSizer(10_000, fixed=fixed, first=first, widest=10)
    for _, _, width in widths(sizer, seen):
        assert 1 <= width <= 10
    sizer.begin_with(first)
    assert sizer.width() <= 10


def test_heavy_documents_come_few_at_a_time():
    sizer = SliceSizer(10_000, fixed=True)
    assert sizer.width() == 200
    sizer.weighed(200, 200 * 100_000)
    assert sizer.width() == 4 * MEBIBYTE // 100_000
