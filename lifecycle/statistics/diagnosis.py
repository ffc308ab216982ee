"""What a reviewer asks of a model beside its metrics: where, and by what, it errs.

Each function returns a table for the notebook, which the review page reads as well.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lifecycle.statistics.comparison import (
    CONFIDENCE,
    MIN_ROWS,
    format_interval,
    format_number,
    format_within,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import xgboost as xgb

    from lifecycle.raw.raw_records import Record

# Groups of predictions, of at least MIN_ROWS rows each.
MAX_GROUPS = 10
# SHAP values of so many rows say enough of a model's features.
SHAP_ROWS = 2000
# How often each column is shuffled.
SHUFFLES = 10
# The least correlation of a feature with its SHAP values that gives a direction.
CLEAR = 0.3
SHOWN_ROWS = 10
SHOWN_FEATURES = 3


# ---- Calibration


def calibration(task: str, truth: Any, prediction: Any) -> "pd.DataFrame":
    """Compare prediction and truth in groups of rows with similar predictions.

    By the size of the truth every model would look too high at one end and too low at
    the other, which is regression to the mean; so the groups are of the prediction.

    Args:
        task: "binary" for probabilities and a truth of 0 and 1; "multiclass" for rows x
            classes, of which the probability of the likeliest class is compared with
            how often it is the true one.

    Returns:
        A row per group: `rows`, the mean `predicted` and `observed`, and the interval
        of the latter, `low` and `high`; all intervals together hold in 95 of 100
        cases. `answer` is "too low" or "too high" where the prediction is outside.
    """
    import numpy as np
    import pandas as pd

    known = np.asarray(truth, dtype=float)
    guess = np.asarray(prediction, dtype=float)
    if guess.ndim > 1:
        known = (guess.argmax(axis=1) == known).astype(float)
        guess = guess.max(axis=1)
    count = max(1, min(MAX_GROUPS, len(known) // MIN_ROWS))
    places = pd.qcut(guess, count, labels=False, duplicates="drop")
    # All predictions may be the same.
    places = np.nan_to_num(np.asarray(places, dtype=float))
    confidence = 1 - (1 - CONFIDENCE) / len(np.unique(places))
    groups = []
    for place in np.unique(places):
        part = places == place
        low, high = _observed(task, known[part], guess[part], confidence)
        predicted = float(guess[part].mean())
        ends = float(guess[part].min()), float(guess[part].max())
        answer = "too low" if predicted < low else ""
        groups.append(
            {
                "prediction": format_interval(ends),
                "rows": int(part.sum()),
                "predicted": predicted,
                "observed": float(known[part].mean()),
                "low": low,
                "high": high,
                "answer": "too high" if predicted > high else answer,
            }
        )
    return pd.DataFrame(groups).set_index("prediction")


def _observed(
    task: str, truth: Any, prediction: Any, confidence: float
) -> tuple[float, float]:
    """Return the interval of the mean truth, as far as the predictions leave it open.

    Of probabilities it is that of a share; else that of the mean residual.
    """
    from lifecycle.statistics.uncertainty import mean_interval, share_interval

    if task != "regression":
        return share_interval(truth.sum(), len(truth), confidence=confidence)
    low, high = mean_interval(truth - prediction, confidence=confidence)
    return float(prediction.mean()) + low, float(prediction.mean()) + high


# ---- Classes


def confusion_matrix(
    truth: Any, prediction: Any, classes: Sequence[str]
) -> dict[str, Any]:
    """Count the rows by true class and by the class that they are taken for.

    Args:
        prediction: rows x classes; the likeliest class is the one that is predicted.

    Returns:
        `classes`, and `counts`: a list for each true class.
    """
    import numpy as np

    counts = np.zeros((len(classes), len(classes)), dtype=int)
    decided = np.asarray(prediction).argmax(axis=1)
    np.add.at(counts, (np.asarray(truth).astype(int), decided), 1)
    return {"classes": list(classes), "counts": counts.tolist()}


# ---- Features


def shap_importance(
    booster: "xgb.Booster", rows: "pd.DataFrame", classes: Sequence[str] = ()
) -> "pd.DataFrame":
    """Return how much each feature moves the predictions, by XGBoost's SHAP values.

    Args:
        rows: features in the order of training; of many rows some are taken.
        classes: of a multiclass model, whose SHAP values are averaged over them.

    Returns:
        By feature, the most important first: `mean_shap`, the mean absolute SHAP value
        in units of the raw prediction (log odds for a classification), `importance`,
        its share of their sum, and `direction`: "raises" if larger values of the
        feature raise the prediction, "lowers", or "mixed"; "" if it is not used. Of a
        multiclass model that is of one prediction, the `class` on which it acts most.
    """
    import numpy as np
    import pandas as pd
    import xgboost as xgb

    some = rows.sample(SHAP_ROWS, random_state=0) if len(rows) > SHAP_ROWS else rows
    values = some.to_numpy(dtype="float32")
    shap = booster.predict(xgb.DMatrix(values), pred_contribs=True)[..., :-1]
    each = np.abs(shap).mean(axis=0, dtype=float)
    most, sizes = {}, each
    if classes:
        places, sizes = each.argmax(axis=0), each.mean(axis=0)
        shap = shap[:, places, np.arange(len(places))]
        most = {"class": [classes[place] for place in places]}
    table = pd.DataFrame(
        {
            "importance": sizes / max(sizes.sum(), 1e-12),
            "mean_shap": sizes,
            "direction": [
                _direction(values[:, place], shap[:, place])
                for place in range(values.shape[1])
            ],
            **most,
        },
        index=pd.Index(rows.columns.map(str), name="feature"),
    )
    return table.sort_values("importance", ascending=False, kind="stable")


def permutation_importance(
    records: "Sequence[Record]",
    prediction: Any,
    *,
    predict: "Callable[[list[Record]], Any]",
    loss: Callable[[Any], float],
) -> "pd.DataFrame":
    """Return how much worse a model predicts when the values of a column are shuffled.

    It is asked for all shuffled records at once.

    Args:
        records: the raw records of the test rows.
        prediction: what the model predicts for them.
        predict: returns the model's predictions for records.
        loss: returns the loss of predictions for the test rows; less is better.

    Returns:
        By column, the most important first: `increase`, the mean increase of the loss,
        and `importance`, its share of their sum.
    """
    import numpy as np
    import pandas as pd

    rng, columns = np.random.default_rng(0), list(records[0])
    shuffled: list[Record] = [
        {**one, name: records[place][name]}
        for name in columns
        for _ in range(SHUFFLES)
        for one, place in zip(records, rng.permutation(len(records)), strict=True)
    ]
    guesses = np.asarray(predict(shuffled))
    known = loss(prediction)
    guesses = guesses.reshape(len(columns), SHUFFLES, len(records), *guesses.shape[1:])
    increase = np.array([np.mean([loss(one) for one in each]) for each in guesses])
    increase -= known
    # By chance a column that does not count may make the loss smaller.
    sizes = np.maximum(increase, 0)
    table = pd.DataFrame(
        {"increase": increase, "importance": sizes / max(sizes.sum(), 1e-12)},
        index=pd.Index(columns, name="feature"),
    )
    return table.sort_values("importance", ascending=False, kind="stable")


def _direction(values: "npt.NDArray[Any]", shap: "npt.NDArray[Any]") -> str:
    """Say whether larger values of a feature raise or lower the prediction."""
    import numpy as np
    import pandas as pd

    if not np.any(shap):
        return ""
    known = np.isfinite(values)
    if known.sum() < 2 or not np.ptp(values[known]) or not np.ptp(shap[known]):
        return "mixed"
    first, second = (pd.Series(one[known]).rank() for one in (values, shap))
    correlation = float(np.corrcoef(first, second)[0, 1])
    if abs(correlation) < CLEAR:
        return "mixed"
    return "raises" if correlation > 0 else "lowers"


# ---- Single rows


def worst_predictions(
    rows: "pd.DataFrame",
    prediction: Any,
    *,
    details: "pd.DataFrame",
    important: "pd.DataFrame",
    classes: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return the test rows on which a model is most wrong, the worst first.

    For a multiclass model these are the rows whose true class it takes for least
    likely.

    Args:
        rows: the test rows, label first.
        details: what `read_details` returns, which names the rows.
        important: what `shap_importance` returns: the first features are shown.
        classes: the names of the columns of a multiclass model's prediction.
    """
    import numpy as np

    truth = rows.iloc[:, 0].to_numpy(dtype=float)
    guess = np.asarray(prediction, dtype=float)
    if classes:
        found = _decided(truth, guess, classes)
        right = found["of the truth"]
    else:
        found = {"truth": truth, "prediction": guess, "residual": truth - guess}
        right = -np.abs(truth - guess)
    places = np.argsort(right, kind="stable")[:SHOWN_ROWS]
    return _show_rows(places, found, rows, details, important)


