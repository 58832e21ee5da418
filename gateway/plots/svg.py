"""SVG as text: elements, numbers, and text from anywhere made safe to stand in a document that a browser draws.

Only presentation attributes, classes and `data-` attributes: no ids, scripts, styles or references, so that a plot can
stand in a page under the strictest Content-Security-Policy, several in one page, and any rule of a page's CSS wins.
"""

import re
from typing import Final

__all__ = [
    "Attributes",
    "brief",
    "cut",
    "element",
    "empty",
    "number",
    "safe",
    "text",
    "thousands",
    "title",
    "width_of",
    "wrapped",
]

# What XML cannot hold, what would break a line, and what turns the direction of text: shown, not obeyed.
_NO_TEXT: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e007f]"
)
_MARKUP: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_NARROW, _WIDE = frozenset("fijlrtI.,:;!|'()[] -"), frozenset("mwMW@%")
Attributes = dict[str, str | float | None]
"""Of an element, by name: `font_size` is `font-size`, None is left out."""

_UNSAFE: Final = re.compile("[&<>\"']")
_LONGEST: Final = 500
_MOST_LINES: Final = 3


def safe(value: str) -> str:
    """The text as content or value of an attribute; what cannot be shown becomes `U+FFFD`."""
    return _UNSAFE.sub(lambda found: _MARKUP[found[0]], _NO_TEXT.sub("\ufffd", value))


def brief(value: str) -> str:
    """The text, cut where it is longer than anything that is read."""
    return value if len(value) <= _LONGEST else value[:_LONGEST] + "…"


def number(value: float) -> str:
    """A coordinate: two digits behind the point at most, as few as there are."""
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".")


def thousands(value: int) -> str:
    """A count as people read it: `1,234`."""
    return f"{value:,}"


def _attributes(attributes: Attributes) -> str:
    said = []
    for name, value in attributes.items():
        if value is not None:
            told = safe(value) if isinstance(value, str) else number(value)
            said.append(f' {name.rstrip("_").replace("_", "-")}="{told}"')
    return "".join(said)


def element(name: str, content: str, **attributes: str | float | None) -> str:
    """An element around content that is SVG already; `font_size` is `font-size`, None leaves an attribute out."""
    return f"<{name}{_attributes(attributes)}>{content}</{name}>"


def empty(name: str, **attributes: str | float | None) -> str:
    """An element without content."""
    return f"<{name}{_attributes(attributes)}/>"


def text(value: str, x: float, y: float, **attributes: str | float | None) -> str:
    """A line of text; a class of its own is added to the one that all text has."""
    class_ = " ".join(filter(None, ("plot-text", str(attributes.pop("class_", "") or ""))))
    return element("text", safe(brief(value)), class_=class_, x=x, y=y, **attributes)


def title(value: str) -> str:
    """What a browser shows of an element that is pointed at, and a screen reader says of it."""
    return element("title", safe(brief(value)))


def width_of(value: str, size: float) -> float:
    """About how wide a text is in a sans serif of that size, rather too wide than too narrow."""
    ems = 0.0
    for letter in value:
        if letter in _NARROW:
            ems += 0.36
        elif letter in _WIDE or letter.isupper():
            ems += 0.9 if letter in _WIDE else 0.74
        else:
            ems += 0.58 if letter < "\u2000" else 1.05
    return ems * size


def cut(value: str, width: float, size: float) -> str:
    """The text, or as much of it as fits and an ellipsis."""
    if width_of(value, size) <= width:
        return value
    kept = value[:_LONGEST]
    while kept and width_of(kept, size) + size > width:
        kept = kept[:-1]
    return kept.rstrip() + "…" if kept else ""


def wrapped(value: str, width: float, size: float) -> list[str]:
    """The words of a text in lines that fit; three at most, of which the last is cut."""
    lines = [""]
    for word in brief(value).split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and len(lines) < _MOST_LINES and width_of(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [cut(line, width, size) for line in lines]
