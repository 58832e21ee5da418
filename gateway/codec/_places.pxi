# Part of `_c.pyx`: the indexer of BGZF files.

from gateway.codec._places import NotSorted
from gateway.tabix.layout import Placed


cdef extern from "core/places.hpp" namespace "gateway" nogil:
    cdef struct PlaceColumns:
        cbool vcf
        size_t sequence
        size_t begin
        size_t end
        cbool zero_based
        char meta
        cbool named

    cdef cppclass PlacedSequence:
        string name
        uint64_t begin
        uint64_t end
        uint64_t records
        vector[uint64_t] windows
        vector[pair[uint32_t, vector[pair[uint64_t, uint64_t]]]] bins

    cdef cppclass PlaceIndexer:
        PlaceIndexer(const PlaceColumns&) except +
        uint64_t heading
        vector[PlacedSequence] done
        string wrong
        void block(const char*, size_t, uint64_t) except +
        void finish() except +


cdef class Indexer:
    """Takes in the blocks of a file in their order.  One call at a time, in threads."""

    cdef unique_ptr[PlaceIndexer] core

    def __init__(self, lines):
        cdef PlaceColumns columns
        columns.vcf = lines.preset == "vcf"
        columns.sequence = lines.sequence
        columns.begin = lines.begin
        columns.end = lines.end
        columns.zero_based = lines.zero_based
        columns.meta = ord(lines.meta)
        columns.named = lines.named
        self.core.reset(new PlaceIndexer(columns))

    def add(self, text, blocks):
        """The next blocks: their text, and of each how many bytes of it there are in how many of the file.

        NotSorted if there can be no index of it.
        """
        cdef const unsigned char[::1] view = text
        cdef vector[pair[size_t, uint64_t]] sizes = blocks
        cdef size_t at = 0, total = 0, number
        cdef const char* start = NULL
        for number in range(sizes.size()):
            total += sizes[number].first
        if total != <size_t>view.shape[0]:
            raise ValueError("the text is not that of these blocks")
        if total:
            start = <const char*>&view[0]
        with nogil:
            for number in range(sizes.size()):
                self.core.get().block(start + at, sizes[number].first, sizes[number].second)
                at += sizes[number].first
        self._heed()

    def finish(self):
        """Lines above the first of the data, and the sequences in their order.  NotSorted if a line has no end."""
        with nogil:
            self.core.get().finish()
        self._heed()
        cdef list found = []
        cdef size_t number
        for number in range(self.core.get().done.size()):
            found.append(_placed(self.core.get().done[number]))
        return self.core.get().heading, found

    cdef int _heed(self) except -1:
        if not self.core.get().wrong.empty():
            raise NotSorted(self.core.get().wrong.decode(errors="replace"))
        return 0


cdef object _placed(PlacedSequence& one):
    return Placed(
        name=one.name, records=one.records, begin=one.begin, end=one.end, bins=one.bins, windows=one.windows
    )
