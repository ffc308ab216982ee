"""What a reviewer asks of a model beside its metrics: where, and by what, it errs.

Each function returns a table for the notebook, which the review page reads as well.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.statistics.comparison import (
    CONFIDENCE,
    MIN_ROWS,
    format_interval,
    format_number,
    format_within,
)
from lifecycle.tabular.membership import row_hashes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import xgboost as xgb

# Groups of predictions, of at least MIN_ROWS rows each.
MAX_GROUPS = 10
# SHAP values of so many rows say enough of a model's features.
SHAP_ROWS = 2000
# The least correlation of a feature with its SHAP values that gives a direction.
CLEAR = 0.3
SHOWN_ROWS = 10
SHOWN_FEATURES = 3
# A feature that predicts the label as well as this by itself is named: its AUC, or its
# squared rank correlation.
LEAK = 0.98
# Of a multiclass model: a tree of so many leaves for each class, on so many rows.
CUTS, LEAK_ROWS = 4, 20_000


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


def _direction(values: "npt.NDArray[Any]", shap: "npt.NDArray[Any]") -> str:
    """Say whether larger values of a feature raise or lower the prediction."""
    import numpy as np

    if not np.any(shap):
        return ""
    known = np.isfinite(values)
    if known.sum() < 2 or not np.ptp(values[known]) or not np.ptp(shap[known]):
        return "mixed"
    ranks = _ranks(values[known]), _ranks(shap[known])
    correlation = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    if abs(correlation) < CLEAR:
        return "mixed"
    return "raises" if correlation > 0 else "lowers"


def _ranks(values: "npt.NDArray[Any]") -> "npt.NDArray[np.float64]":
    """Return ranks, of equal values their mean."""
    import numpy as np

    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[places]


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
        named = _decided(truth, guess, classes)
        places = np.argsort(named["of the truth"], kind="stable")[:SHOWN_ROWS]
        table = details.iloc[places].assign(**_at(named, places))
        return _with_features(table, rows.iloc[places], important)
    residual = truth - guess
    places = np.argsort(-np.abs(residual), kind="stable")[:SHOWN_ROWS]
    table = details.iloc[places].assign(
        truth=truth[places], prediction=guess[places], residual=residual[places]
    )
    return _with_features(table, rows.iloc[places], important)


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
    places = np.argsort(-gaps, kind="stable")[:SHOWN_ROWS]
    places = places[gaps[places] > 0]
    if classes:
        mine, theirs = (_decided(truth, one, classes) for one in (guess, live))
        named = {
            "truth": mine["truth"],
            "prediction": mine["prediction"],
            "live": theirs["prediction"],
            "of the truth": mine["of the truth"],
            "live of the truth": theirs["of the truth"],
            "difference": gaps,
        }
        table = details.iloc[places].assign(**_at(named, places))
        return _with_features(table, rows.iloc[places], important)
    table = details.iloc[places].assign(
        truth=truth[places],
        prediction=guess[places],
        live=live[places],
        difference=(guess - live)[places],
    )
    return _with_features(table, rows.iloc[places], important)


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


def _at(columns: Mapping[str, Any], places: Any) -> dict[str, Any]:
    return {name: values[places] for name, values in columns.items()}


def _with_features(
    table: "pd.DataFrame", rows: "pd.DataFrame", important: "pd.DataFrame"
) -> "pd.DataFrame":
    """Add the most important features that the table does not have already."""
    for name in important.index[:SHOWN_FEATURES]:
        if name not in table:
            table[name] = rows[name].to_numpy()
    return table.set_index(table.columns[0])


# ---- Leaks


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """What may make a model look better than it is.

    Attributes:
        shared_rows: test rows that are also training rows, label included.
        distinct: the share of the training rows that no other one equals; where it is
            small, equal rows are no surprise.
        features: by feature how well it predicts the label alone, 0 to 1, where that
            is nearly as good as can be.
    """

    test_rows: int
    shared_rows: int
    distinct: float
    features: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        said = (
            f"{self.shared_rows} of {self.test_rows} test rows are also training rows"
        )
        alone = ", ".join(
            f"{name} ({format_number(score, 3)})"
            for name, score in self.features.items()
        )
        return (
            f"{said}; features that almost predict the label alone: {alone or 'none'}"
        )


def find_leaks(task: str, train: "pd.DataFrame", test: "pd.DataFrame") -> Leaks:
    """Look for test rows in train, and for features that predict the label alone.

    Args:
        train: rows, label first; so is `test`.
        task: "binary" scores a feature by its AUC, "regression" by its squared rank
            correlation with the label; a missing value counts as the lowest, and as
            the highest. "multiclass" scores it by the balanced accuracy of a tree that
            has seen this feature of the training rows alone.
    """
    import numpy as np

    known, mine = (row_hashes(table.astype(float)) for table in (train, test))
    _, counts = np.unique(known, return_counts=True)
    truth = test.iloc[:, 0].to_numpy(dtype=float)
    scores = {
        str(name): _tells_classes(train, test, name)
        if task == "multiclass"
        else _alone(task, truth, test[name].to_numpy(dtype=float))
        for name in test.columns[1:]
    }
    best = sorted(scores.items(), key=lambda pair: -pair[1])
    return Leaks(
        test_rows=len(test),
        shared_rows=int(np.isin(mine, known).sum()),
        distinct=float((counts == 1).sum() / max(len(known), 1)),
        features={name: score for name, score in best if score >= LEAK},
    )


def _alone(task: str, truth: Any, values: Any) -> float:
    """Return how well the values of one feature predict the label, 0 to 1."""
    import numpy as np

    best = 0.0
    for stand_in in (-np.inf, np.inf):
        ranks = _ranks(np.where(np.isnan(values), stand_in, values))
        best = max(best, *_scores(task, truth, ranks))
    return best


def _tells_classes(train: "pd.DataFrame", test: "pd.DataFrame", name: str) -> float:
    """Return how well a tree tells all classes apart by one feature, 0 to 1."""
    import numpy as np
    from sklearn.metrics import recall_score
    from sklearn.tree import DecisionTreeClassifier

    some = train.sample(LEAK_ROWS, random_state=0) if len(train) > LEAK_ROWS else train
    known, truth = some.iloc[:, 0].astype(int), test.iloc[:, 0].astype(int)
    if truth.nunique() < 2:
        return 0.0
    leaves = CUTS * known.nunique()
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    # scikit-learn's trees take no array that is read-only, as pandas gives them.
    seen, rows = (np.array(one[[name]], dtype="float32") for one in (some, test))
    guess = tree.fit(seen, known).predict(rows)
    how: Any = {"labels": truth.unique(), "average": "macro"}
    return float(recall_score(truth, guess, **how))


def _scores(task: str, truth: Any, ranks: Any) -> Iterator[float]:
    import numpy as np

    if not np.ptp(ranks) or not np.ptp(truth):
        yield 0.0
    elif task == "binary":
        positive = truth == 1
        hits, others = int(positive.sum()), int((~positive).sum())
        auc = (ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * others)
        yield from (float(auc), float(1 - auc))
    else:
        yield float(np.corrcoef(_ranks(truth), ranks)[0, 1] ** 2)


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
