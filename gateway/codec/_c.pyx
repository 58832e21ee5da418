# cython: language_level = 3, binding = True, embedsignature = True
"""The compiled engine: the same functions as `_py`, the same bytes, many times faster.

This file only carries values between Python and the core (`core/*.hpp`), which works without the GIL.  Where the core
is unsure, because the bytes are malformed or merely rare, the reference engine is asked: so errors and exotic cases
are the same in both by construction.  Nothing here decides anything about rows.
"""

import os
import tempfile
from itertools import islice

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.string_view cimport string_view
from libcpp.vector cimport vector

from gateway.codec import _json, _py, shapes
from gateway.codec.columns import Kind, Sheet, earlier, forms
from gateway.rows import Rows

__all__ = [
    "IMPLEMENTATION",
    "Indexer",
    "Sites",
    "Sorter",
    "count",
    "decode",
    "forget",
    "last_id",
    "lines",
    "parted",
    "rows",
    "sites",
    "split_reply",
    "sure_json_rows",
    "sure_rows",
    "sure_site_rows",
]

IMPLEMENTATION = "compiled"


cdef extern from "core/rows.hpp" namespace "gateway" nogil:
    ctypedef unsigned char Byte

    enum class CoreKind "gateway::Kind":
        text
        integer
        position
        number
        lookup
        only_string
        value
        whole

    cdef cppclass Table:
        void fill(const vector[pair[string, string]]&) except +
        void set_default(string) except +

    cdef struct Range:
        int64_t least
        int64_t room
        int32_t after
        int32_t within
        cbool cut

    cdef cppclass Plan:
        Plan() except +
        cbool order_by(string) except +
        void add_column(string, cbool) except +
        void check(string) except +
        void join() except +
        void bound(const Range&)
        Table& size_table() except +
        void number(size_t, const vector[string]&) except +
        void add_form() except +
        cbool ask(string, cbool) except +
        void make_strict()
        cbool add_cell(string, CoreKind, int64_t) except +
        Table& last_table()

    cdef cppclass Labels:
        Labels() except +
        cbool order_by(string) except +
        void start_with(string) except +
        cbool add_label(string, string, string) except +
        void group_here(string, string) except +
        cbool add_group(string, string) except +
        void group_is(string, string) except +
        cbool add_refused(string) except +

    cdef cppclass Renderer:
        const vector[string_view]& odd()
        void give(const vector[string]&)

    cdef cppclass RowEncoder:
        RowEncoder(const Plan&, size_t) except +
        Renderer& renderer()
        cbool add(const Byte*, size_t) except +
        size_t count()
        string_view pick(size_t, size_t) except +

    cdef cppclass LineEncoder:
        LineEncoder(const Labels&, size_t) except +
        cbool add(const Byte*, size_t) except +
        size_t count()
        string_view pick(size_t, size_t) except +

    void forget_workspaces "gateway::Lease::forget"()

    string escaped(string) except +
    cbool gather(const Byte*, size_t, size_t, vector[string]&) except +


cdef extern from "core/json.hpp" namespace "gateway" nogil:
    enum class Make:
        value
        camel
        rest
        known

    enum Mark:
        mark_left_out
        mark_old
        mark_new

    cdef cppclass RecordPlan:
        RecordPlan() except +
        cbool order_by(string) except +
        void add_literal(string) except +
        void add(Make) except +
        void add_member(string) except +
        void add_field(string) except +
        void mark(string, Mark) except +

    cdef cppclass RecordEncoder:
        RecordEncoder(const RecordPlan&, size_t) except +
        cbool add(const Byte*, size_t) except +
        size_t count()
        string_view pick(size_t, size_t) except +


cdef extern from "core/reply.hpp" namespace "gateway" nogil:
    cdef struct Stretch:
        size_t start
        size_t size

    cdef struct Reply:
        int64_t cursor
        Stretch batch

    cbool core_split_reply "gateway::split_reply"(const Byte*, size_t, Reply&)
    int64_t core_count "gateway::count"(const Byte*, size_t, Stretch&)

