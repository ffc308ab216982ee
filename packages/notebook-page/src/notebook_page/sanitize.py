"""HTML of a notebook, made so that it runs nothing, loads nothing and covers nothing.

nh3 copies the tags and attributes that are known to be harmless. What it would drop
with all that is in it is replaced before by something that shows the same: a drawing
by a picture, a frame by its content or its address, a style sheet by one that applies
to this output only.
"""

import base64
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import nh3
from bs4 import BeautifulSoup, Tag
from bs4.element import PreformattedString

from notebook_page.css import clean_style, scope_sheet, scoped_id

TAGS = set(
    """
    a abbr address article aside audio b bdi bdo big blockquote br caption center cite
    code col colgroup dd del details dfn div dl dt em figcaption figure font footer h1
    h2 h3 h4 h5 h6 header hr i img input ins kbd label li main mark meter nav ol p pre
    progress q s samp section small source span strike strong sub summary sup table
    tbody td tfoot th thead time tr tt u ul var video wbr
    """.split()  # noqa: SIM905, a page of names reads better unquoted
)
# Their text goes with them, where of other tags only the tag does.
DROPPED = {"script", "style", "template", "noscript", "title", "textarea", "button"}
ATTRIBUTES = {
    "*": {
        *("align", "bgcolor", "class", "dir", "height", "hidden", "id", "lang"),
        *("role", "style", "title", "valign", "width"),
    },
    "a": {"href", "name"},
    "audio": {"controls", "loop", "muted", "src"},
    "details": {"open"},
    "font": {"color", "face", "size"},
    "img": {"alt", "src"},
    "input": {"checked", "disabled", "type"},
    "label": {"for"},
    "li": {"value"},
    "meter": {"high", "low", "max", "min", "optimum", "value"},
    "ol": {"reversed", "start", "type"},
    "progress": {"max", "value"},
    "source": {"src", "type"},
    "td": {"colspan", "headers", "rowspan"},
    "th": {"colspan", "headers", "rowspan", "scope"},
    "time": {"datetime"},
    "video": {"controls", "loop", "muted", "poster", "src"},
}
# Ids that are the page's own.
RESERVED = re.compile(r"failed|output-\d+.*")
IDS = ("id", "for", "headers", "name")
SOURCES = ("src", "poster")
# Fields that show their value.
TYPED = frozenset(("date", "email", "number", "search", "tel", "text", "time", "url"))
DATA = re.compile(r"data:(image|audio|video)/[\w.+-]+[;,]", re.IGNORECASE)
PICTURE_IN_SCRIPT = re.compile(r"data:image/\w+;base64,(?:[A-Za-z0-9+/=]|\\\n)+")
LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
MEDIA = ["audio", "img", "video"]
FRAMES = ["embed", "iframe", "object"]
# These have to be replaced before nh3 drops them.
REPLACED = re.compile(
    r"<(audio|body|canvas|embed|iframe|img|input|object|svg|video)\b|sk-global",
    re.IGNORECASE,
)
VISIBLE = re.compile(r"<(audio|hr|img|input|meter|progress|table|video)\b")
# A style sheet of a table with some 5,000 styled cells.
LONGEST_SHEET = 500_000
LONGEST_NAME = 100
LARGEST_PICTURE = 5_000_000
PICTURES = {
    ".gif": "gif",
    ".jpeg": "jpeg",
    ".jpg": "jpeg",
    ".png": "png",
    ".svg": "svg+xml",
    ".webp": "webp",
}
SVG_SPACES = {
    "xmlns": "http://www.w3.org/2000/svg",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
# A browser nests no deeper than 512 elements, and reading them takes longer the deeper.
DEEPEST = 512
BEGIN_OR_END = re.compile(r"<(/?)([a-zA-Z][\w-]*)(?=([^<>]*))")
# They end by themselves, before another one or at once.
ENDLESS = frozenset(
    """
    area base br col dd dt embed hr img input li link meta option p param source tbody
    td tfoot th thead tr wbr
    """.split()  # noqa: SIM905
)
# HTML forgets how SVG spells these.
SVG_NAMES = {
    name.lower(): name
    for name in """
    attributeName baseFrequency clipPath clipPathUnits diffuseConstant feBlend
    feColorMatrix feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB
    feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feOffset
    gradientTransform gradientUnits linearGradient markerHeight markerUnits markerWidth
    maskContentUnits maskUnits pathLength patternContentUnits patternTransform
    patternUnits preserveAspectRatio radialGradient refX refY repeatCount repeatDur
    spreadMethod startOffset stdDeviation textLength textPath viewBox foreignObject
    """.split()  # noqa: SIM905
}


Address = Callable[[str], str]


def nowhere(address: str) -> str:
    """Return "": no relative address leads anywhere."""
    return ""


@dataclass
class Clean:
    """Harmless HTML with its style sheet, and what of the original it cannot show."""

    html: str = ""
    sheet: str = ""
    missing: list[str] = field(default_factory=list)
    scripts: str = ""  # the code that was left out: it may tell what it draws

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is left to be seen."""
        text = html.unescape(re.sub(r"<[^>]*>", "", self.html))
        return not text.strip() and not VISIBLE.search(self.html)


def clean(
    text: str, scope: str = "", *, link: Address = nowhere, picture: Address = nowhere
) -> Clean:
    """Make HTML harmless.

    Args:
        scope: the id of the box around it, which its ids and style sheets are for; in
            Markdown, which has no box, ids stay as they are and style sheets go.
        link: returns where a relative link leads; "" if nowhere.
        picture: returns the data of a picture that is named by a relative address; ""
            if there is none.
    """
    found = Clean()
    text, scripts = _cut(text, "script")
    found.scripts = "\n".join(scripts)
    drawn = REPLACED.search(text)
    if drawn and _depth(text, self_closing=True) <= DEEPEST:
        # Behind the last tag is text. Python's parser would look for tags in it for
        # long if it had many that are never closed.
        end = text.rfind(">") + 1
        text = text[:end] + text[end:].replace("<", "&lt;")
        soup = BeautifulSoup(text, features="html.parser")
        held = PICTURE_IN_SCRIPT.search(found.scripts)
        first = held[0].replace("\\\n", "") if held else ""
        replacement = _Replacement(soup, link, picture, first)
        found.missing += replacement.replace(soup)
        text = str(soup)
    text, sheets = _cut(text, "style")
    if _depth(text) > DEEPEST:
        return Clean(missing=["HTML that is nested too deep"])
    found.html = nh3.clean(
        text,
        tags=TAGS,
        clean_content_tags=DROPPED,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute_filter(scope, link),
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    sheet = "\n".join(sheets)
    if scope and len(sheet) > LONGEST_SHEET:
        found.missing.append(f"its style sheet of {len(sheet) // 1000:,} kB")
    elif scope:
        found.sheet = scope_sheet(sheet, scope)
    return found


def drawing(svg: str) -> str:
    """Return an SVG drawing as the address of a picture, in which nothing runs."""
    content = base64.b64encode(svg.encode()).decode()
    return f"data:image/svg+xml;base64,{content}"


def not_shown(what: str, name: str = "", target: str = "") -> str:
    """Return HTML that says in its place what is not shown, with a link to it."""
    said = html.escape(name if len(name) < LONGEST_NAME else f"{name[:99]}…")
    if target:
        said = f'<a href="{html.escape(target)}">{said}</a>'
    # Code in a note is marked as in Markdown.
    what = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(what, quote=False))
    return f'<span class="not-shown">not shown: {f"{what} {said}".strip()}</span>'


def anchor(name: str, scope: str = "") -> str:
    """Return the id on the page of what a notebook calls by a name."""
    if scope:
        return scoped_id(name, scope)
    return f"text-{name}" if RESERVED.fullmatch(name) else name


def _cut(text: str, tag: str) -> tuple[str, list[str]]:
    """Cut elements whose content is no HTML out of a text; return what was in them."""
    begin = re.compile(rf"<{tag}\b[^>]*>", re.IGNORECASE)
    end = re.compile(rf"</{tag}\s*>", re.IGNORECASE)
    kept, cut, at = [], [], 0
    while (opened := begin.search(text, at)) and (
        closed := end.search(text, opened.end())
    ):
        kept.append(text[at : opened.start()])
        cut.append(text[opened.end() : closed.start()])
        at = closed.end()
    return "".join([*kept, text[at:]]), cut


def _depth(text: str, self_closing: bool = False) -> int:
    """Return how deep elements lie in each other, or more.

    Args:
        self_closing: whether a slash ends an element at once, as it does in SVG only.
    """
    depth = deepest = 0
    for found in BEGIN_OR_END.finditer(text):
        is_whole = self_closing and found[3].endswith("/")
        if found[2].lower() not in ENDLESS and not is_whole:
            depth = max(0, depth - 1) if found[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _attribute_filter(
    scope: str, link: Address
) -> Callable[[str, str, str], str | None]:
    """Return what nh3 asks for the value of each attribute that it keeps."""

    def value_of(tag: str, name: str, value: str) -> str | None:
        if name == "style":
            return clean_style(value, boxed=bool(scope)) or None
        if name in SOURCES:
            return value if DATA.match(value) else None
        if name == "href":
            return _link(value, scope) or link(value) or None
        if name == "type" and tag == "input":
            return "checkbox"
        if name in IDS:
            return " ".join(anchor(one, scope) for one in value.split())
        return value

    return value_of


def _link(address: str, scope: str) -> str:
    """Return where a link leads: elsewhere, or to a place on the page."""
    if not LINK.match(address):
        return ""
    if address.startswith("#") and scope:
        return f"#{quote(scoped_id(unquote(address[1:]), scope))}"
    return address


@dataclass(frozen=True)
class _Replacement:
    """Replaces what cannot be kept by what shows the same, and names the rest."""

    soup: BeautifulSoup
    link: Address
    picture: Address
    in_script: str  # a picture that a script would put where none is, as data

    def replace(self, inside: Tag) -> Iterator[str]:
        for one in _outermost(inside(FRAMES)):
            yield from self._frame(one)
        drawings = _outermost(inside("svg"))
        for one in drawings:
            self._share(one)
        for one in drawings:
            self._drawing(one)
        for one in inside(MEDIA):
            self._media(one)
        for one in _outermost(inside("canvas")):
            one.decompose()
            yield "what a script would draw"
        for one in inside("input"):
            kind = str(one.get("type") or "text").lower()
            if kind != "checkbox":
                typed = str(one.get("value") or "") if kind in TYPED else ""
                one.replace_with(typed)
        # scikit-learn's own script would say whether the page is light or dark.
        for one in inside(class_="sk-global"):
            one["class"] = f"{' '.join(one['class'])} light"

    def _frame(self, frame: Tag) -> Iterator[str]:
        """Replace a frame by the content that it carries, or by its address."""
        content = frame.get("srcdoc")
        if isinstance(content, str):
            content, scripts = _cut(content, "script")
            inner = BeautifulSoup(content, features="html.parser")
            yield from self.replace(inner)
            if scripts:
                yield "the script of a frame"
            frame.replace_with(inner.body or inner)
            return
        address = str(frame.get("src") or frame.get("data") or "")
        kind = {"iframe": "a frame with", "object": "an object,"}.get(frame.name, "")
        self._mark(frame, kind, address)

    def _share(self, svg: Tag) -> None:
        """Give a drawing what several share and one of them holds."""
        names = {str(one.get("href") or one.get("xlink:href")) for one in svg("use")}
        for name in names:
            used = self.soup.find(id=name[1:]) if name.startswith("#") else None
            if isinstance(used, Tag) and not any(one is svg for one in used.parents):
                svg.append(BeautifulSoup(str(used), features="html.parser"))

    def _drawing(self, svg: Tag) -> None:
        """Replace an SVG drawing by a picture of it, which loads and runs nothing."""
        for one in (svg, *svg(True)):
            one.name = SVG_NAMES.get(one.name, one.name)
            spelled = {SVG_NAMES.get(name, name): it for name, it in one.attrs.items()}
            one.attrs = spelled
        svg.attrs |= SVG_SPACES
        picture = self.soup.new_tag("img", src=drawing(svg.decode(formatter="minimal")))
        picture["class"] = "drawing"
        picture["alt"] = svg.get_text(" ", strip=True)[:200]
        for name in {"height", "style", "width"} & svg.attrs.keys():
            picture[name] = svg[name]
        svg.replace_with(picture)

    def _media(self, element: Tag) -> None:
        """Replace a picture, sound or film that would have to be loaded."""
        held = [element, *element("source")]
        sources = [str(one["src"]) for one in held if one.get("src")]
        if any(DATA.match(one) for one in sources):
            return
        address = sources[0] if sources else ""
        if element.name == "img":
            data = "" if address else self.in_script
            if address and not LINK.match(address):
                data = self.picture(address)
            if data:
                element["src"] = data
                return
        kind = {"img": "the picture", "audio": "the sound"}.get(element.name)
        label = str(element.get("alt") or "")
        named = f"{kind or 'the film'} “{label}”" if label else kind or "the film"
        self._mark(element, named, address)

    def _mark(self, element: Tag, what: str, address: str) -> None:
        """Say in an element's place what is not shown."""
        target = address if LINK.match(address) else self.link(address)
        shown = address if LINK.match(address) else _name(address)
        # It is HTML already.
        element.replace_with(PreformattedString(not_shown(what, shown, target)))


def _outermost(elements: Iterable[Tag]) -> list[Tag]:
    """Leave out those of some elements that lie in others of them."""
    found: list[Tag] = []
    inner: set[int] = set()
    for one in elements:
        if id(one) not in inner:
            found.append(one)
            inner.update(map(id, one(True)))
    return found


def _name(address: str) -> str:
    """Return the file name at the end of an address that no reader can follow."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    known = parts.scheme in ("", "file", "attachment")
    return unquote(parts.path).rpartition("/")[2] if known else ""


def file_picture(address: str, folder: Path) -> str:
    """Return a picture file as data; "" unless it is one, below the working directory.

    Args:
        address: relative to the folder.
    """
    try:
        path = (folder / unquote(urlsplit(address).path)).resolve()
        size = path.stat().st_size if path.is_file() else LARGEST_PICTURE + 1
    except (OSError, ValueError):
        # Too long for a name, or no address at all.
        return ""
    kind = PICTURES.get(path.suffix.lower())
    if kind is None or not path.is_relative_to(Path.cwd()) or size > LARGEST_PICTURE:
        return ""
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
