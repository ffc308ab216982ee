"""What is to be seen in a figure, in words: for those who do not see the picture."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lifecycle.statistics.comparison import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The line of what is predicted as it is, and the shares of a confusion matrix.
EXACT, SHARES = "exact", "share of the true class"
# Of a series of bars or points, how many are told one by one.
TOLD = 12


def describe(figure: "Figure") -> str:
    """Say in words what is to be seen in a figure: titles, axes, series and values."""
    said = " ".join(text for ax in figure.axes for text in _described(ax))
    return said.replace(r"\$", "$")


def _described(ax: "Axes") -> Iterator[str]:
    """Yield sentences about one pair of axes."""
    title = ax.get_title(loc="left") or ax.get_title()
    across, up = ax.get_xlabel(), ax.get_ylabel()
    named = (("Across", across), ("Up", up))
    said = "".join(f" {way}: {name}." for way, name in named if name)
    yield f"{title or 'A figure'}.{said}"
    for line in ax.lines:
        xs, ys = _known(line.get_xydata())
        label = str(line.get_label())
        if len(xs) > 1 and not label.startswith("_") and label != EXACT:
            yield f"{line.get_label()}: {_course(xs, ys)}."
    for points in ax.collections:
        xs, ys = _known(points.get_offsets())
        # Error bars are collections as well.
        if xs and hasattr(points, "get_sizes"):
            name = str(points.get_label()).lstrip("_")
            ranges = f"{across or 'x'} {_range(xs)}, {up or 'y'} {_range(ys)}"
            yield f"{name}: {len(xs):,} points, {ranges}."
    for image in ax.images:
        if image.get_label() == SHARES:
            yield from _confused(ax, image.get_array())
            return
    for drawn in ax.containers:
        if hasattr(drawn, "patches"):
            yield _bars(ax, drawn)
        else:
            yield f"{drawn.get_label()}: {_course(*_known(drawn[0].get_xydata()))}."
    written = [text.get_text() for text in ax.texts if text.get_text()]
    if ax.images and written:
        yield f"Row by row: {', '.join(written)}."


def _confused(ax: "Axes", shares: Any) -> Iterator[str]:
    """Yield of each true class the classes that most of its rows are taken for."""
    names = [one.get_text() for one in ax.get_yticklabels()]
    for name, row in zip(names, shares.tolist(), strict=True):
        largest = sorted(zip(row, names, strict=True), key=lambda pair: -pair[0])
        said = [
            f"{100 * share:.0f} % for {other}" for share, other in largest[:3] if share
        ]
        yield f"{name} is taken {', '.join(said) or 'for nothing: it has no rows'}."


def _course(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Say how a line runs: its values at five places, and its extremes between."""
    if len(xs) == 1:
        return _at(xs, ys, 0)
    if len(set(xs)) == 1:
        return f"at {format_number(xs[0], 3)}"
    if len(set(ys)) == 1:
        return f"{format_number(ys[0], 3)} everywhere"
    if xs[0] > xs[-1]:
        xs, ys = xs[::-1], ys[::-1]
    wanted = [xs[0] + (xs[-1] - xs[0]) * step / 4 for step in range(5)]
    places = [min(range(len(xs)), key=lambda at: abs(xs[at] - x)) for x in wanted]
    said = ", ".join(_at(xs, ys, place) for place in dict.fromkeys(places))
    lowest, highest = ys.index(min(ys)), ys.index(max(ys))
    for word, place in (("lowest", lowest), ("highest", highest)):
        if ys[place] not in (ys[0], ys[-1]):
            said += f", {word} {_at(xs, ys, place)}"
    return said


def _at(xs: Sequence[float], ys: Sequence[float], place: int) -> str:
    return f"{format_number(ys[place], 3)} at {format_number(xs[place], 3)}"


def _known(pairs: Any) -> tuple[list[float], list[float]]:
    """Return the coordinates of points, without those that have none."""
    import numpy as np

    filled: Any = np.ma.filled(np.ma.asarray(pairs, dtype=float), np.nan)
    xs, ys = filled[~np.isnan(filled).any(axis=1)].T.tolist()
    return xs, ys


def _bars(ax: "Axes", bars: Any) -> str:
    """Say how long the bars of one series are, and what each is called."""
    upright = getattr(bars, "orientation", "vertical") != "horizontal"
    sizes = [one.get_height() if upright else one.get_width() for one in bars]
    shown = [format_number(float(one), 3) for one in sizes]
    labels = ax.get_xticklabels() if upright else ax.get_yticklabels()
    ticks = [one.get_text() for one in labels]
    if len(ticks) == len(shown):
        named = zip(ticks, shown, strict=True)
        shown = [f"{tick} {size}" for tick, size in named if size != "0"]
    if not upright:
        shown.reverse()
    names = [str(one.get_label()) for one in (bars, *bars[:1])]
    name = next((one for one in names if not one.startswith("_")), "bars")
    more = f" and {len(shown) - TOLD} more" * (len(shown) > TOLD)
    return f"{name}: {', '.join(islice(shown, TOLD))}{more}."


def _range(values: Sequence[float]) -> str:
    low, high = format_number(min(values), 3), format_number(max(values), 3)
    return f"from {low} to {high}"