cdef extern from "core/parted.hpp" namespace "gateway" nogil:
    cdef cppclass LinesOf:
        string lines
        size_t count

    cdef cppclass CoreParted "gateway::Parted":
        CoreParted() except +
        void add_cell(string) except +
        cbool add(string_view) except +
        const vector[LinesOf]& parts()


cdef extern from "core/sites.hpp" namespace "gateway" nogil:
    cdef cppclass Buffer:
        Buffer() except +
        void reset(size_t) except +
        void put(const char*, size_t) except +
        const char* data()
        size_t size()

    cdef cppclass CoreSorter "gateway::Sorter":
        CoreSorter(size_t, size_t) except +
        size_t add_lines(string_view, size_t) except +
        int spill(int) except +
        cbool crowded()
        int merge(int) except +
        cbool next(string_view&) except +
        int error()

    cdef struct Symbolic:
        string before
        string type
        string behind
        cbool sized

    enum class StateKind:
        symbolic
        breakend
        insertion
        deletion
        other

    cdef cppclass SiteRules:
        void add_chromosome(string, uint32_t) except +
        void add_state(string, StateKind, string, uint32_t) except +
        void add_form(const Symbolic&) except +
        void set_deletion(uint32_t)

    enum class Done "gateway::SiteRows::Done":
        taken
        full
        left

    cdef cppclass SiteRenderer:
        Renderer& rows()

    cdef cppclass SiteEncoder:
        SiteEncoder(const Plan&, size_t) except +
        SiteRenderer& renderer()
        cbool add(const Byte*, size_t) except +
        size_t count()
        string_view pick(size_t, size_t) except +

    cdef cppclass CoreSites "gateway::Sites":
        CoreSites(size_t, size_t) except +
        SiteRules& rules()
        CoreSorter& sorter()
        void add_sample(string) except +
        size_t feed(string_view, size_t, string&) except +
        Done add(string_view, string_view, uint32_t, string_view, string_view) except +
        size_t write(Buffer&, size_t) except +


# --- plans -----------------------------------------------------------------------------------------------------------

cdef class _Compiled:
    """A column plan as the core reads it."""

    cdef Plan plan
    cdef object made_of  # keeps what it was made of alive, whose identity is the key of the cache


# Formats hold their columns in module constants, or make them for a request: few at a time.
cdef enum:
    _MOST_PLANS = 64
    _MOST_SHIFT = 1 << 30
    _MOST_ODD = 200  # documents of a batch whose lines are made by the interpreter, beside which nothing else runs

cdef dict _plans = {}


cdef _Compiled _compiled(object plan, str key):
    """The plan as the core reads it; None if it cannot express it.  Made once for a tuple of columns, or a sheet."""
    name = (id(plan), key)
    if name in _plans:
        return _plans[name][1]
    made = _compile(plan, key)
    if type(plan) is tuple or isinstance(plan, Sheet):
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        _plans[name] = (plan, made)
    return made


cdef _Compiled _compile(object plan, str key):
    cdef _Compiled made = _Compiled()
    made.made_of = plan
    if not made.plan.order_by(key.encode()):
        return None
    for number, form in enumerate(forms(plan)):
        if number:
            made.plan.add_form()
        for name, there in [*((name, True) for name in form.has), *((name, False) for name in form.lacks)]:
            if not made.plan.ask(name.encode(), there):
                return None
        if not _add_columns(made, form.columns):
            return None
    made.plan.join()
    return made


cdef bint _add_columns(_Compiled made, object columns) except -1:
    try:
        for number, column in enumerate(columns):
            made.plan.add_column(column.missing.encode(), column.required)
            if column.only is not None:
                made.plan.check(column.only.encode())
            _bound(made, columns, number)
            for cell in column.cells:
                if not _add_cell(made, cell):
                    return False
    except UnicodeEncodeError:  # a lone surrogate: no text of a document equals it
        return False
    return True


