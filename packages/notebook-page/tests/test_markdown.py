"""Markdown is shown as JupyterLab and GitHub show it, formulas included."""

import time

import pytest
from bs4 import BeautifulSoup
from notebook_page.markdown import Formulas, Texts


def rendered(*cells: str) -> BeautifulSoup:
    """Render text cells of one page."""
    texts = Texts()
    page = texts.lead("".join(texts.render(one).html for one in cells))
    return BeautifulSoup(page, features="html.parser")


@pytest.mark.parametrize(
    "link", ["#How-good-is-it?", "#How-good-is-it%3F", "#how-good-is-it"]
)
def test_a_link_leads_to_a_heading_of_another_cell(link: str) -> None:
    """Spelled as in JupyterLab, or as on GitHub."""
    soup = rendered(f"[contents]({link})", "## How good is it?")

    assert soup.h2["id"] == "How-good-is-it?"
    assert soup.a["href"] == "#How-good-is-it%3F"


def test_headings_of_one_name_have_an_anchor_each() -> None:
    """A link leads to the first; the page's own anchors stay its own."""
    soup = rendered("# Data\n\n[data](#data)", "# Data", "# failed", "<h1 id=output-3>")
    ids = [one["id"] for one in soup("h1")]

    assert ids == ["Data", "Data-2", "text-failed", "text-output-3"]
    assert soup.a["href"] == "#Data"


def test_anchors_that_are_written_as_html_are_found() -> None:
    """By id and by name."""
    soup = rendered("[a](#here) [b](#there)", '<a id="here"></a><a name="there"></a>')

    assert [one["href"] for one in soup("a")[:2]] == ["#here", "#there"]


def test_task_lists_have_boxes() -> None:
    """Which cannot be ticked."""
    boxes = rendered("- [x] done\n- [ ] to do").select("li input[type=checkbox]")

    assert ["checked" in one.attrs for one in boxes] == [True, False]
    assert all("disabled" in one.attrs for one in boxes)


@pytest.mark.parametrize("kind", ["Note", "Tip", "Important", "Warning", "Caution"])
def test_alerts_are_marked(kind: str) -> None:
    """GitHub's five; a quote stays a quote."""
    soup = rendered(f"> [!{kind.upper()}]\n> Mind *this*.", "> quoted")

    assert soup.select_one(f".alert-{kind.lower()}").get_text(" ", strip=True) == (
        f"{kind} Mind this ."
    )
    assert soup.blockquote.text.strip() == "quoted"


def test_footnotes_lead_there_and_back() -> None:
    """Each cell has its own."""
    soup = rendered("A[^1].\n\n[^1]: Because.", "B[^x].\n\n[^x]: Why.")
    references, notes = soup("sup"), soup.select(".footnotes li")

    assert [one.a["href"][1:] for one in references] == [one["id"] for one in notes]
    assert [one.a["href"][1:] for one in notes] == [one["id"] for one in references]
    assert len({one["id"] for one in [*references, *notes]}) == 4


def test_formulas_are_set_in_place() -> None:
    """In a line, in a block, as an environment, in a heading and a table."""
    soup = rendered(
        r"# The loss $\ell$" + "\n\n" + r"With $x_1 * y * z_1$ it is $$\frac{a}{b}$$",
        r"\begin{align} a &= b \\ c &= d \end{align}",
        "| a |\n|---|\n| $x^2$ |",
        r"It costs \$5, not \$6: `$x$`.",
    )

    assert [one.get("display") for one in soup("math")] == [
        *(None, None, "block", "block", None)
    ]
    assert len(soup.select("math mtr")) == 2
    assert soup.select_one("td msup") is not None
    assert soup("em") == []
    assert "It costs $5, not $6: $x$." in soup.text


@pytest.mark.parametrize(
    "tex", [r"\unknown{x}", r"\frac{a", "a & b", r"\href{javascript:x}{y}"]
)
def test_a_formula_that_is_not_understood_can_be_read(tex: str) -> None:
    """As it was written."""
    assert rendered(f"is ${tex}$ here").select_one("code.tex").text == tex


def test_a_command_is_known_to_the_formulas_after_it() -> None:
    """As with MathJax."""
    soup = rendered(r"$\newcommand{\score}{F}$", r"$\score$")

    assert soup("math")[1].text == "F"


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{</math><script>alert(1)</script>}",
        r"</math><script>alert(1)</script>",
        r"\color{red;background:url(https://example.com)}{x}",
        "\ue0000\ue001",
    ],
)
def test_a_formula_runs_nothing(tex: str) -> None:
    """Nor does one in the text of a picture."""
    data = "data:image/png;base64,AA"
    soup = rendered(f"${tex}$", f"![a ${tex}$ b]({data})", f"# ${tex}$")

    assert soup("script") == []
    assert [sorted(one.attrs) for one in soup("img")] == [["alt", "src"]]
    assert "url(" not in " ".join(one["style"] for one in soup.select("[style]"))


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"$\displaystyle x^{2}$", "<msup>"),
        (r"Text with \(x\) & more", " &amp; more"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", "<mtable"),
        (r"\begin{tabular}{l} a \\ \end{tabular}", '<pre class="tex">'),
        ("\\unknown <b>", '<pre class="tex">\\unknown &lt;b&gt;'),
        (r"$$a \tag{3}$$", "(3)"),
    ],
)
def test_latex_is_text_with_formulas(latex: str, shown: str) -> None:
    """As SymPy and IPython display it."""
    assert shown in Formulas().latex(latex)


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        (r"<th>$\alpha$</th><th>$x_1 &lt; 2$</th>", 2),
        (r"<p>$$a$$ and \(b\)</p>", 2),
        ("<p>from $5 to $6</p>", 0),
        ("<code>$x_1$</code><pre><b>$x_1$</b></pre>", 0),
        ('<b title="$x_1$">x</b>', 0),
        (r"<p>$\unknown$</p>", 0),
    ],
)
def test_formulas_in_html_are_set(text: str, formulas: int) -> None:
    """As in the head of a pandas table; an amount of money, and code, are none."""
    shown = Formulas().in_html(text)

    assert shown.count("<math") == formulas
    assert formulas or shown == text


def test_signs_that_begin_no_formula_take_no_time() -> None:
    """As in a table of paths; each would be searched for up to the end of the page."""
    table = r"<tr><td>C:\(x</td><td>\[a-z]+</td></tr>" * 20_000
    started = time.process_time()

    assert Formulas().in_html(table) == table
    assert time.process_time() - started < 5
