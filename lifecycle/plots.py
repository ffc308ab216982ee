"""The figures and the style that notebooks share.

Every figure is legible at the width of a telephone, but for the confusion matrix of
many classes, tells its series apart by line, marker or hatching as well as by colour,
and says in words what is to be seen in it.
Where a version is live, its curve is drawn in the candidate's figure.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle.figure_words import EXACT, SHARES, TOLD, describe
from lifecycle.statistics.comparison import OF, format_number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lifecycle.statistics.comparison import Estimate

# Okabe and Ito's palette, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7")
# Series of one figure differ in these as well: colours are lost in print, and to some.
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "x", "^", "s")
HATCHES = ("", "////", "....", "xxxx")
# Inches: at 370 pixels, as on a telephone, letters are still ten pixels high.
WIDTH, HEIGHT, SQUARE = 5.0, 3.2, 4.2
STYLE: Any = {
    "figure.dpi": 130,
    # The figure is cut to what was drawn, labels included; a layout engine that made
    # room for them would take as long as the drawing.
    "savefig.bbox": "tight",
    "figure.subplot.left": 0.12,
    "figure.subplot.right": 0.99,
    "figure.subplot.bottom": 0.15,
    "figure.subplot.top": 0.92,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "font.size": 10,
    "axes.titlesize": 11,
    "hatch.linewidth": 0.6,
    "lines.linewidth": 1.8,
}
# Where they are installed: matplotlib's own font has no Chinese, Japanese or Korean.
FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei"),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS"),
)
# Else a figure has a box, and says no more.
NO_GLYPH = r"Glyph \d+ .* missing from"
# How the inline backend draws a figure.
INLINE = {"fmt": "png", "base64": True, "bbox_inches": "tight"}
CHANCE: Any = {"color": "#6B7280", "linestyle": ":", "linewidth": 1.2}
# A confusion matrix of so many classes has room for shares beside the rows.
FEW_CLASSES = 7
# A cell of a larger share has white text.
DARK = 0.7
# Characters of a name at an axis, and of all that stand side by side below one.
MAX_TICK, MAX_ACROSS = 24, 52


def axes(width: float = WIDTH, height: float = HEIGHT) -> "Axes":
    """Return the axes of a new figure in the common style; sizes in inches."""
    import matplotlib.pyplot as plt
    from IPython import get_ipython
    from matplotlib import font_manager
    from matplotlib.figure import Figure
    from matplotlib.rcsetup import cycler

    # For all figures of the notebook, its own ones too.
    cycle = cycler(color=list(COLOURS), linestyle=list(LINES))
    known = set(font_manager.get_font_names())
    fonts = ["DejaVu Sans", *(name for name in FONTS if name in known)]
    plt.rcParams.update(STYLE | {"axes.prop_cycle": cycle, "font.family": fonts})
    warnings.filterwarnings("ignore", NO_GLYPH, UserWarning)
    ax = plt.subplots(figsize=(width, height))[1]
    if "inline" in plt.get_backend():
        # The backend draws what a cell shows; IPython would draw it once more before.
        plt.uninstall_repl_displayhook()
    if shell := get_ipython():
        # What a page says to those who do not see the picture.
        formatters = shell.display_formatter.formatters
        plain, png = formatters["text/plain"], formatters["image/png"]
        plain.for_type(Figure, lambda one, out, _: out.text(describe(one)))
        # What a person has set is kept.
        if getattr(png.type_printers.get(Figure), "keywords", None) == INLINE:
            png.for_type(Figure, draw_once)
    return ax


def draw_once(figure: "Figure") -> str:
    """Return a figure's PNG in base64, as the inline backend draws it.

    To cut a figure to what was drawn, matplotlib draws it before for nothing.
    """
    from IPython.core.pylabtools import print_figure
    from matplotlib import rcParams

    box: Any = "tight"
    if figure.get_layout_engine() is None:
        box = figure.get_tightbbox().padded(rcParams["savefig.pad_inches"])
    drawn: str = print_figure(figure, bbox_inches=box, base64=True)  # type: ignore[no-untyped-call]
    return drawn


def label_distribution(
    splits: "Mapping[str, pd.DataFrame]", label: str, classes: Sequence[object] = ()
) -> "Axes":
    """Draw the share of each value of the label, in each split.

    Args:
        classes: the names of the values 0, 1, 2, ..., if they are classes.
    """
    ax = axes()
    values = sorted({value for table in splits.values() for value in table[label]})
    width = 0.8 / len(splits)
    for place, (name, table) in enumerate(splits.items()):
        shares = table[label].value_counts(normalize=True)
        xs = [at + (place - 1) * width for at in range(len(values))]
        heights = [100 * shares.get(value, 0.0) for value in values]
        look: Any = {"color": COLOURS[place], "hatch": HATCHES[place]}
        ax.bar(xs, heights, width, edgecolor="white", linewidth=0, label=name, **look)
    shown = _literal(label)
    ax.set(title=f"{shown} by split", xlabel=shown, ylabel="rows (%)")
    step = 1 if classes else -(-len(values) // TOLD)
    names = [
        _literal(str(classes[int(one)])) if classes else f"{one:g}" for one in values
    ]
    ax.set_xticks(range(0, len(values), step), names[::step])
    _turn_names(ax, names if classes else [])
    ax.grid(visible=False, axis="x")
    # Room above the bars, for the legend.
    ax.margins(y=0.2)
    ax.legend(loc="upper center", ncols=len(splits))
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
    for colour, line, channel in zip(
        COLOURS, LINES, ("train", "validation"), strict=False
    ):
        if values := curves.get(f"{channel} {metric}"):
            rounds = range(1, len(values) + 1)
            ax.plot(rounds, values, color=colour, linestyle=line, label=channel)
    ax.set(title=f"Learning curve, {metric}", xlabel="round", ylabel=metric)
    if ax.lines:
        ax.legend()
    return ax


def predictions(
    task: str,
    truth: Any,
    prediction: Any,
    live: Any = None,
    *,
    classes: Sequence[str] = (),
) -> "Axes":
    """Draw predictions against the truth: a point per row, or a histogram per class.

    Of a multiclass model the confusion matrix is drawn.

    Args:
        live: the live model's score, whose predictions are drawn as well if there are
            any, on the rows that it was compared on; of a regression only.
        classes: the names of the columns of a multiclass model's prediction.
    """
    if task == "multiclass":
        return confusion_matrix(truth, prediction, classes)
    if task != "regression":
        return _class_histograms(truth, prediction)
    ax = axes(height=SQUARE)
    for place, (name, known, values) in enumerate(_series(truth, prediction, live)):
        look: Any = {"color": COLOURS[place], "marker": MARKERS[place]}
        look |= {"s": 14, "alpha": 0.5, "label": name, "zorder": 3 - place}
        ax.scatter(values, known, **look)
    low, high = ax.get_ylim()
    ax.plot([low, high], [low, high], label=EXACT, **CHANCE)
    ax.set_ylim(low, high)
    what = _literal(str(getattr(truth, "name", None) or "value"))
    ax.set(xlabel=f"predicted {what}", ylabel=f"true {what}")
    ax.set(title="Predicted against true")
    ax.legend(loc="upper left")
    return ax


def residuals(truth: Any, prediction: Any) -> "Axes":
    """Draw the residuals of a regression, true minus predicted, by the prediction."""
    import numpy as np

    ax = axes()
    gaps = np.asarray(truth, dtype=float) - np.asarray(prediction, dtype=float)
    ax.scatter(prediction, gaps, s=14, alpha=0.5, color=BLUE, label="test rows")
    ax.axhline(0, label=EXACT, **CHANCE)
    what = _literal(str(getattr(truth, "name", None) or "value"))
    ax.set(xlabel=f"predicted {what}", ylabel=f"true minus predicted {what}")
    ax.set(title="Residuals by prediction")
    ax.legend()
    return ax


def roc_curve(truth: Any, prediction: Any, live: Any = None) -> "Axes":
    """Draw the ROC curve of a binary classification, and the live model's.

    Args:
        live: the live model's score; both curves are of the rows that they were
            compared on.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    ax = axes(height=SQUARE)
    for name, known, values, look in _ranked(truth, prediction, live):
        false_alarms, found, _ = roc_curve(known, values)
        area = roc_auc_score(known, values)
        ax.plot(false_alarms, found, label=f"{name}, area {area:.3f}", **look)
    ax.plot([0, 1], [0, 1], label="guessing", **CHANCE)
    ax.set(
        title="ROC curve",
        xlabel="false alarms, share of the negatives",
        ylabel="found, share of the positives",
    )
    ax.legend(loc="lower right")
    return ax


