"""Small models to serve, and what xgboost itself predicts with them."""

from functools import cache

import numpy as np
import xgboost

ROWS = np.array([[1, 5], [2, 4], [3, 3], [4, 2], [5, 1], [6, 0]], dtype=float)
LABELS = {
    "reg:squarederror": [1, 2, 3, 4, 5, 6],
    "binary:logistic": [0, 0, 0, 1, 1, 1],
    "binary:hinge": [0, 0, 0, 1, 1, 1],
    "multi:softmax": [0, 0, 1, 1, 2, 2],
    "multi:softprob": [0, 0, 1, 1, 2, 2],
}


@cache
def make_model(objective, rounds=3, **parameters):
    """Train a small model of this objective."""
    given = {"objective": objective, "min_child_weight": 0, "nthread": 1, **parameters}
    if objective.startswith("multi:"):
        given["num_class"] = 3
    matrix = xgboost.DMatrix(ROWS, label=LABELS[objective])
    return xgboost.train(given, matrix, num_boost_round=rounds)


def predictions(model, rows):
    """Predict as xgboost itself does."""
    return model.predict(xgboost.DMatrix(np.array(rows, dtype=float))).tolist()
