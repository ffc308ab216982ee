"""CSS that can neither load anything nor leave the output that it belongs to.

Properties, functions and selectors are kept if they are known to be harmless; the rest
is dropped. An output's box clips what is in it (`contain` in templates/style.css), so
that nothing can be laid over the page.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import tinycss2

# How something looks.
LOOKS = re.compile(
    r"""(--[\w-]+|color|opacity|visibility|display|direction|content|cursor|fill|stroke
    |background(-(color|image|position|repeat|size|clip|origin))?|border(-[a-z-]+)?
    |font(-[a-z-]+)?|text(-[a-z-]+)?|line-height|letter-spacing|white-space|tab-size
    |word-(break|spacing|wrap)|overflow(-[xy]|-wrap)?|hyphens|quotes|vertical-align
    |padding(-[a-z-]+)?|(min-|max-)?(width|height|inline-size|block-size)
    |list-style(-[a-z]+)?|table-layout|caption-side|empty-cells|box-(sizing|shadow)
    |outline(-[a-z-]+)?|object-(fit|position)|aspect-ratio|accent-color
    |(flex|grid|align|justify|place|column|row)(-[a-z-]+)?|flex|gap|order
    |counter-(reset|increment)|scrollbar-(width|color))""",
    re.VERBOSE,
)
# Where it lies: it could cover something else, unless a box clips it.
PLACES = re.compile(
    r"""(position|top|right|bottom|left|inset(-[a-z-]+)?|margin(-[a-z-]+)?|float|clear
    |z-index|transform(-origin)?|translate|rotate|scale|clip-path|filter)""",
    re.VERBOSE,
)
# Those that take no address, not even as a text.
FUNCTIONS = frozenset(
    """
    rgb rgba hsl hsla hwb lab lch oklab oklch color color-mix light-dark var env calc
    min max clamp round linear-gradient radial-gradient conic-gradient
    repeating-linear-gradient repeating-radial-gradient repeating-conic-gradient minmax
    repeat fit-content translate translatex translatey scale scalex scaley rotate skew
    skewx skewy matrix inset circle ellipse polygon grayscale opacity brightness
    contrast saturate invert counter counters
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
POSITIONS = frozenset(("static", "relative", "absolute", "sticky"))
BLOCKS = ("[] block", "() block")
NUMBERS = ("number", "percentage", "dimension")
COMBINATORS = (">", "+", "~")
# Names of the page as a whole, for which an output's own box stands.
WHOLE_PAGE = frozenset((":root", ":host", "html", "body"))


def clean_style(style: str, boxed: bool = False) -> str:
    """Return those declarations of a `style` attribute that are harmless.

    Args:
        boxed: whether a box clips the element, which may then lie anywhere in it.
    """
    return " ".join(f"{one};" for one in _declarations(style, boxed))


def scope_sheet(sheet: str, scope: str) -> str:
    """Return a style sheet that applies to nothing but what is in one element.

    Ids are those that `scoped_id` gives; rules for the whole page keep their variables.

    Args:
        scope: the id of the element, which clips what is in it.
    """
    rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    written = (_rule(one, scope) for one in rules if one.type == "qualified-rule")
    # `<` could end the sheet; CSS has no need of it.
    return "\n".join(filter(None, written)).replace("<", "\\3c ")


def scoped_id(name: str, scope: str) -> str:
    """Return the id that an output's id becomes on the page."""
    return f"{scope}-{name}"


def _rule(rule: Any, scope: str) -> str:
    declared = list(_declarations(rule.content, boxed=True))
    prelude = list(rule.prelude)
    if tinycss2.serialize(prelude).strip().lower() in WHOLE_PAGE:
        selectors = [f"#{scope}"]
        declared = [one for one in declared if one.startswith("--")]
    else:
        groups = groupby(prelude, lambda one: one == ",")
        parts = [list(group) for is_comma, group in groups if not is_comma]
        selectors = [f"#{scope} {_selector(part, scope)}" for part in parts if part]
        # One that is not understood makes a whole rule void, as in a browser.
        if not all(_is_selector(part) for part in parts):
            return ""
    if not selectors or not declared:
        return ""
    return f"{', '.join(selectors)} {{ {'; '.join(declared)} }}"


def _is_selector(tokens: Sequence[Any]) -> bool:
    """Return whether a selector, written behind an element's, finds what is in it."""
    first = next((one for one in tokens if one.type != "whitespace"), None)
    if first is None or first in COMBINATORS:
        return False
    return all(_is_harmless(one, selecting=True) and one != "&" for one in tokens)


def _selector(tokens: Iterable[Any], scope: str) -> str:
    return "".join(_selector_parts(tokens, scope)).strip()


def _selector_parts(tokens: Iterable[Any], scope: str) -> Iterator[str]:
    for one in tokens:
        if one.type == "hash":
            yield "#" + tinycss2.serialize_identifier(scoped_id(one.value, scope))
        elif one.type == "function":
            yield f"{one.name}({''.join(_selector_parts(one.arguments, scope))})"
        else:
            yield one.serialize()


def _declarations(content: Any, boxed: bool) -> Iterator[str]:
    """List the harmless declarations of a rule or an attribute."""
    parsed = tinycss2.parse_blocks_contents(
        content, skip_comments=True, skip_whitespace=True
    )
    for one in parsed:
        if one.type == "declaration" and _is_allowed(
            one.name.lower(), one.value, boxed
        ):
            important = " !important" if one.important else ""
            yield f"{one.name}: {tinycss2.serialize(one.value).strip()}{important}"


def _is_allowed(name: str, value: Sequence[Any], boxed: bool) -> bool:
    words = [one for one in value if one.type not in ("whitespace", "comment")]
    if not all(_is_harmless(one) for one in words):
        return False
    if name == "position":
        return (
            boxed
            and [one.type for one in words] == ["ident"]
            and (words[0].lower_value in POSITIONS)
        )
    if PLACES.fullmatch(name):
        in_place = name.startswith("margin") and not any(map(_is_negative, words))
        return boxed or in_place
    return bool(LOOKS.fullmatch(name))


def _is_negative(value: Any) -> bool:
    """Return whether a value may be below zero."""
    number = value.value if value.type in NUMBERS else 0
    return value.type == "function" or number < 0


def _is_harmless(value: Any, selecting: bool = False) -> bool:
    """Return whether a part of a value or a selector can load nothing."""
    if value.type == "function":
        known = selecting or value.lower_name in FUNCTIONS
        return known and all(_is_harmless(one, selecting) for one in value.arguments)
    if value.type in BLOCKS:
        return all(_is_harmless(one, selecting) for one in value.content)
    return value.type not in ("url", "error", "at-keyword", "{} block")