def precision_recall_curve(truth: Any, prediction: Any, live: Any = None) -> "Axes":
    """Draw precision by recall of a binary classification, and the live model's.

    Args:
        live: the live model's score; both curves are of the rows that they were
            compared on.
    """
    import numpy as np
    from sklearn.metrics import average_precision_score, precision_recall_curve

    ax = axes(height=SQUARE)
    for name, known, values, look in _ranked(truth, prediction, live):
        precision, recall, _ = precision_recall_curve(known, values)
        mean = average_precision_score(known, values)
        label = f"{name}, average {mean:.3f}"
        ax.plot(recall[::-1], precision[::-1], label=label, **look)
    ax.axhline(float(np.mean(truth)), label="guessing", **CHANCE)
    ax.set(
        title="Precision and recall",
        xlabel="recall, share of the positives that are found",
        ylabel="precision, share of right alarms",
        ylim=(0, 1.03),
    )
    ax.legend(loc="lower left")
    return ax


def confusion_matrix(truth: Any, prediction: Any, classes: Sequence[str]) -> "Axes":
    """Draw which share of each true class is taken for which class, with the rows.

    Args:
        prediction: rows x classes.
    """
    import numpy as np

    from lifecycle.statistics import diagnosis

    found = diagnosis.confusion_matrix(truth, prediction, classes)
    counts = np.array(found["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(classes) <= FEW_CLASSES
    side = SQUARE if few else 1.4 + 0.28 * len(classes)
    wide = max(WIDTH, side)
    ax = axes(wide, side)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, label=SHARES)
    for (row, column), count in np.ndenumerate(counts):
        if few or count:
            share = shares[row, column]
            colour = "white" if share > DARK else "black"
            text = f"{count}\n{100 * share:.0f} %" if few else str(count)
            how: Any = {"ha": "center", "va": "center", "color": colour}
            ax.text(column, row, text, fontsize=9 if few else 7, **how)
    names = [_shorten(name) for name in classes]
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    _turn_names(ax, names)
    # Room for the names inside of the figure, which would grow with them else.
    longest = max(map(len, names))
    ax.figure.subplots_adjust(left=min(0.5, 0.1 + 0.0725 * longest / wide))
    ax.set(title="Rows by true and predicted class", xlabel="predicted", ylabel="true")
    ax.grid(visible=False)
    return ax


def class_metric(
    intervals: "Mapping[str, Estimate]", classes: Sequence[str], metric: str = "recall"
) -> "Axes":
    """Draw a metric of each class with its 95 % confidence interval, the worst on top.

    Args:
        intervals: of metrics such as `recall of Adelie`.
    """
    import math

    named = {name: intervals[f"{metric}{OF}{name}"] for name in classes}
    known = {name: one for name, one in named.items() if not math.isnan(one.value)}
    ordered = sorted(known, key=lambda name: -known[name].value)
    names = [_shorten(name) for name in ordered]
    ax = _bar_axes(names)
    values = [known[name].value for name in ordered]
    ax.barh(range(len(names)), values, color=BLUE, alpha=0.6, label=metric)
    for place, name in enumerate(ordered):
        one = known[name]
        if not math.isnan(one.low):
            ends: Any = {"color": "black", "linewidth": 1.2, "linestyle": "-"}
            ends["label"] = "_interval"
            ax.plot([one.low, one.high], [place, place], marker="|", **ends)
    ax.set_yticks(range(len(names)), names)
    ax.set(title=f"{metric.capitalize()} of each class", xlabel=metric, xlim=(0, 1.02))
    return ax


def reliability(
    table: "pd.DataFrame", observed: str = "observed share of positives"
) -> "Axes":
    """Draw how often groups of rows are positive against the predicted probability.

    Args:
        table: as `lifecycle.statistics.diagnosis.calibration` returns it.
        observed: what the truth of a group is.
    """
    ax = axes(height=SQUARE)
    ax.plot([0, 1], [0, 1], label=EXACT, **CHANCE)
    margins = [table.observed - table.low, table.high - table.observed]
    ax.errorbar(
        table.predicted.to_numpy(),
        table.observed.to_numpy(),
        # matplotlib takes a series of one for a number, which newer ones refuse.
        yerr=[one.to_numpy() for one in margins],
        fmt="o-",
        color=BLUE,
        capsize=3,
        label="groups of rows",
    )
    ax.set(
        title="Reliability of the probabilities",
        xlabel="predicted probability",
        ylabel=observed,
    )
    ax.legend()
    return ax


def shap_importance(table: "pd.DataFrame", most: int = TOLD) -> "Axes":
    """Draw the mean absolute SHAP values of the most important features.

    Args:
        table: as `lifecycle.statistics.diagnosis.shap_importance` returns it.
    """
    largest = table[:most][::-1]
    largest = largest.set_axis([_literal(str(name)) for name in largest.index])
    if "class" in largest:
        acts = largest["class"].map(_shorten)
        largest = largest.set_axis(largest.index + " (" + acts + ")")
    ax = _bar_axes(largest.index.tolist())
    for direction, colour, hatch in zip(
        ("raises", "lowers", "mixed"), COLOURS, HATCHES, strict=False
    ):
        part = largest.mean_shap.where(largest.direction == direction, 0.0)
        if part.any():
            name = "mixed" if direction == "mixed" else f"{direction} the prediction"
            look: Any = {"color": colour, "hatch": hatch, "edgecolor": "white"}
            ax.barh(largest.index, part, linewidth=0, label=name, **look)
    ax.set(title="Features, by their SHAP values", xlabel="mean absolute SHAP value")
    if ax.patches:
        # Below the axes, where no bar is; the pad leaves room for their label.
        below: Any = {"loc": "upper right", "bbox_to_anchor": (1, 0), "ncols": 3}
        ax.legend(title="a larger value", borderaxespad=4, columnspacing=1, **below)
    return ax


def cost_by_threshold(curve: Any, chosen: Any) -> "Axes":
    """Draw what a row costs at every threshold, and the one that was chosen.

    Args:
        curve: thresholds and costs, of `lifecycle.statistics.decision.cost_curve`.
        chosen: as `lifecycle.statistics.decision.choose_threshold` returns it.
    """
    ax = axes()
    ax.plot(*curve, color=BLUE, drawstyle="steps-post", label="cost")
    look: Any = {"color": ORANGE, "linestyle": LINES[1]}
    threshold = format_number(chosen.threshold)
    ax.axvline(chosen.threshold, label=f"chosen: {threshold}", **look)
    unit = f" ({chosen.unit})" if chosen.unit else ""
    ax.set(
        title="Cost by threshold, validation rows",
        xlabel="threshold",
        ylabel=_literal(f"cost per row{unit}"),
        xlim=(0, 1),
    )
    ax.legend()
    return ax


def _bar_axes(names: Sequence[str]) -> "Axes":
    """Return axes for horizontal bars, a name beside each; more bars are higher.

    Long names get room inside of the figure, which they would widen otherwise.
    """
    ax = axes(height=1.2 + 0.27 * max(len(names), 2))
    longest = max(map(len, names), default=0)
    ax.figure.subplots_adjust(left=min(0.6, 0.04 + 0.0145 * longest), top=0.9)
    ax.grid(visible=False, axis="y")
    return ax


def _shorten(name: str) -> str:
    return _literal(name if len(name) <= MAX_TICK else f"{name[: MAX_TICK - 1]}…")


def _literal(name: str) -> str:
    """Return a name of the data, of which matplotlib makes no formula."""
    return name.replace("$", r"\$")


def _turn_names(ax: "Axes", names: Sequence[str]) -> None:
    """Turn the names below an axis if they would touch each other."""
    if sum(len(name) + 2 for name in names) > MAX_ACROSS:
        ax.tick_params(axis="x", labelrotation=90)


def _series(
    truth: Any, prediction: Any, live: Any
) -> list[tuple[str, "np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]]:
    """Return name, truth and predictions of the candidate, and of the live model.

    Both are of the rows that they were compared on, or else a reader would compare
    what cannot be compared.
    """
    import numpy as np

    known, mine = np.asarray(truth), np.asarray(prediction)
    former = getattr(live, "predictions", None)
    if former is None:
        return [("candidate", known, mine)]
    theirs = np.asarray(former, dtype=float)
    both = ~np.isnan(theirs)
    return [
        ("candidate", known[both], mine[both]),
        (f"live, version {live.live.version}", known[both], theirs[both]),
    ]


def _ranked(
    truth: Any, prediction: Any, live: Any
) -> Iterator[tuple[str, "np.ndarray[Any, Any]", "np.ndarray[Any, Any]", Any]]:
    """Yield the series that have rows of both classes, each with the look of its line.

    Few test rows may be of one class, which no threshold separates.
    """
    for place, (name, known, values) in enumerate(_series(truth, prediction, live)):
        if len(set(known.tolist())) > 1:
            look = {"color": COLOURS[place], "linestyle": LINES[place]}
            yield name, known, values, look


def _class_histograms(truth: Any, probability: Any) -> "Axes":
    """Draw the distribution of the predicted probability, for each true class."""
    import numpy as np

    ax = axes()
    bins = np.linspace(0, 1, 21).tolist()
    for label in (0, 1):
        chosen = np.asarray(probability)[np.asarray(truth) == label]
        shares = np.full(len(chosen), 100 / max(len(chosen), 1))
        look: Any = {"color": COLOURS[label], "hatch": HATCHES[label], "alpha": 0.6}
        ax.hist(chosen, bins, weights=shares, label=f"true label {label}", **look)
    ax.set(
        title="Predicted probability by true label",
        xlabel="predicted probability",
        ylabel="rows of that label (%)",
    )
    ax.legend()
    return ax
