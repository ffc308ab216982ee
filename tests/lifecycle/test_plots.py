"""Figures say what they show, and show what they are given."""

import textwrap
from collections.abc import Iterator

import matplotlib as mpl
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from nbclient import NotebookClient

from lifecycle import plots

mpl.use("agg")
TRUTH = np.array([0, 1, 0, 1, 1])
PROBABILITY = np.array([0.1, 0.8, 0.4, 0.3, 0.9])


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the figures that a test drew."""
    yield
    plt.close("all")


def labels(ax) -> list[str]:
    """List what the legend names."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("draw", "title"),
    [
        (
            lambda: plots.predictions("regression", TRUTH, PROBABILITY),
            "Predicted against true",
        ),
        (
            lambda: plots.predictions("binary", TRUTH, PROBABILITY),
            "Predicted probability by true label",
        ),
        (
            lambda: plots.learning_curve({"train rmse": [2.0, 1.0]}),
            "Learning curve, rmse",
        ),
        (
            lambda: plots.label_distribution({"train": pd.DataFrame({"y": [1]})}, "y"),
            "y by split",
        ),
    ],
)
def test_every_figure_is_labelled_and_can_be_drawn(draw, title):
    """It has a title and labels at both axes, and is drawn without a warning."""
    ax = draw()
    ax.figure.canvas.draw()

    assert ax.get_title(loc="left") == title
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_every_prediction_of_a_regression_is_a_point():
    """The prediction is on the x axis and the truth on the y axis."""
    ax = plots.predictions("regression", TRUTH, PROBABILITY)

    (points,) = (one.get_offsets() for one in ax.collections)
    assert points.tolist() == np.column_stack([PROBABILITY, TRUTH]).tolist()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted values", "Actual values")


def test_each_class_has_a_histogram_of_its_own():
    """Its bars are percents of the rows with that label."""
    ax = plots.predictions("binary", TRUTH, PROBABILITY)

    assert labels(ax) == ["true label 0", "true label 1"]
    for bars in ax.containers:
        assert sum(bar.get_height() for bar in bars) == pytest.approx(100)


def test_a_class_without_rows_has_an_empty_histogram():
    """Few test rows may have only one label."""
    ax = plots.predictions("binary", [1, 1], [0.9, 0.8])

    assert [sum(bar.get_height() for bar in bars) for bars in ax.containers] == (
        pytest.approx([0, 100])
    )


def test_the_splits_stand_side_by_side():
    """Each split has its bars, in percent of its own rows."""
    splits = {
        "train": pd.DataFrame({"churn": [0, 0, 0, 1]}),
        "test": pd.DataFrame({"churn": [0, 1]}),
    }

    ax = plots.label_distribution(splits, "churn")

    assert labels(ax) == ["train", "test"]
    assert [bar.get_height() for bar in ax.patches] == [75.0, 25.0, 50.0, 50.0]


def test_a_learning_curve_has_both_channels():
    """A line for training and one for validation, of the last metric or the given."""
    curves = {
        "train auc": [0.5, 0.6],
        "train rmse": [2.0, 1.0],
        "validation rmse": [2.5, 2.0],
    }

    ax = plots.learning_curve(curves)

    assert labels(ax) == ["train", "validation"]
    assert ax.get_ylabel() == "rmse"
    assert list(ax.lines[1].get_xdata()) == [1, 2]
    assert list(ax.lines[1].get_ydata()) == [2.5, 2.0]
    assert plots.learning_curve(curves, "auc").get_ylabel() == "auc"


def test_a_job_that_logged_nothing_has_an_empty_learning_curve():
    """The figure is drawn all the same."""
    assert len(plots.learning_curve({}).lines) == 0


def test_the_style_reaches_a_notebooks_own_figures():
    """A figure that a notebook draws by itself looks like the others."""
    with mpl.rc_context():
        plots.axes()
        ax = plt.subplots()[1]
        ax.set(title="Mine")

        assert ax.get_title(loc="left") == "Mine"
        assert not ax.spines["top"].get_visible()


def test_a_kernel_draws_each_figure_no_more_than_twice() -> None:
    """Once for its size on the page and once for its picture; own figures too."""
    counting = """
        import matplotlib.figure
        from lifecycle import plots
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
            for one in (counting, *figures)
        ]
    )

    NotebookClient(notebook, kernel_name="python3").execute()

    *_, own, counted = (cell.outputs for cell in notebook.cells)
    assert "image/png" in own[0].data
    assert counted[0].text == "4\n"
