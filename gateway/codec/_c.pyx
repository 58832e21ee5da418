# cython: language_level = 3, binding = True, embedsignature = True
"""The compiled engine: the same functions as `_py`, the same bytes, many times faster.

This file only carries values between Python and the core (`core/*.hpp`), which works without the GIL.  Where the core
is unsure, because the bytes are malformed or merely rare, the reference engine is asked: so errors and exotic cases
are the same in both by construction.  Nothing here decides anything about rows.
"""

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

__all__ = ["IMPLEMENTATION", "Indexer", "count", "decode", "forget", "last_id", "lines", "rows", "split_reply", "sure_json_rows", "sure_rows"]

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
        void bound(const Range&)
        Table& size_table() except +
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
        found = core_count(<const Byte*>views[0].data(), views[0].size(), last)
    return _py.count(array) if found < 0 else found


def last_id(object array):
    """The `_id` of the last document of a BSON array; the array must not be empty."""
    cdef Stretch last = Stretch(0, 0)
    cdef vector[string_view] views
    if not _views((array,), views) or core_count(<const Byte*>views[0].data(), views[0].size(), last) < 1:
        return _py.last_id(array)
    return _py.document_id(array, last.start, last.start + last.size)


def forget():
    """Give back the memory that encoders hand on."""
    forget_workspaces()


include "_places.pxi"
