"""Markdown and formulas as harmless HTML: text cells, and outputs that are text.

Written for JupyterLab: its anchors of headings, attached pictures, task lists,
footnotes and GitHub's alerts. Formulas become MathML here, so that nothing has to be
loaded or run to show them.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import quote, unquote

import nh3
from math_core import LatexError, LatexToMathML
from mistune import HTMLRenderer
from mistune.plugins import import_plugin
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from notebook_page.sanitize import Address, Clean, anchor, clean, nowhere

ALERT = re.compile(r"<p>\[!(note|tip|important|warning|caution)\]\s*", re.IGNORECASE)
TAG = re.compile(r"<[^>]*>")
# Private characters stand for a formula while the text around it is made harmless.
HELD = re.compile("\ue000(\\d+)\ue001")
HTML_TAG = '<[^<>"]*(?:"[^"]*"[^<>"]*)*>'
HELD_OR_TAG = re.compile(f"{HTML_TAG}|\ue000(\\d+)\ue001")
TAGS = re.compile(f"({HTML_TAG})")
CODE = re.compile(r"<(/?)(?:code|pre|kbd|samp)\b")
# What a formula has, and an amount of money has not.
TEX_SIGN = re.compile(r"[\\^_{]")
PRIVATE = str.maketrans("", "", "\ue000\ue001")
# What MathJax sets as formulas in any text.
FORMULA = re.compile(
    r"(?<!\\)\$\$(?P<block>.+?)(?<!\\)\$\$|(?<![$\\])\$(?P<inline>[^$]+?)(?<!\\)\$"
    r"|\\\[(?P<brackets>.+?)\\\]|\\\((?P<parentheses>.+?)\\\)"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.*?\\end\{(?P=name)\})",
    re.DOTALL,
)
MATHML = set(
    """
    math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom
    mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr
    munder munderover
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
MATHML_ATTRIBUTES = set(
    """
    accent accentunder depth dir display displaystyle fence form height largeop
    linethickness lspace mathvariant maxsize minsize movablelimits rspace scriptlevel
    separator stretchy style symmetric voffset width
    """.split()  # noqa: SIM905
)

# What math-core lays tables and colours out with.
MATHML_STYLE = set(
    """
    border-bottom border-left border-right border-top color justify-items padding-left
    padding-right text-align width
    """.split()  # noqa: SIM905
)


@dataclass
class Formulas:
    """The formulas of one page: a command that one defines is known to the next."""

    held: list[tuple[str, bool]] = field(default_factory=list)

    @cached_property
    def _converter(self) -> LatexToMathML:
        return LatexToMathML(fancy_error=False, global_group=True)

    def hold(self, tex: str, *, block: bool) -> str:
        """Return what stands for a formula until `show` puts it there."""
        self.held.append((tex, block))
        return f"\ue000{len(self.held) - 1}\ue001"

    def show(self, text: str) -> str:
        """Put the formulas into harmless HTML; within a tag, as they were written."""

        def put(found: re.Match[str]) -> str:
            if found[1] is None:
                return HELD.sub(
                    lambda one: html.escape(self.held[int(one[1])][0]), found[0]
                )
            return self.mathml(*self.held[int(found[1])])

        return HELD_OR_TAG.sub(put, text)

    def mathml(self, tex: str, block: bool) -> str:
        """Return a formula as MathML; as it was written if it is not understood."""
        if written := self._typeset(tex, block):
            return written
        tag = "pre" if block else "code"
        return f'<{tag} class="tex">{html.escape(tex.strip())}</{tag}>'

    def latex(self, text: str) -> str:
        """Return LaTeX as JupyterLab shows it: text, with formulas where they are."""
        parts, at = [], 0
        for found in FORMULA.finditer(text):
            parts += [html.escape(text[at : found.start()]), self.mathml(*_tex(found))]
            at = found.end()
        rest = html.escape(text[at:])
        if not parts and "\\" in text:
            return f'<pre class="tex">{rest}</pre>'
        return "".join([*parts, rest])

    def in_html(self, text: str) -> str:
        """Show the formulas in harmless HTML, as in the names of a table's columns.

        What merely has two dollar signs, or is not understood, stays as it is.
        """
        # A search for one would go to the end of the page from each sign.
        if "$" not in text and "\\" not in text:
            return text
        parts, code = TAGS.split(text), 0
        for index, part in enumerate(parts):
            # Every second one is a tag.
            if tag := CODE.match(part) if index % 2 else None:
                code += -1 if tag[1] else 1
            elif not index % 2 and not code:
                parts[index] = FORMULA.sub(self._in_text, part)
        return "".join(parts)

    def _in_text(self, found: re.Match[str]) -> str:
        tex, block = _tex(found)
        if found["inline"] and not TEX_SIGN.search(tex):
            return found[0]
        return self._typeset(html.unescape(tex), block) or found[0]

    def _typeset(self, tex: str, block: bool) -> str:
        """Return a formula as MathML; "" if it is not understood."""
        known = tex.replace("{eqnarray", "{align")
        if r"\tag" in known and r"\begin" not in known:
            known = rf"\begin{{equation}}{known}\end{{equation}}"
        convert = self._converter.convert_with_global_state
        try:
            written = convert(known, displaystyle=block)
        except LatexError:
            return ""
        return nh3.clean(
            written,
            tags=MATHML,
            attributes={"*": MATHML_ATTRIBUTES},
            filter_style_properties=MATHML_STYLE,
        )