cdef int _bound(_Compiled made, object columns, Py_ssize_t number) except -1:
    """The range of a column's integers, and the numbers of its texts, where it has them."""
    cdef Range bounds
    cdef vector[pair[string, string]] entries
    found, sizes = columns[number].range, columns[number].sizes
    if found is not None:
        bounds.least, bounds.room, bounds.cut = found.least, found.room, found.cut
        bounds.after = earlier(columns, number, found.after)
        bounds.within = earlier(columns, number, found.within)
        made.plan.bound(bounds)
    if sizes:
        for text, size in sizes.items():
            entries.push_back(pair[string, string](text.encode(), b"%d" % size))
        made.plan.size_table().fill(entries)
    return 0


cdef bint _add_cell(_Compiled made, object cell) except -1:
    cdef CoreKind kind = CoreKind.text
    cdef vector[pair[string, string]] entries
    if cell.kind is Kind.INTEGER:
        kind = CoreKind.integer
    elif cell.kind is Kind.POSITION:
        kind = CoreKind.position
    elif cell.kind is Kind.NUMBER:
        kind = CoreKind.number
    elif cell.kind is Kind.LOOKUP:
        kind = CoreKind.lookup
    elif cell.kind is Kind.STRING:
        kind = CoreKind.only_string
    elif cell.kind is Kind.VALUE:
        kind = CoreKind.value
    elif cell.kind is Kind.WHOLE:
        kind = CoreKind.whole
    if not -_MOST_SHIFT <= cell.shift <= _MOST_SHIFT or not made.plan.add_cell(cell.path.encode(), kind, cell.shift):
        return False
    if cell.strict:
        made.plan.make_strict()
    if cell.kind is Kind.LOOKUP:
        for known, text in cell.table.items():
            entries.push_back(pair[string, string](known.encode(), escaped(text.encode())))
        made.plan.last_table().fill(entries)
        made.plan.last_table().set_default(escaped((cell.default or "").encode()))
    return True


# --- rows ------------------------------------------------------------------------------------------------------------

# A view of a reply is as good as bytes: nothing is copied for the core.
cdef bint _views(object arrays, vector[string_view]& views) except -1:
    """Where the arrays lie, which must outlive the views; false if one of them is something else."""
    cdef const Byte[::1] view
    for array in arrays:
        if not isinstance(array, (bytes, memoryview)) or len(array) == 0:
            return False
        view = array
        views.push_back(string_view(<const char*>&view[0], <size_t>view.shape[0]))
    return True


def rows(object arrays, object columns, str key, object start=0, object stop=None):
    """Tab-separated lines, one a document, in (`key`, `_id`) order; rows `start:stop` of them."""
    found = sure_rows(arrays, columns, key, start, stop)
    return _py.rows(arrays, columns, key, start, stop) if found is None else found


ctypedef fused _AnyEncoder:
    RowEncoder
    LineEncoder
    RecordEncoder
    SiteEncoder


cdef object _encoded(_AnyEncoder* encoder, vector[string_view]& views, object start, object stop):
    """What an encoder makes of the arrays; None where it is unsure."""
    cdef string_view text
    cdef cbool sure = True
    with nogil:
        for view in views:
            sure = encoder.add(<const Byte*>view.data(), view.size())
            if not sure:
                break
    if not sure:
        return None
    cdef Py_ssize_t matched = <Py_ssize_t>encoder.count()
    first, last, _ = slice(start, stop).indices(matched)
    cdef size_t begin = first, end = max(first, last)
    with nogil:
        text = encoder.pick(begin, end)
    return Rows((<const char*>text.data())[:text.size()], <Py_ssize_t>(end - begin), matched)


cdef size_t _size(vector[string_view]& views):
    cdef size_t size = 0
    for view in views:
        size += view.size()
    return size


