"""Figures say what they show, and show what they are given."""

import textwrap
from collections.abc import Iterator

import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from lifecycle import plots

matplotlib.use("agg")
TRUTH = np.array([0, 1, 0, 1, 1])
PROBABILITY = np.array([0.1, 0.8, 0.4, 0.3, 0.9])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the figures that a test drew."""
    yield
    matplotlib.pyplot.close("all")


def labels(ax) -> list[str]:
    """List what the legend names."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.accuracy("regression", TRUTH, PROBABILITY),
        lambda: plots.accuracy("binary", TRUTH, PROBABILITY),
        lambda: plots.mistakes("regression", TRUTH, PROBABILITY),
        lambda: plots.mistakes("binary", TRUTH, PROBABILITY),
        lambda: plots.served("regression", TRUTH, PROBABILITY),
        lambda: plots.served("binary", TRUTH, PROBABILITY),
        lambda: plots.learning_curve({"train rmse": [2.0, 1.0]}),
        lambda: plots.importance(pd.Series({"a": 0.7, "b": 0.3})),
    ],
)
def test_every_figure_is_labelled_and_can_be_drawn(draw):
    """A title and an axis label, and no warning while it is drawn."""
    ax = draw()
    ax.figure.canvas.draw()

    assert ax.get_title(loc="left")
    assert ax.get_xlabel()


def test_a_task_has_its_own_figures():
    """A number is judged by other pictures than a yes or no."""
    titles = {
        (draw.__name__, task): draw(task, TRUTH, PROBABILITY).get_title(loc="left")
        for draw in (plots.accuracy, plots.mistakes, plots.served)
        for task in ("regression", "binary")
    }

    assert titles == {
        ("accuracy", "regression"): "Predicted against true",
        ("accuracy", "binary"): "ROC",
        ("mistakes", "regression"): "Residuals",
        ("mistakes", "binary"): "Precision and recall",
        ("served", "regression"): "Predicted against true",
        ("served", "binary"): "Probabilities by true label",
    }


def test_splits_stand_side_by_side():
    """Each split has its bars, in percent of its own rows."""
    splits = {
        "train": pd.DataFrame({"churn": [0, 0, 0, 1]}),
        "test": pd.DataFrame({"churn": [0, 1]}),
    }

    ax = plots.label_distribution(splits, "churn")

    assert labels(ax) == ["train", "test"]
    assert [bar.get_height() for bar in ax.patches] == [75.0, 25.0, 50.0, 50.0]


def test_a_curve_has_both_channels():
    """Training and validation rows are told apart, round by round."""
    curves = {
        "train auc": [0.5, 0.6],
        "train rmse": [2.0, 1.0],
        "validation rmse": [2.5, 2.0],
    }

    ax = plots.learning_curve(curves)

    assert labels(ax) == ["train", "validation"]
    assert ax.get_ylabel() == "rmse"
    assert list(ax.lines[1].get_ydata()) == [2.5, 2.0]
    assert plots.learning_curve(curves, "auc").get_ylabel() == "auc"


def test_a_job_without_rounds_has_an_empty_curve():
    """A job that logged nothing is still shown."""
    assert len(plots.learning_curve({}).lines) == 0


def test_the_roc_names_its_area():
    """The number that is gated stands in the figure."""
    assert "model, area 0.833" in labels(plots.roc(TRUTH, PROBABILITY))


def test_importance_shows_the_largest_on_top():
    """Only so many as a reader takes in."""
    shares = pd.Series({f"f{n}": 1 / (n + 1) for n in range(20)})

    ax = plots.importance(shares, count=3)

    assert [text.get_text() for text in ax.get_yticklabels()] == ["f2", "f1", "f0"]


def test_the_style_reaches_the_notebooks_own_figures():
    """A figure that a notebook draws by itself looks like the others."""
    with matplotlib.rc_context():
        ax = plots.axes()
        ax.set(title="Mine")

        assert ax.get_title(loc="left") == "Mine"
        assert not ax.spines["top"].get_visible()


def test_a_kernel_draws_a_figure_no_more_often_than_it_takes_to_show_it() -> None:
    """Once for its place on the page and once for its picture, own figures too."""
    counted = """
        import matplotlib.figure
        from runner import plots
        draws, draw = [], matplotlib.figure.Figure.draw
        matplotlib.figure.Figure.draw = lambda *given: draws.append(1) or draw(*given)
    """
    figures = (
        "plots.axes().plot([1, 2]);",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "print(len(draws))",
    )
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(textwrap.dedent(one))
            for one in (counted, *figures)
        ]
    )

    NotebookClient(notebook, kernel_name="python3").execute()

    *_, own, said = (cell.outputs for cell in notebook.cells)
    assert "image/png" in own[0].data
    assert said[0].text == "4\n"
