"""Figures say what they show, and show what they are given."""

import math
import textwrap
from collections.abc import Iterator
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.pylabtools import print_figure
from matplotlib import pyplot as plt
from nbclient import NotebookClient

from lifecycle import plots
from lifecycle.figure_words import describe
from lifecycle.statistics.comparison import Estimate
from lifecycle.statistics.decision import Decision

mpl.use("agg")
TRUTH = np.array([0, 1, 0, 1, 1])
PROBABILITY = np.array([0.1, 0.8, 0.4, 0.3, 0.9])
# The live model was compared on all rows but the first.
LIVE = SimpleNamespace(
    predictions=np.array([np.nan, 0.7, 0.9, 0.2, 0.8]), live=SimpleNamespace(version=3)
)


FEATURES = pd.DataFrame(
    {"mean_shap": [0.75, 0.25], "direction": ["raises", "lowers"]},
    index=["calls_to_customer_service", "age"],
)


GROUPS = pd.DataFrame(
    {
        "predicted": [0.2, 0.6],
        "observed": [0.1, 0.7],
        "low": [0.0, 0.5],
        "high": [0.3, 0.9],
    }
)


CLASSES = ["a", "b b", "A class with a long name of its own"]
KINDS, CHANCES = [0, 0, 1], np.eye(3)[[0, 1, 1]]
RECALLS = {
    "recall of a": Estimate(value=0.5, low=0.2, high=0.8),
    "recall of b b": Estimate(value=0.25, low=math.nan, high=math.nan),
    f"recall of {CLASSES[2]}": Estimate(value=math.nan, low=math.nan, high=math.nan),
}


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
        (lambda: plots.residuals(TRUTH, PROBABILITY), "Residuals by prediction"),
        (
            lambda: plots.predictions("multiclass", KINDS, CHANCES, classes=CLASSES),
            "Rows by true and predicted class",
        ),
        (lambda: plots.roc_curve(TRUTH, PROBABILITY), "ROC curve"),
        (
            lambda: plots.precision_recall_curve(TRUTH, PROBABILITY, LIVE),
            "Precision and recall",
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


@pytest.mark.parametrize(
    "draw",
    [
        lambda name: plots.label_distribution(
            {"train": pd.DataFrame({name: [1]})}, name
        ),
        lambda name: plots.label_distribution(
            {"train": pd.DataFrame({"y": [0, 1]})}, "y", ["other", name]
        ),
        lambda name: plots.predictions(
            "regression", pd.Series(TRUTH, name=name), PROBABILITY
        ),
        lambda name: plots.residuals(pd.Series(TRUTH, name=name), PROBABILITY),
        lambda name: plots.confusion_matrix([0, 1], np.eye(2), [name, "other"]),
        lambda name: plots.class_metric(
            {f"recall of {name}": RECALLS["recall of a"]}, [name]
        ),
        lambda name: plots.shap_importance(FEATURES.set_axis([name, "age"])),
        lambda name: plots.shap_importance(
            FEATURES.assign(**{"class": name}).set_axis(["calls", "age"])
        ),
        lambda name: plots.cost_by_threshold(
            ([1, 0], [0.5, 1]), Decision(threshold=0.5, unit=name)
        ),
    ],
)
def test_names_of_the_data_are_no_formulas(draw):
    """Two dollars begin and end one, which may even be none that can be set."""
    figure = draw("rent_$_per_$").figure
    figure.canvas.draw()

    assert "rent_$_per_$" in describe(figure)


def test_every_prediction_of_a_regression_is_a_point():
    """The prediction is on the x axis and the truth, with its name, on the y axis."""
    ax = plots.predictions("regression", pd.Series(TRUTH, name="rings"), PROBABILITY)

    (points,) = (one.get_offsets() for one in ax.collections)
    assert points.tolist() == np.column_stack([PROBABILITY, TRUTH]).tolist()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted rings", "true rings")


def test_the_live_model_is_in_the_figures_of_the_candidate():
    """Its curve has another line or marker; both are of the rows that were compared."""
    roc = plots.roc_curve(TRUTH, PROBABILITY, LIVE)
    points = plots.predictions("regression", TRUTH, PROBABILITY, LIVE)
    alone = plots.roc_curve(TRUTH, PROBABILITY, SimpleNamespace(predictions=None))

    assert labels(roc) == [
        "candidate, area 0.667",
        "live, version 3, area 0.000",
        "guessing",
    ]
    assert len({line.get_linestyle() for line in roc.lines}) == 3
    assert labels(points) == ["candidate", "live, version 3", "exact"]
    candidate, live = (one.get_paths()[0] for one in points.collections)
    assert len(candidate) != len(live)
    assert labels(alone) == ["candidate, area 0.833", "guessing"]


def test_a_figure_of_one_class_has_no_curve():
    """Few test rows may have only one label."""
    assert labels(plots.roc_curve([1, 1], [0.9, 0.8])) == ["guessing"]


def test_series_differ_by_more_than_their_colour():
    """In print, and to some eyes, colours are alike."""
    curves = {"train rmse": [2.0, 1.0], "validation rmse": [2.5, 2.0]}
    ax = plots.learning_curve(curves)
    bars = plots.predictions("binary", TRUTH, PROBABILITY)

    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert len({one[0].get_hatch() for one in bars.containers}) == 2


def evenly(names) -> pd.DataFrame:
    """Make a table of features that count for the same."""
    directions = ["raises", "lowers", "mixed", "raises"]
    columns = {"mean_shap": 1.0, "direction": directions[: len(names)]}
    return pd.DataFrame(columns, index=list(names))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.shap_importance(evenly(["x", "y", "z", "a feature"])),
        lambda: plots.shap_importance(evenly(["a feature of a rather long name"])),
        lambda: plots.label_distribution(
            dict.fromkeys(("train", "test"), pd.DataFrame({"y": [0, 1, 2]})), "y"
        ),
    ],
)
def test_a_legend_covers_no_bar(draw):
    """Where all bars are equally long, too."""
    ax = draw()
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()

    assert ax.patches
    assert not [bar for bar in ax.patches if legend.overlaps(bar.get_window_extent())]


