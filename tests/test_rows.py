"""What is counted of a download."""

from gateway.rows import Tally, delivered


def test_rows_are_those_of_what_comes_last_and_of_its_kind_before():
    assert delivered([]) == 0
    samples, segments = Tally(7, collection="biosamples"), [Tally(n, collection="variants") for n in (5, 0)]
    assert delivered([samples]) == 7
    # BED has a part for each kind of variant, the last of which may be empty.
    assert delivered([samples, *segments]) == 5