def sure_rows(object arrays, object columns, str key, object start=0, object stop=None):
    """The rows as the core writes them; None where it is unsure."""
    cdef _Compiled compiled = _compiled(columns, key)
    cdef tuple batches = tuple(arrays)
    cdef vector[string_view] views
    if compiled is None or not _views(batches, views):
        return None
    cdef unique_ptr[RowEncoder] encoder
    cdef vector[string] given
    while True:
        encoder.reset(new RowEncoder(compiled.plan, _size(views)))
        encoder.get().renderer().give(given)
        found = _encoded[RowEncoder](encoder.get(), views, start, stop)
        if found is None or encoder.get().renderer().odd().size() == given.size():
            return found
        # Rows are in their order only when all are there: so once more, with the lines of odd documents.
        if encoder.get().renderer().odd().size() > _MOST_ODD or not _odd_lines(encoder.get().renderer().odd(), columns, given):
            return None


cdef bint _odd_lines(const vector[string_view]& odd, object sheet, vector[string]& lines) except -1:
    """What the sheet makes of odd documents; false if one cannot be read."""
    cdef size_t at
    for at in range(odd.size()):
        try:
            (document,) = _py.decode_sound((<const char*>odd[at].data())[:odd[at].size()])
        except _py.UNREADABLE:
            return False
        lines.push_back(sheet.otherwise(document).encode())
    return True


# --- header lines ----------------------------------------------------------------------------------------------------

def lines(object arrays, object header, str key, object start=0, object stop=None):
    """Header lines, one a document, in (`key`, `_id`) order; None: the format has to write them itself."""
    cdef tuple batches = tuple(arrays)
    cdef vector[string_view] views
    cdef Labels labels
    if not _views(batches, views) or not _label(labels, header, key):
        return None
    cdef unique_ptr[LineEncoder] encoder
    encoder.reset(new LineEncoder(labels, _size(views)))
    return _encoded[LineEncoder](encoder.get(), views, start, stop)


cdef bint _label(Labels& labels, object header, str key) except -1:
    """Tell the core what a line says: a batch at a time, which costs far less than its lines."""
    try:
        labels.start_with(header.words.encode())
        sure = labels.order_by(key.encode())
        for path in header.refused:
            sure = sure and labels.add_refused(path.encode())
        sure = sure and _add_labels(labels, header.labels)
        labels.group_here(b"group_id", b"group_label")
        labels.group_is(header.chosen[0].encode(), header.chosen[1].encode())
        for id_path, label_path in header.groups:
            sure = sure and labels.add_group(id_path.encode(), label_path.encode())
        return sure and _add_labels(labels, header.more)
    except UnicodeEncodeError:
        return False


cdef bint _add_labels(Labels& labels, object found) except -1:
    for label in found:
        if not labels.add_label(label.name.encode(), label.path.encode(), label.settled.encode()):
            return False
    return True


# --- records ---------------------------------------------------------------------------------------------------------

cdef class _CompiledRecord:
    """A record plan as the core reads it."""

    cdef RecordPlan plan
    cdef object made_of  # keeps the plan alive whose identity is the key of the cache


cdef dict _records = {}


cdef _CompiledRecord _compiled_record(object plan, str key, bytes before, bytes after):
    """The plan with what stands around each record; None if the core cannot express it.  Made once for a plan."""
    name = (id(plan), key, before, after)
    if name not in _records:
        if len(_records) >= _MOST_PLANS:
            _records.clear()
        _records[name] = (plan, _compile_record(plan, key, before, after))
    return _records[name][1]


cdef _CompiledRecord _compile_record(object plan, str key, bytes before, bytes after):
    cdef _CompiledRecord made = _CompiledRecord()
    made.made_of = plan
    parts = list(shapes.pieces(plan.shape))
    rests = [part for part in parts if isinstance(part, shapes.Rest)]
    if len(rests) > 1 or not made.plan.order_by(key.encode()):
        return None
    made.plan.add_literal(before)
    for part in parts:
        _add_piece(made, part)
    made.plan.add_literal(after)
    for rest in rests:
        _mark(made, rest.but, Mark.mark_left_out)
    if plan.renewal is not None:
        _mark(made, plan.renewal.old, Mark.mark_old)
        _mark(made, plan.renewal.new, Mark.mark_new)
    return made


