"""Which format answers a request, and whether it may: its datasets, pages and sizes."""

from dataclasses import replace
from typing import Final

from gateway import formats
from gateway.config import Config
from gateway.download_types import Ask
from gateway.errors import BadRequest, NotAcceptable, NotFound, Unsupported
from gateway.formats import Format

__all__ = ["PACKED", "check", "choose", "spelled"]

PACKED: Final = ".gz"
"""Behind the name of any format: the same as a gzip file."""


def choose(ask: Ask, accept: str) -> tuple[Ask, Format, bool]:
    """The format of a request, what it then asks for, and whether the file is to be packed."""
    word = ask.output or formats.by_accept(accept, ask.entity).name
    form = formats.by_word(word.removesuffix(PACKED), ask.entity)
    plain = replace(ask, output=form.name)
    made = formats.delivered(form, ask.entity)
    if made is None:
        raise NotAcceptable(f"{form.name} does not hold {ask.entity}", parameter="output")
    if word.removesuffix(PACKED) in form.whole or made != ask.entity:
        plain = replace(plain, entity=made, whole_samples=True)
    return plain, form, word.endswith(PACKED)


def spelled(ask: Ask, config: Config) -> Ask:
    """The same, with datasets in the spelling that they have here: pgxRpi of 2023 asks for `Progenetix`.

    Names of MongoDB's databases differ in more than case.
    """
    here = {name.lower(): name for name in config.datasets}
    return replace(ask, datasets=tuple(dict.fromkeys(here.get(name.lower(), name) for name in ask.datasets)))


def check(ask: Ask, form: Format, names: tuple[str, ...], config: Config) -> None:
    """Refuse what a format cannot deliver.  Raises BadRequest, NotFound."""
    for name in names:
        if name not in config.datasets:
            raise NotFound(f"no such dataset here; there are: {', '.join(config.datasets)}", parameter="datasetIds")
    if ask.test_mode and not form.records:
        raise BadRequest(f"a {form.name} file is of data; testMode is for JSON", parameter="testMode")
    if len(names) > 1 and not form.sets:
        raise Unsupported(f"a {form.name} file holds one dataset; ask for each alone", parameter="datasetIds")
    if ask.skip and not (ask.limit or (form.paged and ask.limit is None)):
        raise BadRequest("pages are skipped where limit says how long they are", parameter="skip")
    if ask.limit and not form.pages:
        raise Unsupported(f"a {form.name} file has no pages", parameter="limit")
    whole = (not form.paged or ask.limit == 0) and ask.entity not in {"collations", "cohorts", "datasets"}
    if whole and ask.selects_everything and not ask.all_data:
        raise BadRequest(
            "nothing narrows this download: name filters, ids or a variant query, "
            "or say allData=true to have the whole dataset",
            parameter="filters",
        )