def _tex(found: re.Match[str]) -> tuple[str, bool]:
    """Return a formula without its signs, and whether it is a block of its own."""
    tex = next(filter(None, found.group(1, 2, 3, 4, 5)))
    return tex, not (found["inline"] or found["parentheses"])


@dataclass
class Texts:
    """Renders the Markdown of one page, whose cells share anchors.

    Attributes:
        formulas: those of the page.
        link: returns where a relative link leads; "" if nowhere.
        picture: returns a file's picture as data; "" if there is none.
    """

    formulas: Formulas = field(default_factory=Formulas)
    link: Address = nowhere
    picture: Address = nowhere
    _count: int = 0
    _anchors: dict[str, str] = field(default_factory=dict)  # by simplified name

    def render(
        self, source: str, attachments: Mapping[str, Any] | None = None
    ) -> Clean:
        """Render the Markdown of a cell or of an output."""
        self._count += 1
        renderer = _Renderer(self, attachments or {}, self._count)
        markdown = MarkdownWithMath(renderer=renderer, plugins=_plugins())
        written = markdown.render(source.translate(PRIVATE))
        found = clean(written, link=self.link, picture=renderer.picture)
        found.html = self.formulas.show(found.html)
        for name in re.findall(r' (?:id|name)="([^"]*)"', found.html):
            self._anchors.setdefault(_simple(html.unescape(name)), name)
        return found

    def unique(self, name: str) -> str:
        """Return the anchor of a heading, which is the first of this name."""
        known = _simple(anchor(name)) in self._anchors
        return f"{name}-{self._count}" if known else name

    def lead(self, page: str) -> str:
        """Let links within the page lead to its anchors, however they are spelled."""

        def to_anchor(found: re.Match[str]) -> str:
            name = _simple(html.unescape(unquote(found[1])))
            known = self._anchors.get(name)
            return f'href="#{quote(html.unescape(known))}"' if known else found[0]

        return re.sub(r'href="#([^"]*)"', to_anchor, page)


class _Renderer(IPythonRenderer):
    """nbconvert's renderer, with JupyterLab's anchors, and formulas that are held."""

    def __init__(self, texts: Texts, attachments: Mapping[str, Any], cell: int) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.texts, self.cell = texts, cell
        self.pictures = attachments

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        name = html.unescape(TAG.sub("", text)).strip().replace(" ", "-")
        name = html.escape(self.texts.unique(name))
        return f'<h{level} id="{name}">{text}</h{level}>\n'

    def block_quote(self, text: str) -> str:
        if not (kind := ALERT.match(text.lstrip())):
            return str(super().block_quote(text))
        title, body = kind[1].capitalize(), ALERT.sub("<p>", text, count=1)
        return (
            f'<div class="alert alert-{kind[1].lower()}">'
            f'<p class="alert-title">{title}</p>{body}</div>\n'
        )

    def image(self, text: str, url: str, title: str | None = None) -> str:
        # The sanitiser asks for what is attached.
        return str(HTMLRenderer.image(self, text, url, title))

    def picture(self, address: str) -> str:
        """Return a picture that is attached to the cell or lies beside the notebook."""
        if not address.startswith("attachment:"):
            return self.texts.picture(address)
        name = unquote(address.removeprefix("attachment:"))
        attached = self.pictures.get(name)
        for kind, content in attached.items() if isinstance(attached, Mapping) else ():
            if kind.startswith("image/") and isinstance(content, str):
                return f"data:{kind};base64,{''.join(content.split())}"
        return ""

    def block_mermaidjs(self, code: str) -> str:
        return str(HTMLRenderer.block_code(self, code))

    def block_math(self, body: str) -> str:
        return self.texts.formulas.hold(body, block=True)

    def inline_math(self, body: str) -> str:
        return self.texts.formulas.hold(body, block=False)

    def latex_environment(self, name: str, body: str) -> str:
        tex = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return self.texts.formulas.hold(tex, block=True)

    def footnote_ref(self, key: str, index: int) -> str:
        place = f"{self.cell}-{index}"
        return f'<sup id="fnref-{place}"><a href="#fn-{place}">{index}</a></sup>'

    def footnote_item(self, text: str, key: str, index: int) -> str:
        place = f"{self.cell}-{index}"
        back = f' <a href="#fnref-{place}" title="back to the text">↩</a></p>'
        return (
            f'<li id="fn-{place}">{back.join(text.rstrip().rsplit("</p>", 1))}</li>\n'
        )


@cache
def _plugins() -> tuple[Any, ...]:
    names = (*MarkdownWithMath.DEFAULT_PLUGINS, "footnotes")
    return tuple(map(import_plugin, names))


def _simple(name: str) -> str:
    """Return what JupyterLab's and GitHub's anchors of one heading have in common."""
    return re.sub(r"\W+", "-", name.casefold()).strip("-")