cdef int _add_piece(_CompiledRecord made, object part) except -1:
    if isinstance(part, str):
        made.plan.add_literal(part.encode())
        return 0
    if isinstance(part, shapes.Rest):
        made.plan.add(Make.rest)
        return 0
    if isinstance(part, shapes.Known):
        made.plan.add(Make.known)
        members = [(_json.dumps(name) + b":", value.names) for name, value in part.members]
    elif isinstance(part, shapes.Camel):
        made.plan.add(Make.camel)
        members = [(b"", (part.name,))]
    else:
        made.plan.add(Make.value)
        members = [(b"", part.names)]
    for text, names in members:
        made.plan.add_member(text)
        for name in names:
            made.plan.add_field(name.encode())
    return 0


cdef int _mark(_CompiledRecord made, object names, Mark mark) except -1:
    for name in names:
        made.plan.mark(name.encode(), mark)
    return 0


def sure_json_rows(
    object arrays, object plan, str key, *, bytes before=b"", bytes after=b"", object start=0, object stop=None
):
    """A record for each document, in (`key`, `_id`) order, as the core writes them; None where it is unsure."""
    cdef _CompiledRecord compiled = _compiled_record(plan, key, before, after)
    cdef tuple batches = tuple(arrays)
    cdef vector[string_view] views
    if compiled is None or not _views(batches, views):
        return None
    cdef unique_ptr[RecordEncoder] encoder
    encoder.reset(new RecordEncoder(compiled.plan, _size(views)))
    return _encoded[RecordEncoder](encoder.get(), views, start, stop)


# --- documents -------------------------------------------------------------------------------------------------------

# The driver decodes so many documents at a time without letting other threads in: half a millisecond.
cdef enum:
    _DOCUMENTS_AT_ONCE = 64


def decode(object arrays):
    """All documents of some BSON arrays, as dictionaries."""
    cdef list found = []
    for array in arrays:
        found += _decode(array)
    return found


cdef list _decode(object array):
    cdef vector[string_view] views
    cdef vector[string] groups
    cdef cbool sure = False
    cdef size_t at
    if _views((array,), views):
        with nogil:
            sure = gather(<const Byte*>views[0].data(), views[0].size(), _DOCUMENTS_AT_ONCE, groups)
    if not sure:
        return _py.decode([array])
    cdef list found = []
    try:
        for at in range(groups.size()):
            found += _py.decode_sound(groups[at])
    except _py.UNREADABLE:  # the reference engine says of which document, and why
        return _py.decode([array])
    return found


# --- sorting ---------------------------------------------------------------------------------------------------------

cdef enum:
    _RUN_BYTES = 8 * 1024 * 1024
    _MOST_FILES = 32
    _LINES_AT_ONCE = 5000
    _SORTED_BYTES = 256 * 1024


cdef int _opened() except -1:
    """A new file without a name, which the core closes."""
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


cdef int _check(int error) except -1:
    if error:
        raise OSError(error, os.strerror(error))
    return 0


cdef int _spill(CoreSorter* sorter) except -1:
    """Write what is in memory to a file of its own; many files become one."""
    cdef int error, file = _opened()
    with nogil:
        error = sorter.spill(file)
    _check(error)
    while sorter.crowded():
        file = _opened()
        with nogil:
            error = sorter.merge(file)
        _check(error)
    return 0