def test_letters_are_legible_on_a_telephone():
    """At 370 pixels, the width of a page there, they are ten pixels high or more."""
    for ax in (
        plots.shap_importance(FEATURES),
        plots.roc_curve(TRUTH, PROBABILITY, LIVE),
        plots.confusion_matrix(KINDS, CHANCES, CLASSES),
        plots.class_metric(RECALLS, CLASSES),
    ):
        figure = ax.figure
        figure.canvas.draw()
        wide = figure.get_tightbbox().width
        points = min(one.get_fontsize() for one in ax.get_xticklabels())
        assert points / 72 * 370 / wide >= 9.5


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (
            lambda: plots.learning_curve({"train rmse": [3.0, 1.0, 2.0]}),
            "train: 3 at 1, 1 at 2, 2 at 3, lowest 1 at 2.",
        ),
        (
            lambda: plots.predictions("regression", TRUTH, PROBABILITY, LIVE),
            "live, version 3: 4 points, predicted value from 0.2 to 0.9, true value",
        ),
        (
            lambda: plots.cost_by_threshold(
                ([1, 0.004, 0], [0.5, 0.1, 1]), Decision(threshold=0.004)
            ),
            "chosen: 0.004: at 0.004.",
        ),
        (
            lambda: plots.reliability(GROUPS),
            "groups of rows: 0.1 at 0.2, 0.7 at 0.6.",
        ),
        (lambda: plots.reliability(GROUPS[:1]), "groups of rows: 0.1 at 0.2."),
        (
            lambda: plots.shap_importance(FEATURES),
            "raises the prediction: calls_to_customer_service 0.75. lowers",
        ),
        (
            lambda: plots.confusion_matrix(KINDS, CHANCES, CLASSES),
            "a is taken 50 % for a, 50 % for b b. b b is taken 100 % for b b. "
            "A class with a long nam… is taken for nothing: it has no rows.",
        ),
        (
            lambda: plots.class_metric(RECALLS, CLASSES),
            "Recall of each class. Across: recall. recall: b b 0.25, a 0.5.",
        ),
    ],
)
def test_a_figure_says_in_words_what_is_to_be_seen(draw, told):
    """Title, axes and values, for those who do not see the picture."""
    ax = draw()
    ax.figure.canvas.draw()

    assert told in describe(ax.figure)


def test_a_confusion_matrix_of_many_classes_shows_the_rows_that_there_are():
    """Of few it shows shares as well; dark cells have white letters."""
    few = plots.confusion_matrix(KINDS, CHANCES, CLASSES)
    many = plots.confusion_matrix(
        range(30), np.eye(30), [f"kind {n}" for n in range(30)]
    )

    assert [one.get_text() for one in few.texts][:2] == ["1\n50 %", "1\n50 %"]
    assert [one.get_text() for one in many.texts] == ["1"] * 30
    assert {one.get_color() for one in many.texts} == {"white"}
    assert len(many.get_xticklabels()) == 30


def test_a_label_of_classes_is_named_at_the_axis():
    """Each of them, turned where they would touch each other."""
    tables = {"train": pd.DataFrame({"y": [0, 1, 2]}), "test": pd.DataFrame({"y": [1]})}

    ax = plots.label_distribution(tables, "y", ["first", "second", "x" * 50])

    assert [one.get_text() for one in ax.get_xticklabels()][:2] == ["first", "second"]
    assert ax.get_xticklabels()[0].get_rotation() == 90


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


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.predictions("multiclass", KINDS, CHANCES, classes=CLASSES),
        lambda: plots.shap_importance(FEATURES),
        lambda: plt.subplots(layout="constrained")[1],
    ],
)
def test_a_picture_drawn_once_is_the_one_that_would_be_drawn_twice(draw):
    """To the last byte, cut to what was drawn; a layout of one's own is kept."""
    first, second = draw().figure, draw().figure

    assert plots.draw_once(first) == print_figure(second, base64=True)


def test_a_kernel_draws_each_figure_once() -> None:
    """Own figures too, and none for its size on the page."""
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
    assert own[0].data["text/plain"] == "A figure."
    assert counted[0].text == "2\n"


def test_a_name_without_glyphs_is_no_warning():
    """Where no font of the machine has Chinese, a figure has boxes, and no more."""
    ax = plots.axes()
    ax.set_title("鳶尾")

    ax.figure.canvas.draw()
