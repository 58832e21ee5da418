"""Tracks of BED: gathered in one pass, the same file however its rows come, in either engine."""

from collections import Counter
from collections.abc import Sequence

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.codec import _py
from gateway.download_types import Ask, VariantAsk
from gateway.formats.bed import COLUMNS, FORMAT, TRACKS, Tracks
from gateway.genome import STATES
from tests.examples import examples
from tests.formats.documents import wanted

OPENINGS = [f"track name={track.name}\n".encode() for track in TRACKS]
COLOURS = [track.colour for track in TRACKS]


def row(colour: str, start: int) -> bytes:
    """A row of a track."""
    return f"chr9\t{start}\t{start + 1}\ts\t0\t.\t{start}\t{start + 1}\t{colour}\n".encode()


def written(pieces: Sequence[bytes], openings: Sequence[bytes] = OPENINGS) -> tuple[bytes, bytes]:
    """What the fold says while it is fed, and then."""
    fold, first = Tracks(openings), []
    for piece in pieces:
        fold.feed(0, piece)
        first += fold.through(["s"])
    rest = list(fold.finish())
    assert all(rows.data for rows in (*first, *rest))
    texts = [b"".join(rows.data for rows in some) for some in (first, rest)]
    lines = sum(text.count(b"\n") - text.count(b"track") for text in texts)
    assert sum(rows.rows for rows in (*first, *rest)) == lines
    return texts[0], texts[1]


@examples(20)
@given(
    found=st.lists(st.tuples(st.sampled_from(COLOURS), st.integers(0, 99)), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted),
    asked=st.sets(st.sampled_from(range(len(TRACKS))), min_size=1),
)
def test_a_track_has_its_rows_in_their_order(found: list[tuple[str, int]], cuts: list[int], asked: set[int]):
    rows = [row(*each) for each in found]
    openings = [opening if number in asked else b"" for number, opening in enumerate(OPENINGS)]
    expected = []
    for track, opening in zip(TRACKS, openings, strict=True):
        some = [row(*each) for each in found if each[0] == track.colour]
        expected.append(b"".join([opening, *some]) if some and opening else b"")
    pieces = [b"".join(rows[a:b]) for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    first, rest = written(pieces, openings)
    assert first + rest == b"".join(expected)
    assert first == expected[min(asked)]  # sent as it comes


def test_large_tracks_wait_in_files_that_are_closed():
    before = psutil.Process().num_fds()
    rows = [row(COLOURS[number % 3], number) for number in range(40_000)]
    pieces = [b"".join(rows[at : at + 3000]) for at in range(0, len(rows), 3000)]
    first, rest = written(pieces)
    assert Counter(line.rpartition(b"\t")[2] for line in (first + rest).splitlines() if line.startswith(b"chr")) == {
        colour.encode(): 40_000 // 3 + (number < 40_000 % 3) for number, colour in enumerate(COLOURS[:3])
    }
    fold = Tracks(OPENINGS)
    fold.feed(0, b"".join(rows))
    assert psutil.Process().num_fds() > before
    del fold
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("parted", [_py.parted, codec.parted])
def test_lines_are_told_apart_by_their_last_cells(parted):
    lines = b"a\t1\nb\t22\nc\t1\nd\t2\n"
    assert parted(lines, [b"1", b"2", b"22", b"3"]) == [
        (b"a\t1\nc\t1\n", 2),
        (b"d\t2\n", 1),
        (b"b\t22\n", 1),
        (b"", 0),
    ]
    assert parted(b"", [b"1"]) == [(b"", 0)]
    with pytest.raises(ValueError, match="another cell"):
        parted(b"a\t1\nb\t12\n", [b"1", b"2"])


@pytest.mark.parametrize("states", [(), *((state,) for state in STATES), ("EFO:0030067", "EFO:0030072")])
def test_the_database_is_asked_once_for_all_tracks(states: tuple[str, ...]):
    ask = Ask(entity="variants", variants=(VariantAsk(states=states),) if states else ())
    (part,) = FORMAT.parts(wanted(ask))
    tracks = {track.name for track in TRACKS if {*states} & {*track.states}}
    known = [state for track in TRACKS for state in track.states]
    if not states:
        assert part.narrow == {}
    elif tracks:
        own = [state for track in TRACKS if track.name in tracks for state in track.states]
        assert part.narrow == {"variant_state.id": {"$in": [*sorted(own), None]}}
    else:
        assert part.narrow == {"variant_state.id": {"$nin": sorted(known)}}


def test_each_colour_is_of_one_track():
    assert len({*COLOURS}) == len(TRACKS)
    assert COLUMNS[-1].name == "itemRgb"
