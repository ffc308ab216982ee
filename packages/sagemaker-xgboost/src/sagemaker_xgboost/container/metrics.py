"""The metrics that the image computes itself, with scikit-learn."""

from collections.abc import Callable, Sequence
from typing import Any

Evaluate = Callable[[Any, Any], list[tuple[str, float]]]

CLASS_METRICS: dict[str, tuple[str, dict[str, str]]] = {
    "accuracy": ("accuracy_score", {}),
    "balanced_accuracy": ("balanced_accuracy_score", {}),
    "f1": ("f1_score", {"average": "macro"}),
    "f1_binary": ("f1_score", {"average": "binary"}),
    "f1_macro": ("f1_score", {"average": "macro"}),
    "precision": ("precision_score", {}),
    "precision_macro": ("precision_score", {"average": "macro"}),
    "precision_micro": ("precision_score", {"average": "micro"}),
    "recall": ("recall_score", {}),
    "recall_macro": ("recall_score", {"average": "macro"}),
    "recall_micro": ("recall_score", {"average": "micro"}),
}
VALUE_METRICS = {
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "r2": "r2_score",
}
CUSTOM_METRICS = (*CLASS_METRICS, *VALUE_METRICS)


def evaluate_with(names: Sequence[str]) -> Evaluate:
    """Build the function that computes these metrics after every round."""

    def evaluate(predictions: Any, matrix: Any) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        return [(name, score(name, labels, predictions)) for name in names]

    return evaluate


def score(name: str, labels: Any, predictions: Any) -> float:
    """Compute one metric."""
    from sklearn import metrics

    if name in VALUE_METRICS:
        return float(getattr(metrics, VALUE_METRICS[name])(labels, predictions))
    if predictions.size == 0:
        return 0.0
    function, options = CLASS_METRICS[name]
    return float(
        getattr(metrics, function)(labels, predicted_classes(predictions), **options)
    )


def predicted_classes(predictions: Any) -> Any:
    """Name the class of each row."""
    if predictions.ndim > 1:
        return predictions.argmax(axis=-1)
    # From 3.0 on xgboost hands over probabilities, the image still takes them for
    # margins: nearly every row counts as positive. Kept, so that the numbers agree.
    return (predictions > 0.0).astype(int)