def disagreements(
    rows: "pd.DataFrame",
    prediction: Any,
    former: Any,
    *,
    details: "pd.DataFrame",
    important: "pd.DataFrame",
    classes: Sequence[str] = (),
) -> "pd.DataFrame":
    """Return the test rows on which candidate and live model differ most.

    Probabilities of several classes differ by the part of them that moved to other
    classes, 0 to 1.

    Args:
        former: what the live model predicts for each test row, NaN where it has
            trained on it; None if nothing is live, or comparable.
        classes: the names of the columns of a multiclass model's prediction.
    """
    import numpy as np
    import pandas as pd

    if former is None:
        return pd.DataFrame()
    truth = rows.iloc[:, 0].to_numpy(dtype=float)
    guess, live = np.asarray(prediction, dtype=float), np.asarray(former, dtype=float)
    gaps = np.nan_to_num(np.abs(guess - live))
    if classes:
        gaps = gaps.sum(axis=1) / 2
        mine, theirs = (_decided(truth, one, classes) for one in (guess, live))
        found = {
            "truth": mine["truth"],
            "prediction": mine["prediction"],
            "live": theirs["prediction"],
            "of the truth": mine["of the truth"],
            "live of the truth": theirs["of the truth"],
            "difference": gaps,
        }
    else:
        found = {"truth": truth, "prediction": guess, "live": live}
        found["difference"] = guess - live
    places = np.argsort(-gaps, kind="stable")[:SHOWN_ROWS]
    return _show_rows(places[gaps[places] > 0], found, rows, details, important)


