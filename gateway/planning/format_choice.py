"""Which format answers a request, and whether it may: its datasets, pages and sizes."""

from dataclasses import replace
from typing import Final, Literal

from gateway import formats
from gateway.download_types import Ask, Entity
from gateway.errors import BadRequest, Forbidden, NotAcceptable, NotFound, Unsupported
from gateway.formats import Format
from gateway.formats.plots import HISTOPLOT, SAMPLESPLOT, drawn_as
from gateway.rights import Granularity, View

__all__ = ["PACKED", "check_seen", "checked", "choose", "packing", "spelled"]

PACKED: Final = ".gz"
"""Behind the name of any format: the same as a gzip file."""
_WITH_POSITIONS: Final[tuple[Entity, ...]] = ("variants", "frequencies")


def choose(ask: Ask, accept: str) -> tuple[Ask, Format, bool]:
    """The format of a request, what it then asks for, and whether the file is to be packed.

    Raises NotAcceptable, BadRequest.
    """
    word = ask.output or formats.by_accept(accept, ask.entity).name
    packed = word.endswith(PACKED)
    form = formats.by_word(word.removesuffix(PACKED), ask.entity)
    plain = replace(ask, output=form.name)
    made = formats.delivered(form, ask.entity)
    if made is None:
        raise NotAcceptable(f"{form.name} does not hold {ask.entity}", parameter="output")
    if word.removesuffix(PACKED) in form.whole or made != ask.entity:
        plain = replace(plain, entity=made, whole_samples=True)
    if form in (HISTOPLOT, SAMPLESPLOT):
        ignored = tuple(f"unknown parameter ignored: plotPars {name}" for name in drawn_as(plain).ignored)
        plain = replace(plain, warnings=(*plain.warnings, *ignored))
    return replace(plain, order=_order(plain, form, packed)), form, packed


def _order(ask: Ask, form: Format, packed: bool) -> Literal["", "position"]:
    """The order of a file's rows; what is always sorted need not be asked to be.  Raises Unsupported."""
    if ask.order and (not form.by_position or ask.entity not in _WITH_POSITIONS):
        kinds = ", ".join(each.words[0] for each in formats.OFFERED if each.by_position)
        why = f"sorted: {form.name} of {ask.entity} is not to be had by position; of variants these are: {kinds}"
        raise Unsupported(why, parameter="sorted")
    if form.by_position == "always":
        return ""
    return "position" if form.by_position == "packed" and packed else ask.order


def packing(ask: Ask, form: Format) -> str:
    """How a file of an order is packed: what is sorted by position in blocks, of which parts can be read."""
    return "bgzf" if ask.order else form.packing


def spelled(ask: Ask, view: View) -> Ask:
    """The same, with datasets in the spelling that they have here: pgxRpi of 2023 asks for `Progenetix`.

    Names of MongoDB's databases differ in more than case.
    """
    here = {name.lower(): name for name in view.granted}
    return replace(ask, datasets=tuple(dict.fromkeys(here.get(name.lower(), name) for name in ask.datasets)))


def check_seen(names: tuple[str, ...], view: View) -> None:
    """Refuse datasets of which the caller sees nothing.  Raises NotFound."""
    if not names or not view.granted.keys() >= {*names}:
        # The same whether there is such a dataset that others may see, or none at all.
        there = ", ".join(view.granted) or "none"
        more = "; who has a token may see more" if view.differs else ""
        raise NotFound(f"no such dataset here; there are: {there}{more}", parameter="datasetIds")


def checked(ask: Ask, form: Format, names: tuple[str, ...], view: View) -> Ask:
    """The same as a format delivers it: without a page where it is of all samples, which is said then.

    Raises BadRequest, Forbidden, NotFound where it cannot, or its caller may not see it.
    """
    check_seen(names, view)
    for name in names:
        if not _is_told(ask, form, level := view.granted[name]):
            raise Forbidden(
                f"of dataset {name} you may see {level} answers only, and {form.name} is more: ask for output=json",
                parameter="datasetIds",
            )
    if ask.test_mode and not form.records:
        raise BadRequest(f"a {form.name} file is of data; testMode is for JSON", parameter="testMode")
    if len(names) > 1 and not form.sets:
        raise Unsupported(f"a {form.name} file holds one dataset; ask for each alone", parameter="datasetIds")
    if ask.skip and not (ask.limit or (form.paged and ask.limit is None)):
        raise BadRequest("pages are skipped where limit says how long they are", parameter="skip")
    if ask.limit and ask.order:
        raise Unsupported("a file that is sorted by position has no pages", parameter="limit")
    if ask.limit and not form.pages:
        raise Unsupported(f"a {form.name} file has no pages", parameter="limit")
    whole = (not form.paged or ask.limit == 0) and ask.entity not in {"collations", "cohorts", "datasets"}
    if whole and ask.selects_everything and not ask.all_data:
        raise BadRequest(
            "nothing narrows this download: name filters, ids or a variant query, "
            "or say allData=true to have the whole dataset",
            parameter="filters",
        )
    if not (ask.limit and form.of_all):
        return ask
    told = f"limit and skip do not apply to {form.name}, which is of all samples that are selected"
    return replace(ask, limit=None, skip=0, warnings=(*ask.warnings, told))


def _is_told(ask: Ask, form: Format, level: Granularity) -> bool:
    """Whether a format can be had of a dataset of which no more than that may be seen.

    Filtering terms with their counts say what a count of each would say.
    """
    return level == "record" or form.reducible or (level == "count" and ask.entity == "collations")
