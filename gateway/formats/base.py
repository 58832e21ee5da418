"""What formats share: the row of the formats table, and the encoders of JSON rows.  Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, Protocol

from gateway import codec
from gateway.codec import RecordPlan, camel, dumps, plain
from gateway.download_types import Ask, Entity, Part, Wanted
from gateway.rows import Array, Encode, Rows
from gateway.tabix import Indexed

__all__ = [
    "Format",
    "Indexed",
    "Sure",
    "camel",
    "compiled",
    "document_rows",
    "dumps",
    "installed",
    "interpreted",
    "json_rows",
    "paged",
    "plain",
    "record_rows",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A row of the formats table.

    `words` are the values of `output=`/`method=` that ask for it, `whole` those that ask for all variants of the
    matched samples in it, `also` those that mean it under its services, and where no other holds its own entity;
    `accepts` the media types of `Accept`; `services` the words under `/services/` that deliver it, `ids` what ids
    behind them are (`each`: every filter is a group of its own). `entities` are what it can deliver, what a service
    delivers first; who asks a format of variants, or of what is computed from them, for other entities gets it for all
    variants of the matched samples. `paged` formats answer a first page where no limit is given, others with `pages` a
    page where one is; what is computed `of_all` samples is so whatever page is asked for; `sets` formats hold several
    datasets. `packing` is what `.gz` means. `records` are those of Beacons, one a document: they can be asked for in
    test mode. `handover` is the code that handovers call the format by, where there is a common one. `library` is one
    that makes the format, that may not be installed, and on whose version the bytes depend. `by_position` says when a
    file is sorted by position, `wanted.ask.order`: where that is asked for, where that is or it is packed, or always;
    such a file that is packed is BGZF.
    `index` says where its lines have their places: a BGZF file of it has `.tbi` and `.csi`. What holds nothing but
    `links` has them to these outputs of the same query.
    """

    name: str
    words: tuple[str, ...]
    media: str
    accepts: tuple[str, ...]
    extension: str
    summary: str
    parts: Callable[[Wanted], tuple[Part, ...]]
    whole: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ids: str = "biosampleIds"
    each: bool = False
    entities: tuple[Entity, ...] = ("variants",)
    paged: bool = False
    pages: bool = True
    of_all: bool = False
    sets: bool = False
    attachment: bool = True
    packing: Literal["gzip", "bgzf"] = "gzip"
    records: bool = False
    handover: str = ""
    library: str = ""
    by_position: Literal["", "asked", "packed", "always"] = ""
    index: Indexed | None = None
    links: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version of its library; empty where there is none."""
        return installed(self.library) if self.library else ""

    @property
    def reducible(self) -> bool:
        """Whether it can say how many records there are, or whether, without any of them."""
        return self.records and self.sets

    @property
    def offered(self) -> bool:
        """Whether this installation can make it."""
        return not self.library or bool(self.version)


@cache
def installed(library: str) -> str:
    """The version of an optional library; empty where it is not installed.  Does not import it."""
    return metadata.version(library) if find_spec(library) else ""


@dataclass(frozen=True, slots=True)
class _Interpreted:
    reference: Encode
    sure: ClassVar[None] = None

    def __call__(self, arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        return self.reference(arrays, start=start, stop=stop)


def interpreted(encode: Encode) -> Encode:
    """The same encoder, which is known to need the interpreter for every document."""
    return _Interpreted(encode)


class Sure(Protocol):
    """The core's side of an encoder: None where it is unsure."""

    def __call__(self, arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows | None:
        """Encode the documents of `arrays`."""
        ...


@dataclass(frozen=True, slots=True)
class _Compiled:
    sure: Sure
    reference: Encode

    def __call__(self, arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        found = self.sure(arrays, start=start, stop=stop)
        return self.reference(arrays, start=start, stop=stop) if found is None else found


def compiled(sure: Sure, reference: Encode) -> Encode:
    """The encoder that asks the core, where there is one, and the reference where the core is unsure of a batch."""
    return _Interpreted(reference) if codec.IMPLEMENTATION == "python" else _Compiled(sure, reference)


def paged(part: Part, ask: Ask) -> Part:
    """The page of it that is asked for; all of it where no limit is."""
    limit = ask.limit or 0
    return replace(part, limit=limit, skip=ask.skip * limit)


def document_rows(key: str, write: Callable[[dict[str, Any]], bytes | None]) -> Encode:
    """An encoder that writes each document, in (`key`, `_id`) order, by itself; None leaves it out."""

    def encode(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        documents = codec.decode(arrays)
        codec.sort(documents, key)
        written = [row for row in map(write, documents[start:stop]) if row is not None]
        return Rows(b"".join(written), len(written), len(documents))

    return interpreted(encode)


def json_rows(key: str, shape: Callable[[dict[str, Any]], Any], *, before: bytes = b"", after: bytes = b"") -> Encode:
    """The same with each document, as `shape` makes it, as JSON between `before` and `after`."""
    return document_rows(key, lambda document: before + dumps(shape(document)) + after)


def record_rows(plan: RecordPlan, key: str, *, before: bytes = b"", after: bytes = b"") -> Encode:
    """The same for records that are made by a plan, which the core does beside the interpreter where it is sure."""
    return compiled(
        partial(codec.sure_json_rows, plan=plan, key=key, before=before, after=after),
        partial(codec.json_rows, plan=plan, key=key, before=before, after=after),
    )