def _decided(
    truth: "npt.NDArray[Any]", prediction: "npt.NDArray[Any]", classes: Sequence[str]
) -> dict[str, Any]:
    """Return of each row the true and the predicted class, and their probabilities."""
    import numpy as np

    every, known = np.arange(len(truth)), truth.astype(int)
    places, names = np.nan_to_num(prediction).argmax(axis=1), np.array(classes, object)
    return {
        "truth": names[known],
        "prediction": names[places],
        "of the truth": prediction[every, known],
        "of the prediction": prediction[every, places],
    }


def _show_rows(
    places: "npt.NDArray[Any]",
    found: Mapping[str, Any],
    rows: "pd.DataFrame",
    details: "pd.DataFrame",
    important: "pd.DataFrame",
) -> "pd.DataFrame":
    """Return some rows: what names them, what was found, the most important features.

    A feature that stands among the details already is not repeated.
    """
    chosen = {name: values[places] for name, values in found.items()}
    table = details.iloc[places].assign(**chosen)
    for name in important.index[:SHOWN_FEATURES]:
        if name not in table:
            table[name] = rows[name].to_numpy()[places]
    return table.set_index(table.columns[0])


# ---- Tables to read


def shown(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table as text, with no more digits than its numbers have a meaning.

    Where a row has an interval, `low` and `high`, that says how many.
    """
    import pandas as pd

    rows = []
    for row in table.to_dict("records"):
        ends = row.get("low", math.nan), row.get("high", math.nan)
        text = {}
        for name, value in row.items():
            if name == "low":
                text["95 % interval"] = format_interval(ends)
            elif name != "high":
                text[str(name)] = _cell(value, ends)
        rows.append(text)
    return pd.DataFrame(rows, index=table.index)


def _cell(value: Any, interval: tuple[float, float]) -> str:
    if not isinstance(value, float):
        return str(value)
    if all(map(math.isfinite, (value, *interval))):
        return format_within(value, interval)
    return format_number(value, 3) if math.isfinite(value) else "-"