cdef class Sorter:
    """Lines in, of any number and order; the same lines out, by their bytes.  The rest is disk, as of the reference."""

    cdef unique_ptr[CoreSorter] core

    def __init__(self, *, size_t run_bytes=_RUN_BYTES, size_t most_files=_MOST_FILES):
        self.core.reset(new CoreSorter(run_bytes, max(2, most_files)))

    def add(self, lines):
        """Take in lines, each with its line end and no other."""
        rest = iter(lines)
        while some := list(islice(rest, _LINES_AT_ONCE)):
            self.add_lines(b"".join(some))

    def add_lines(self, const Byte[::1] lines):
        """Take in lines that lie one behind the other, each with its end."""
        cdef size_t at = 0, size = <size_t>lines.shape[0]
        cdef string_view text
        if size:
            text = string_view(<const char*>&lines[0], size)
        while at < size:
            with nogil:
                at = self.core.get().add_lines(text, at)
            if at < size:
                _spill(self.core.get())

    def sorted(self):
        """All lines in order; the sorter is empty after the last."""
        for piece in self.pieces():
            for line in piece.split(b"\n")[:-1]:
                yield line + b"\n"

    def pieces(self, size_t most=_SORTED_BYTES):
        """The same, some at a time, one behind the other: of so many bytes or a little more."""
        cdef Buffer out
        cdef string_view line
        cdef cbool more = True
        while more:
            out.reset(most)
            with nogil:
                while out.size() < most:
                    more = self.core.get().next(line)
                    if not more:
                        break
                    out.put(line.data(), line.size())
            _check(self.core.get().error())
            if out.size():
                yield out.data()[:out.size()]


# --- sites of a VCF --------------------------------------------------------------------------------------------------

cdef string_view _view(bytes text):
    return string_view(<const char*>text, <size_t>len(text))


cdef class Sites:
    """Rows of cells in, sorted records out, as `formats.vcf_records` has them."""

    cdef unique_ptr[CoreSites] core
    cdef Buffer out

    def __init__(self, rules, *, size_t run_bytes=_RUN_BYTES, size_t most_files=_MOST_FILES):
        self.core.reset(new CoreSites(run_bytes, max(2, most_files)))
        cdef SiteRules* made = &self.core.get().rules()
        cdef Symbolic form
        for name, size in rules.chromosomes:
            made.add_chromosome(name.encode(), size)
        for known in rules.forms:
            form.before, form.type, form.behind = known.before.encode(), known.type.encode(), known.behind.encode()
            form.sized = known.sized
            made.add_form(form)
        made.set_deletion(rules.deletion)
        cdef StateKind kind
        for state in rules.states:
            kind = StateKind.symbolic if state.kind == "symbolic" else StateKind.breakend
            if state.kind not in ("symbolic", "breakend"):
                kind = StateKind.insertion if state.kind == "insertion" else StateKind.other
                kind = StateKind.deletion if state.kind == "deletion" else kind
            made.add_state(state.id.encode(), kind, state.text.encode(), state.form)

    def name(self, samples):
        """The samples, as rows spell them, have the next columns."""
        for sample in samples:
            self.core.get().add_sample(sample.encode())

    def feed(self, const Byte[::1] rows):
        """Take in rows; give back those that are not for the core."""
        cdef size_t at = 0, size = <size_t>rows.shape[0]
        cdef string_view text
        cdef string left
        if size:
            text = string_view(<const char*>&rows[0], size)
        while at < size:
            with nogil:
                at = self.core.get().feed(text, at, left)
            if at < size:
                _spill(&self.core.get().sorter())
        return <bytes>left

    def add(self, bytes sample, bytes chromosome, uint32_t position, bytes text, bytes cell):
        """A site that was made elsewhere: the record's text from the tab before its ID on, without cells."""
        cdef Done done = Done.full
        while done == Done.full:
            done = self.core.get().add(_view(sample), _view(chromosome), position, _view(text), _view(cell))
            if done == Done.full:
                _spill(&self.core.get().sorter())
        if done == Done.left:
            raise ValueError(f"no text of a record that is made elsewhere: {text!r}")

    def records(self, size_t most):
        """The next records, of so many bytes or a little more, and their number; none at the end."""
        cdef size_t count
        self.out.reset(most)
        with nogil:
            count = self.core.get().write(self.out, most)
        _check(self.core.get().sorter().error())
        return self.out.data()[:self.out.size()], count


