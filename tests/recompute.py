"""Compute again what a training notebook showed, with scikit-learn and XGBoost alone.

Nothing of this repository is imported. A run's folder has the executed notebook; the
rows and the model are where its records say.
"""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn import metrics

MIME = "application/vnd.runner.evaluation+json"
Read = Callable[[str], bytes]


def shown_of(folder: Path) -> dict[str, Any]:
    """Return the evaluation that a run's training notebook showed."""
    notebook = json.loads((folder / "train-register.ipynb").read_text())
    outputs = [one for cell in notebook["cells"] for one in cell.get("outputs", [])]
    found = [one["data"][MIME] for one in outputs if MIME in one.get("data", {})]
    return found[-1]


def recompute(folder: Path, read: Read, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a run's evaluation, computed from its rows and its model.

    Args:
        read: returns the bytes of an S3 URI.
        settings: model.yaml.
    """
    prepared = json.loads((folder / "prepare.json").read_text())["results"]
    results = json.loads((folder / "train-register.json").read_text())["results"]
    rows = pd.read_csv(io.BytesIO(read(prepared["test"])), header=None)
    rows.columns = prepared["columns"]
    with tarfile.open(fileobj=io.BytesIO(read(results["model_data"]))) as archive:
        content = archive.extractfile("xgboost-model").read()
    booster = xgb.Booster(model_file=bytearray(content))
    features = xgb.DMatrix(rows.iloc[:, 1:].to_numpy(dtype="float32"))
    truth, prediction = rows.iloc[:, 0], booster.predict(features)
    threshold = results["metrics"].get("threshold")
    costs = settings.get("decision") or {}
    classes = prepared.get("classes", ())

    def measured(part: Any) -> dict[str, float]:
        if classes:
            return measure_classes(truth[part], prediction[part], classes)
        return measure(truth[part], prediction[part], threshold, costs)

    found = {
        "metrics": measured(np.ones(len(truth), dtype=bool)),
        "slices": {
            (column, value): measured(part)
            for column in settings.get("slices", ())
            for value, part in groups(rows, column)
        },
        "shap": shares(booster.predict(features, pred_contribs=True)),
    }
    if classes:
        table = metrics.confusion_matrix(truth, prediction.argmax(axis=1))
        certain = prediction[np.arange(len(truth)), truth.astype(int)]
        worst = np.sort(certain)[:10]
        return found | {"confusion_matrix": table.tolist(), "worst": worst}
    found["worst"] = np.sort(np.abs(truth - prediction))[::-1][:10]
    if threshold is not None:
        table = metrics.confusion_matrix(truth, prediction >= threshold)
        found["confusion"] = table.ravel().tolist()
    return found


def measure(
    truth: Any, prediction: Any, threshold: float | None, costs: Mapping[str, Any]
) -> dict[str, float]:
    """Return a model's metrics; those of a classification if it has a threshold."""
    if threshold is None:
        return {
            "rmse": metrics.root_mean_squared_error(truth, prediction),
            "mae": metrics.mean_absolute_error(truth, prediction),
            "r2": metrics.r2_score(truth, prediction),
        }
    decided = (prediction >= threshold).astype(int)
    outcomes = metrics.confusion_matrix(truth, decided, labels=[0, 1]).ravel()
    names = ("true_negative", "false_positive", "false_negative", "true_positive")
    paid = [costs.get(name, 0) for name in names]
    return {
        "auc": metrics.roc_auc_score(truth, prediction),
        "accuracy": metrics.accuracy_score(truth, decided),
        "precision": metrics.precision_score(truth, decided, zero_division=0),
        "recall": metrics.recall_score(truth, decided, zero_division=0),
        "f1": metrics.f1_score(truth, decided, zero_division=0),
        "logloss": metrics.log_loss(truth, prediction.astype(float)),
        "brier": metrics.brier_score_loss(truth, prediction),
        "cost": float(outcomes @ paid) / len(truth),
    }


def measure_classes(
    truth: Any, probability: Any, classes: Sequence[str]
) -> dict[str, float]:
    """Return the metrics of a multiclass model, of rows of each class."""
    decided = probability.argmax(axis=1)
    how: Any = {"target_names": classes, "output_dict": True, "zero_division": np.nan}
    report = metrics.classification_report(truth, decided, **how)
    macro = report["macro avg"]
    of_class = {"recall": "recall", "precision": "precision", "f1": "f1-score"}
    return {
        "accuracy": report["accuracy"],
        "balanced_accuracy": macro["recall"],
        "recall_macro": macro["recall"],
        "precision_macro": macro["precision"],
        "f1_macro": macro["f1-score"],
        "roc_auc_ovr": metrics.roc_auc_score(truth, probability, multi_class="ovr"),
        "logloss": metrics.log_loss(truth, probability),
    } | {
        f"{name} of {one}": report[one][theirs]
        for name, theirs in of_class.items()
        for one in classes
    }


def groups(rows: pd.DataFrame, column: str) -> list[tuple[str, Any]]:
    """Return the groups of a column, or of the columns that it was encoded into."""
    if column in rows:
        return [(f"{one:g}", rows[column] == one) for one in rows[column].unique()]
    names = [name for name in rows if name.startswith(f"{column}_")]
    return [(name.removeprefix(f"{column}_"), rows[name] == 1) for name in names]


def shares(contributions: Any) -> list[float]:
    """Return each feature's share of the mean absolute SHAP values, the bias aside."""
    sizes = np.abs(contributions[..., :-1]).mean(axis=0)
    if sizes.ndim > 1:
        sizes = sizes.mean(axis=0)
    return sorted((sizes / sizes.sum()).tolist(), reverse=True)
