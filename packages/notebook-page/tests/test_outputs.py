"""A notebook keeps as much of its outputs as a person reads, and says what it lacks."""

import random
import time
from typing import Any

import pytest
from notebook_page.outputs import (
    LAST_OUTPUTS,
    Amounts,
    Ends,
    KeptOutputs,
    Stream,
    first_rows,
    redraw,
    shorten,
    weigh,
)

SMALL = Amounts(text=40_000, markup=20_000, media=20_000, outputs=50)


def printed(*pieces: str, half: float = 1e6) -> str:
    """Return what is kept of a stream."""
    stream = Stream({}, Ends(half, lambda _: True, "set --all"))
    for piece in pieces:
        stream.add(piece)
    return stream.text()


def displayed(kept: KeptOutputs, *bundles: Any) -> list[Any]:
    """Return the outputs of a cell that displays these."""
    outputs: list[Any] = []
    kept.start_cell()
    for data in bundles:
        output = {"output_type": "display_data", "metadata": {}, "data": data}
        kept.add(outputs, output)
    kept.settle()
    return outputs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\n", "plain\ntext\n"),
        ("\r 10 %\r 20 %\r100 %\ndone", "100 %\ndone"),
        ("50 %\r", "50 %\r"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
        ("ab\b\bcd\n\b\b\bx", "cd\nx"),
        ("a\rb\bc\rd", "d"),
    ],
)
def test_a_progress_bar_is_kept_as_a_terminal_shows_it(text: str, shown: str) -> None:
    """In whatever pieces it arrives."""
    rng = random.Random(1)

    assert redraw(text) == shown
    for _ in range(20):
        cuts = sorted(rng.sample(range(len(text) + 1), 3))
        places = zip([0, *cuts], [*cuts, len(text)], strict=True)
        assert printed(*(text[a:b] for a, b in places)) == shown


@pytest.mark.parametrize(
    "pieces",
    [
        ["x" * 400_000],
        ["x"] * 200_000,
        ["line\n"] * 100_000,
        [f"\r{number} %" for number in range(50_000)],
        ["x" * 60_000 + "\b" * 60_000],
        ["a\r" * 100_000],
        ["line of a flood\n" * 4000] * 100,
    ],
)
def test_a_flood_takes_no_longer_than_it_is_long(pieces: list[str]) -> None:
    """Whatever its lines look like; what is beyond the limit is not even kept."""
    started = time.process_time()
    kept = printed(*pieces)

    assert time.process_time() - started < 1
    assert len(kept) < 2.1e6


def test_the_beginning_and_the_end_of_a_flood_are_kept() -> None:
    """A note between them says how much is missing; lines stay whole."""
    lines = [f"line {number}\n" for number in range(100_000)]
    kept = printed(*lines, half=20_000).splitlines()
    note = next(line for line in kept if line.startswith("["))
    before, after = kept.index(note), len(kept) - kept.index(note) - 1

    assert note.endswith(" lines are left out here: set --all]")
    assert kept[:before] == [f"line {number}" for number in range(before)]
    assert kept[-after:] == [line.strip() for line in lines[-after:]]
    said = int(note.split()[0].strip("[").replace(",", ""))
    shown = sum(len(line) + 1 for line in kept) - len(note) - 1
    assert said + shown == pytest.approx(sum(map(len, lines)), abs=5)


def test_no_secret_is_cut_in_two() -> None:
    """Neither half would be known for one."""
    secret = "correct-horse-battery-staple"
    whole = secret * 30_000
    kept = shorten(whole, 50_000, lambda text: secret not in text)

    assert kept.splitlines()[0] == ""
    assert "horse" not in kept
    for shift in range(0, 60, 7):
        text = "." * (20_000 - shift) + secret + "." * 60_000 + secret + "." * 19_980
        kept = shorten(text, 40_000, lambda one: secret not in one)
        assert "corr" not in kept.replace(secret, "")
        assert "aple" not in kept.replace(secret, "")


def test_of_many_outputs_the_first_and_the_last_are_kept() -> None:
    """The last ones hold what the cell returns."""
    kept = KeptOutputs(remedy="set --all")
    outputs = displayed(kept, *({"text/plain": str(one)} for one in range(3_000)))
    texts = [one["data"]["text/plain"] for one in outputs]
    note = "[2,500 outputs are left out here: set --all]"

    assert texts[480] == note
    assert [*texts[:480], *texts[481:]] == [
        str(one) for one in (*range(480), *range(3_000 - LAST_OUTPUTS, 3_000))
    ]


