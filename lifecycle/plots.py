"""The figures and the style that notebooks share.

Metrics' own figures are scikit-learn's and XGBoost's, drawn on the axes that `axes`
returns.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7")
STYLE: Any = {
    "figure.dpi": 110,
    # The figure is cut to what was drawn, labels included; a layout engine that made
    # room for them would take as long as the drawing.
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
    """Return the axes of a new figure in the common style; sizes in inches."""
    import matplotlib.pyplot as plt

    # For all figures of the notebook, its own ones too.
    plt.rcParams.update(STYLE)
    ax = plt.subplots(figsize=(width, height))[1]
    if "inline" in plt.get_backend():
        # The backend draws what a cell shows; IPython would draw it once more before.
        plt.uninstall_repl_displayhook()
    return ax


def label_distribution(splits: "Mapping[str, pd.DataFrame]", label: str) -> "Axes":
    """Draw the share of each value of the label, in each split."""
    ax = axes()
    values = sorted({value for table in splits.values() for value in table[label]})
    width = 0.8 / len(splits)
    for place, (name, table) in enumerate(splits.items()):
        shares = table[label].value_counts(normalize=True)
        xs = [at + (place - 1) * width for at in range(len(values))]
        heights = [100 * shares.get(value, 0.0) for value in values]
        ax.bar(xs, heights, width, color=COLOURS[place], label=name)
    ax.set(title=f"{label} by split", xlabel=label, ylabel="rows (%)")
    ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    ax.grid(visible=False, axis="x")
    ax.legend()
    return ax


def learning_curve(curves: Mapping[str, Sequence[float]], metric: str = "") -> "Axes":
    """Draw a metric after each boosting round, on training and on validation rows.

    Args:
        curves: as `lifecycle.training.learning_curve` returns them.
        metric: the last one if not given.
    """
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


def predictions(task: str, truth: Any, prediction: Any) -> "Axes":
    """Draw predictions against the truth: a point per row, or a histogram per class."""
    if task == "regression":
        from sklearn.metrics import PredictionErrorDisplay

        display = PredictionErrorDisplay.from_predictions(
            truth,
            prediction,
            kind="actual_vs_predicted",
            subsample=None,
            scatter_kwargs={"s": 14, "alpha": 0.5, "color": BLUE},
            ax=axes(width=6, height=5),
        )
        ax: Axes = display.ax_
        ax.set(title="Predicted against true")
        return ax
    return _class_histograms(truth, prediction)


def _class_histograms(truth: Any, probability: Any) -> "Axes":
    """Draw the distribution of the predicted probability, for each true class."""
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
            label=f"true label {label}",
        )
    ax.set(
        title="Predicted probability by true label",
        xlabel="predicted probability",
        ylabel="rows of that label (%)",
    )
    ax.legend()
    return ax


def reliability(table: "pd.DataFrame") -> "Axes":
    """Draw how often groups of rows are positive against the predicted probability.

    Args:
        table: as `lifecycle.diagnosis.calibration` returns it.
    """
    ax = axes(width=6, height=5)
    ax.plot([0, 1], [0, 1], color="#767676", linestyle="--", label="perfect")
    margins = [table.observed - table.low, table.high - table.observed]
    ax.errorbar(
        table.predicted,
        table.observed,
        yerr=margins,
        fmt="o-",
        color=BLUE,
        capsize=3,
        label="groups of rows",
    )
    ax.set(
        title="Reliability of the probabilities",
        xlabel="predicted probability",
        ylabel="share of positives",
    )
    ax.legend()
    return ax


def shap_importance(table: "pd.DataFrame", most: int = 12) -> "Axes":
    """Draw the mean absolute SHAP values of the most important features.

    Args:
        table: as `lifecycle.diagnosis.shap_importance` returns it.
    """
    ax = axes()
    shown = table[:most][::-1]
    styles = (("raises", ORANGE, ""), ("lowers", BLUE, "//"), ("mixed", GREEN, ".."))
    for direction, colour, hatch in styles:
        part = shown.mean_shap.where(shown.direction == direction, 0.0)
        if part.any():
            label = f"{direction} the prediction" if hatch != ".." else "mixed"
            ax.barh(
                shown.index,
                part,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=label,
            )
    ax.set(title="Features, by their SHAP values", xlabel="mean absolute SHAP value")
    ax.grid(visible=False, axis="y")
    if ax.patches:
        ax.legend(title="a larger value")
    return ax


def cost_by_threshold(curve: Any, chosen: Any) -> "Axes":
    """Draw what a row costs at every threshold, and the one that was chosen.

    Args:
        curve: thresholds and costs, as `lifecycle.decision.cost_curve` returns them.
        chosen: as `lifecycle.decision.choose_threshold` returns it.
    """
    ax = axes()
    ax.plot(*curve, color=BLUE, drawstyle="steps-post")
    ax.axvline(chosen.threshold, color=ORANGE, linestyle="--", label="chosen")
    unit = f" ({chosen.unit})" if chosen.unit else ""
    ax.set(
        title="Cost by threshold, validation rows",
        xlabel="threshold",
        ylabel=f"cost per row{unit}".replace("$", r"\$"),
        xlim=(0, 1),
    )
    ax.legend()
    return ax