def sites(rules):
    """What makes the records of a VCF."""
    return Sites(rules)


cdef enum:
    _CHROMOSOME "gateway::cell_chromosome"
    _STATE "gateway::cell_state"

cdef dict _site_plans = {}


cdef _Compiled _compiled_sites(object columns, str key, object rules):
    """The plan with the numbers of chromosomes and of states' forms; None if the core cannot express it."""
    cdef vector[string] ranks, texts
    cdef _Compiled made
    name = (id(columns), key, id(rules))
    if name not in _site_plans:
        if len(_site_plans) >= _MOST_PLANS:
            _site_plans.clear()
        made = _compile(columns, key)
        if made is not None:
            by_form = {state.form: state.id.encode() for state in rules.states if state.kind == "symbolic"}
            ranks = [chromosome.encode() for chromosome, _ in rules.chromosomes]
            texts = [by_form.get(form, b"") for form in range(len(rules.forms))]
            made.plan.number(_CHROMOSOME, ranks)
            made.plan.number(_STATE, texts)
        _site_plans[name] = (columns, rules, made)
    return _site_plans[name][2]


def sure_site_rows(object arrays, object columns, str key, *, object rules, object start=0, object stop=None):
    """The rows as `Sites.feed` takes them in: plain ones as numbers; None where the core is unsure."""
    cdef _Compiled compiled = _compiled_sites(columns, key, rules)
    cdef tuple batches = tuple(arrays)
    cdef vector[string_view] views
    if compiled is None or not _views(batches, views):
        return None
    cdef unique_ptr[SiteEncoder] encoder
    encoder.reset(new SiteEncoder(compiled.plan, _size(views)))
    found = _encoded[SiteEncoder](encoder.get(), views, start, stop)
    return None if encoder.get().renderer().rows().odd().size() else found


def parted(const Byte[::1] lines, cells):
    """The lines with each of these last cells, one behind the other, and their number; ValueError for another one."""
    cdef CoreParted parts
    cdef string_view text
    cdef cbool known = True
    cdef size_t at
    for cell in cells:
        parts.add_cell(cell)
    if lines.shape[0]:
        text = string_view(<const char*>&lines[0], <size_t>lines.shape[0])
        with nogil:
            known = parts.add(text)
    if not known:
        raise ValueError("a line ends with another cell than those that are told apart")
    return [(<bytes>parts.parts()[at].lines, parts.parts()[at].count) for at in range(parts.parts().size())]


# --- replies and batches ---------------------------------------------------------------------------------------------

def split_reply(object raw):
    """The cursor id (0: exhausted) and the batch, a BSON array within it, of a raw `find` or `getMore` reply."""
    cdef Reply reply = Reply(0, Stretch(0, 0))
    cdef vector[string_view] views
    if not _views((raw,), views) or not core_split_reply(<const Byte*>views[0].data(), views[0].size(), reply):
        return _py.split_reply(raw)
    return reply.cursor, memoryview(raw)[reply.batch.start : reply.batch.start + reply.batch.size]


def count(object array):
    """The number of documents of a BSON array."""
    cdef Stretch last = Stretch(0, 0)
    cdef vector[string_view] views
    cdef int64_t found = -1
    if _views((array,), views):
        with nogil:
            found = core_count(<const Byte*>views[0].data(), views[0].size(), last)
    return _py.count(array) if found < 0 else found


def last_id(object array):
    """The `_id` of the last document of a BSON array; the array must not be empty."""
    cdef Stretch last = Stretch(0, 0)
    cdef vector[string_view] views
    cdef int64_t found = -1
    if _views((array,), views):
        with nogil:
            found = core_count(<const Byte*>views[0].data(), views[0].size(), last)
    if found < 1:
        return _py.last_id(array)
    return _py.document_id(array, last.start, last.start + last.size)


def forget():
    """Give back the memory that encoders hand on."""
    forget_workspaces()


include "_places.pxi"
