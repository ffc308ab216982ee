"""What may make a model look better than it is: rows and features that tell the label.

Both are looked for in the data, whatever model is trained on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.statistics.comparison import format_number
from lifecycle.tabular.membership import row_hashes

if TYPE_CHECKING:
    import pandas as pd

# A feature that predicts the label as well as this by itself is named: its AUC, or its
# squared rank correlation.
LEAK = 0.98
# Of a multiclass model: a tree of so many leaves for each class, on so many rows.
CUTS, LEAK_ROWS = 4, 20_000


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
    import pandas as pd

    best = 0.0
    for stand_in in (-np.inf, np.inf):
        filled = np.where(np.isnan(values), stand_in, values)
        ranks = pd.Series(filled).rank().to_numpy()
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
    import pandas as pd

    if not np.ptp(ranks) or not np.ptp(truth):
        yield 0.0
    elif task == "binary":
        positive = truth == 1
        hits, others = int(positive.sum()), int((~positive).sum())
        auc = (ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * others)
        yield from (float(auc), float(1 - auc))
    else:
        yield float(np.corrcoef(pd.Series(truth).rank(), ranks)[0, 1] ** 2)
