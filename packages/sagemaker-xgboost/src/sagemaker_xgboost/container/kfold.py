"""Cross validation: one model for each fold, and what they predict on it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sagemaker_xgboost.container.callbacks import MODEL_NAME, show
from sagemaker_xgboost.container.training import Matrices, Run

EvaluationResults = dict[str, dict[str, list[float]]]


class FoldPredictions:
    """What the model of each fold predicts for the rows it has not seen."""

    def __init__(self, truth: Any, repeats: int, *, classes: bool) -> None:
        self.truth = truth
        self.classes = classes
        self.labels = np.zeros((len(truth), repeats))
        self.scores = np.zeros((len(truth), repeats))
        self.seen = np.zeros(len(truth), dtype=int)

    def record(self, rows: Any, predictions: Any) -> None:
        """Keep the predictions for these rows."""
        repeat = self.seen[rows]
        self.seen[rows] += 1
        if not self.classes:
            self.scores[rows, repeat] = predictions
            return
        if predictions.ndim > 1:
            labels = predictions.argmax(axis=-1)
            self.scores[rows, repeat] = predictions[np.arange(len(labels)), labels]
        else:
            labels = predictions > 0.5
            self.scores[rows, repeat] = predictions
        self.labels[rows, repeat] = labels

    def save(self, path: Path) -> None:
        """Write truth, mean score and, for classes, the most frequent label."""
        columns = [self.truth, self.scores.mean(axis=-1)]
        if self.classes:
            from scipy import stats

            mode = stats.mode(self.labels, axis=1, keepdims=True).mode
            columns.append(mode[:, 0])
        logging.info("Storing predictions on validation set(s) in %s", path)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, np.vstack(columns).T, delimiter=",", fmt="%f")


def cross_validate(
    run: Run, matrices: Matrices, output_dir: Path, folds: int, repeats: int
) -> list[Any]:
    """Train a model for each fold of all data, print the mean of their metrics."""
    both = matrices.both
    logging.info(
        "Run %s-round of %s-fold cross validation with %s rows",
        repeats,
        folds,
        both.num_row(),
    )
    classes = has_classes(run.parameters)
    predictions = FoldPredictions(both.get_label(), repeats, classes=classes)
    models: list[Any] = []
    results: list[EvaluationResults] = []
    for train_rows, other_rows in split(both, folds, repeats, classes=classes):
        logging.info("Train cross validation fold %s", len(models) % folds + 1)
        result: EvaluationResults = {}
        name = f"{MODEL_NAME}-{len(models)}"
        model = run.train(both.slice(train_rows), matrices.watched, name, result)
        models.append(model)
        results.append(result)
        predictions.record(other_rows, model.predict(both.slice(other_rows)))
        if len(models) % folds == 0:
            number = len(models) // folds
            logging.info("The metrics of round %s cross validation", number)
            show_means(run.rounds, results[-folds:])
    predictions.save(output_dir / "predictions.csv")
    if repeats > 1:
        logging.info("The overall metrics of %s-round cross validation", repeats)
        show_means(run.rounds, results)
    return models


def has_classes(parameters: dict[str, Any]) -> bool:
    """Say whether the labels are classes, which the folds then keep in proportion."""
    # Without an objective this raises, in the image as here.
    objective: Any = parameters.get("objective")
    return bool(parameters.get("num_class") or objective.startswith("binary:"))


def split(both: Any, folds: int, repeats: int, *, classes: bool) -> Any:
    """Split the rows into folds, anew at every call: the image fixes no seed."""
    from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

    splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
    rows = range(both.num_row())
    labels = both.get_label() if classes else None
    return splitter(n_splits=folds, n_repeats=repeats).split(X=rows, y=labels)


def show_means(rounds: int, results: Sequence[EvaluationResults]) -> None:
    """Print the mean of each metric after the last round."""
    line = f"[{rounds}]"
    for metric in results[0]["train"]:
        for data in ("train", "validation"):
            last = [result[data][metric][-1] for result in results]
            line += f"\t{data}-{metric}:{np.mean(last):.5f}"
    show(line + "\n")