def test_a_huge_table_keeps_its_first_rows() -> None:
    """The note below says how many there are."""
    cells = "<td>1</td>" * 4
    rows = "".join(f"<tr><td>{number}</td>{cells}</tr>" for number in range(44_200))
    table = f"<table><tbody>{rows}</tbody></table>"
    (output,) = displayed(
        KeptOutputs(remedy="set --all"), {"text/html": table, "text/plain": "44200 x 1"}
    )
    html = output["data"]["text/html"]

    assert output["data"]["text/plain"] == "44200 x 1"
    assert html.count("<tr>") == 2_000
    assert html.startswith("<table><tbody><tr><td>0</td><td>")
    assert html.endswith(
        "</tbody></table><p>[42,200 of 44,200 rows are left out: set --all]</p>"
    )
    assert first_rows("<p>no table</p>" * 10_000, 1000) == ""


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (
            {"image/png": "A" * 12_000_000, "text/plain": "<Figure>"},
            "<Figure>\n[image/png of 12.0 MB is left out: set --all]",
        ),
        (
            {"text/html": "<p>" * 800_000},
            "[text/html of 2.4 MB is left out: set --all]",
        ),
        (
            {"application/vnd.plotly.v1+json": {"data": ["x" * 12_000_000]}},
            "[application/vnd.plotly.v1+json of 12.0 MB is left out: set --all]",
        ),
    ],
)
def test_what_is_too_large_is_named(data: dict[str, Any], plain: str) -> None:
    """The text that stands for it is kept."""
    (output,) = displayed(KeptOutputs(remedy="set --all"), data)

    assert output["data"] == {"text/plain": plain}


def test_scripts_and_embedded_images_are_no_markup() -> None:
    """A figure of plotly brings 4 MB of script, which nobody reads as markup."""
    html = "<div><script>" + "x" * 4_000_000 + "</script><img src='data:image/png;"
    html += "A" * 1000 + "'></div>"

    assert weigh({"text/html": html}).markup < 100
    assert weigh({"text/html": html}).media > 4_000_900
    assert (
        displayed(KeptOutputs(remedy="set --all"), {"text/html": html})[0]["data"][
            "text/html"
        ]
        == html
    )


def test_a_notebook_keeps_less_than_its_cells_might() -> None:
    """Each cell can still display its results, whatever others displayed."""
    limits = SMALL._replace(text=100_000, outputs=60)
    kept = KeptOutputs(remedy="set --all", per_cell=SMALL, per_notebook=limits)
    cells = [
        displayed(kept, *[{"text/plain": "x" * 10_000}] * 6, {"application/json": {}})
        for _ in range(20)
    ]

    sizes = [sum(len(str(one["data"])) for one in cell) for cell in cells]
    assert sizes[0] > 40_000
    assert sum(sizes) < 20 * 110_000
    assert all(cell[-1]["data"].get("application/json") == {} for cell in cells)


def test_an_update_counts_once() -> None:
    """The newest state of what is displayed is kept, however often it changes."""
    kept = KeptOutputs(remedy="set --all", per_cell=SMALL)
    outputs: list[Any] = []
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": ""}}
    kept.add(outputs, shown, "bar")
    for number in range(1000):
        kept.update("bar", {"text/plain": f"{number} " + "x" * 9_000}, {})

    assert outputs[0]["data"]["text/plain"].startswith("999 x")
    assert "left out" not in outputs[0]["data"]["text/plain"]


def test_an_output_widget_holds_as_much_as_a_cell() -> None:
    """Then it says so, once; what was cleared makes room."""
    kept = KeptOutputs(remedy="set --all", per_cell=SMALL)
    printed = {"name": "stdout", "text": "x" * int(SMALL.text)}

    assert kept.fit_widget(printed) is printed
    note = kept.fit_widget(printed)
    assert note
    assert "more is left out here" in note["text"]
    assert kept.fit_widget({"data": {"text/plain": "x"}}) is None
    kept.clear_widgets()
    assert kept.fit_widget(printed) is printed


def test_what_was_cleared_makes_room() -> None:
    """A cell that clears its output and displays again may do so for ever."""
    kept = KeptOutputs(remedy="set --all", per_cell=SMALL)
    outputs: list[Any] = []
    for number in range(100):
        kept.clear(outputs)
        kept.add_stream(outputs, "stdout", f"{number} " + "x" * 30_000)
    kept.settle()

    assert [one["text"][:4] for one in outputs] == ["99 x"]
    assert "left out" not in outputs[0]["text"]


def test_each_stream_is_one_output_and_stdout_comes_first() -> None:
    """Which of the two arrives first is chance."""
    kept, outputs = KeptOutputs(remedy="set --all"), []
    kept.add_stream(outputs, "stderr", "a warning")
    kept.add_stream(outputs, "stdout", "one ")
    kept.add_stream(outputs, "stdout", "two")
    kept.settle()

    assert [(one["name"], one["text"]) for one in outputs] == [
        ("stdout", "one two"),
        ("stderr", "a warning"),
    ]


def test_a_huge_error_is_shortened() -> None:
    """An exception may hold all of a table."""
    kept, outputs = KeptOutputs(remedy="set --all"), []
    kept.add_error(outputs, "ValueError", "v" * 5_000_000, ["t" * 5_000_000])

    assert len(outputs[0]["evalue"]) < 110_000
    assert "are left out here" in outputs[0]["traceback"][0]
