"""Cytobands by name: what each means, and what is no name of any."""

from gateway.bins.bands import bands_of
from gateway.bins.maps import bands
from gateway.genome import CHROMOSOMES


def test_every_band_is_found_by_its_name_as_it_is_in_the_table():
    for chromosome, name, start, end in bands():
        first = bands_of(f"chr{chromosome}{name}")[0]
        assert (first.chromosome, first.start) == (chromosome, start)
        assert first.end == end or first.name == chromosome + name  # where others begin with its name: with these


def test_stretches():
    assert [(band.name, band.start, band.end) for band in bands_of("9p21")] == [
        ("9p21", 19900000, 33200000),
        ("9p21.3", 19900000, 25600000),
        ("9p21.2", 25600000, 28000000),
        ("9p21.1", 28000000, 33200000),
    ]
    for text, name in {"9p24-p21": "9p24p21", "9p24p21": "9p24p21", " 9p24 - chr9p21 ": "9p24p21", "x": "X"}.items():
        assert bands_of(text)[0].name == name
    for name, chromosome in CHROMOSOMES.items():
        found = bands_of(name)
        assert (found[0].start, found[0].end) == (0, chromosome.size) if chromosome.p_end else not found
        if chromosome.p_end:
            assert bands_of(f"{name}p")[0].end == bands_of(f"{name}q")[0].start == chromosome.p_end


def test_what_is_no_name():
    for text in ("", "p21", "25", "9p99", "9r1", "9p21.9", "9p21-8q1", "chr", "9p21*", "9\0", "٩p21", "9" * 200):
        assert bands_of(text) == (), text
