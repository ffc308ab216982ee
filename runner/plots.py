"""The figures that notebooks share: plain, labelled, readable without colour vision."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7")
STYLE: Any = {
    "figure.dpi": 110,
    # What is shown is cut to what was drawn, labels outside of the figure included;
    # an engine that made room for them inside would take as long as the drawing.
    "savefig.bbox": "tight",
    "figure.subplot.left": 0.07,
    "figure.subplot.right": 0.99,
    "figure.subplot.bottom": 0.12,
    "figure.subplot.top": 0.93,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "font.size": 10,
    "axes.titlesize": 11,
}


def axes(width: float = 8, height: float = 4) -> "Axes":
    """Begin a figure in the house style."""
    import matplotlib.pyplot as plt

    # For all of the notebook's figures, its own ones too.
    plt.rcParams.update(STYLE)
    ax = plt.subplots(figsize=(width, height))[1]
    if "inline" in plt.get_backend():
        # It draws what a cell shows; IPython would draw all of it once more before.
        plt.uninstall_repl_displayhook()
    return ax


def label_distribution(splits: "Mapping[str, pd.DataFrame]", label: str) -> "Axes":
    """Show that each split holds the label in the same shares."""
    ax = axes()
    values = sorted({value for table in splits.values() for value in table[label]})
    width = 0.8 / len(splits)
    for place, (name, table) in enumerate(splits.items()):
        shares = table[label].value_counts(normalize=True)
        xs = [at + (place - 1) * width for at in range(len(values))]
        heights = [100 * shares.get(value, 0.0) for value in values]
        ax.bar(xs, heights, width, color=COLOURS[place], label=name)
    ax.set(title="The same labels in every split", xlabel=label, ylabel="rows (%)")
    ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    ax.grid(visible=False, axis="x")
    ax.legend()
    return ax


def learning_curve(curves: Mapping[str, Sequence[float]], metric: str = "") -> "Axes":
    """Show one metric, else the last, round by round, on each channel's rows."""
    ax = axes()
    if curves and not metric:
        metric = list(curves)[-1].split()[-1]
    for colour, channel in zip(COLOURS, ("train", "validation"), strict=False):
        if values := curves.get(f"{channel} {metric}"):
            ax.plot(range(1, len(values) + 1), values, color=colour, label=channel)
    ax.set(title=f"Learning curve, {metric}", xlabel="round", ylabel=metric)
    if ax.lines:
        ax.legend()
    return ax


def accuracy(task: str, truth: Any, prediction: Any) -> "Axes":
    """Show how right a model of this task is."""
    if task == "regression":
        return predicted_against_true(truth, prediction)
    return roc(truth, prediction)


def mistakes(task: str, truth: Any, prediction: Any) -> "Axes":
    """Show how wrong a model of this task is."""
    if task == "regression":
        return residuals(truth, prediction)
    return precision_recall(truth, prediction)


def served(task: str, truth: Any, prediction: Any) -> "Axes":
    """Show an endpoint's answers against the truth."""
    if task == "regression":
        return predicted_against_true(truth, prediction)
    return probabilities(truth, prediction)


def predicted_against_true(truth: Any, prediction: Any) -> "Axes":
    """Show predictions against the truth; on the line they are equal."""
    import numpy as np

    ax = axes(width=6, height=5)
    low, high = float(np.min(truth)), float(np.max(truth))
    ax.plot([low, high], [low, high], color=GREY, linewidth=1, label="equal")
    ax.scatter(truth, prediction, s=14, alpha=0.5, color=BLUE, label="test row")
    ax.set(
        title="Predicted against true", xlabel="true value", ylabel="predicted value"
    )
    ax.legend()
    return ax


def residuals(truth: Any, prediction: Any) -> "Axes":
    """Show how far predictions are off, over the size of what was predicted."""
    ax = axes()
    ax.axhline(0, color=GREY, linewidth=1)
    ax.scatter(prediction, truth - prediction, s=14, alpha=0.5, color=BLUE)
    ax.set(
        title="Residuals", xlabel="predicted value", ylabel="true minus predicted value"
    )
    return ax


def roc(truth: Any, probability: Any) -> "Axes":
    """Show the positives found against the false alarms paid for them."""
    from sklearn.metrics import roc_auc_score, roc_curve

    ax = axes(width=6, height=5)
    alarms, found, _ = roc_curve(truth, probability)
    area = roc_auc_score(truth, probability)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="chance")
    ax.plot(alarms, found, color=BLUE, label=f"model, area {area:.3f}")
    ax.set(title="ROC", xlabel="false alarms (share)", ylabel="positives found (share)")
    ax.legend(loc="lower right")
    return ax


def precision_recall(truth: Any, probability: Any) -> "Axes":
    """Show precision and recall at every threshold."""
    from sklearn.metrics import precision_recall_curve

    ax = axes()
    precision, recall, thresholds = precision_recall_curve(truth, probability)
    ax.plot(thresholds, precision[:-1], color=BLUE, label="precision")
    ax.plot(thresholds, recall[:-1], color=ORANGE, linestyle="--", label="recall")
    ax.set(title="Precision and recall", xlabel="threshold", ylabel="share")
    ax.legend()
    return ax


def probabilities(truth: Any, probability: Any) -> "Axes":
    """Show which probabilities each class is given."""
    import numpy as np

    ax = axes()
    bins = np.linspace(0, 1, 21).tolist()
    for label, colour in ((0, BLUE), (1, ORANGE)):
        chosen = np.asarray(probability)[np.asarray(truth) == label]
        shares = np.full(len(chosen), 100 / max(len(chosen), 1))
        ax.hist(
            chosen,
            bins,
            weights=shares,
            color=colour,
            alpha=0.6,
            label=f"truly {label}",
        )
    ax.set(
        title="Probabilities by true label",
        xlabel="predicted probability",
        ylabel="rows of that label (%)",
    )
    ax.legend()
    return ax


def importance(shares: "pd.Series[float]", count: int = 12) -> "Axes":
    """Show the features that the model's splits gain most from."""
    top = shares.head(count)[::-1]
    ax = axes(height=0.8 + 0.3 * len(top))
    ax.barh([str(name) for name in top.index], 100 * top, color=BLUE)
    ax.set(title="Feature importance", xlabel="share of all splits' gain (%)")
    ax.grid(visible=False, axis="y")
    return ax
