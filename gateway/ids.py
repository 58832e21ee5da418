"""What an id may be: one law for who stores ids (`import`) and for who is asked for them (parameters, paths, bodies).

Whatever can be stored can be asked for, by parameter, by path and by POST.  So an id is text that can be seen, without
what requests use for something else: commas (they separate ids wherever a request names several, and the links that
answers hold are such requests), blanks around it (they are stripped), words that mean nothing (`null`), dots alone
(clients take them out of paths), and, in front, quotes (files wrap ids in them) and `$` (MongoDB's operators).
Everything else, `NCI/ADR-X`, `HL-00(TB)`, `DEMO 1; #2 100%`, is an id.
"""

from functools import lru_cache
from typing import Final

__all__ = ["NOTHING", "flaw"]

# What pages and scripts send where they have no value.
NOTHING: Final = frozenset(("none", "null", "undefined"))
# Some hundred of these fit the first line of a request.
_LONGEST: Final = 128


# The rows of a file name the same few biosamples millions of times.
@lru_cache(maxsize=4096)
def flaw(text: str) -> str:
    """Why this is not an id; empty if it is one."""
    flaws = (
        (not text, "empty"),
        (not text.strip("."), "nothing but dots"),
        (len(text) > _LONGEST, f"longer than {_LONGEST} characters"),
        ("," in text, "a comma separates ids"),
        (not text.isprintable(), "a character that cannot be seen"),  # controls, surrogates, blanks other than U+0020
        (text != text.strip(), "a blank around it"),
        (text[:1] in {'"', "'", "$"}, f"it begins with {text[:1]}"),
        (text.lower() in NOTHING, "it means that there is none"),
    )
    return next((why for found, why in flaws if found), "")
