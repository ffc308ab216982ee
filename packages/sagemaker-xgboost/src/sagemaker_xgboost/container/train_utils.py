"""The training itself: from hyperparameters and DMatrix to a saved model."""

import logging
import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from sagemaker_xgboost.container.data_utils import Matrix, import_xgboost
from sagemaker_xgboost.exceptions import AlgorithmError, UserError
from sagemaker_xgboost.hyperparameters import MAXIMIZE

MODEL_NAME = "xgboost-model"

# What xgboost and scikit-learn raise for a mistake of the user; all else is unexpected.
CUSTOMER_ERRORS = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
    (
        "Check failed: base_score > 0.0f && base_score < 1.0f base_score must be in "
        "(0,1) for logistic loss"
    ),
    "Check failed: label_correct PoissonRegression: label must be nonnegative",
    "Check failed: label_correct TweedieRegression: label must be nonnegative",
    "Parameter reg_lambda should be greater equal to 0",
)

# The metrics that the image computes itself: the function of sklearn.metrics and its
# arguments. Those of classes are computed from classes, the others from predictions.
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

CustomMetric = Callable[[Any, Matrix], list[tuple[str, float]]]


def train_job(
    hyperparameters: Mapping[str, Any],
    matrices: Mapping[str, Matrix],
    model_dir: Path,
    *,
    is_master: bool = True,
) -> None:
    """Train one model; the master saves it as `model_dir/xgboost-model`.

    `hyperparameters` are validated ones; `matrices` has the key `train` and may have
    `validation`. Prints one line of metrics per round.
    Raises UserError or AlgorithmError for what xgboost raises.
    """
    parameters = dict(hyperparameters)
    rounds = parameters.pop("num_round")
    keep = parameters.pop("save_model_on_termination", "false") == "true"
    evaluation = choose_metrics(parameters)
    if evaluation.builtin:
        parameters["eval_metric"] = list(evaluation.builtin)
    stopping = EarlyStopping(
        rounds=parameters.pop("early_stopping_rounds", None),
        metric=evaluation.watched,
        data="validation" if "validation" in matrices else None,
    )
    log_sizes(matrices)
    with TrainingErrors():
        model = import_xgboost().train(
            parameters,
            matrices["train"],
            num_boost_round=rounds,
            evals=[(matrix, name) for name, matrix in matrices.items()],
            custom_metric=evaluation.custom,
            callbacks=get_callbacks(
                stopping, model_dir, keep=keep, is_master=is_master
            ),
            verbose_eval=False,
        )
    if is_master:
        save_model(model, model_dir)


def log_sizes(matrices: Mapping[str, Matrix]) -> None:
    """Log the rows and columns of the data."""
    logging.info(
        "Train matrix has %s rows and %s columns",
        matrices["train"].num_row(),
        matrices["train"].num_col(),
    )
    if "validation" in matrices:
        logging.info("Validation matrix has %s rows", matrices["validation"].num_row())


class TrainingErrors:
    """Raise the image's UserError or AlgorithmError in place of what xgboost raises."""

    def __enter__(self) -> None:
        """Enter the context."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise UserError for a mistake of the user, else AlgorithmError."""
        if not isinstance(error, Exception):
            return
        message = str(error)
        if any(known in message for known in CUSTOMER_ERRORS):
            raise UserError(message) from error
        raise AlgorithmError(
            f"XGB train call failed with exception:\n {message}"
        ) from error


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The metrics of a job: those of xgboost, those of the image, the watched one."""

    builtin: tuple[str, ...]
    custom: CustomMetric | None
    watched: str | None


def choose_metrics(parameters: dict[str, Any]) -> Evaluation:
    """Take the metrics out of the hyperparameters; sort them by who computes them."""
    listed = parameters.pop("eval_metric", None)
    tuned = get_tuning_metric(parameters.pop("_tuning_objective_metric", None))
    names = get_union_metrics(tuned, listed)
    custom = [name for name in names if name in CUSTOM_METRICS]
    return Evaluation(
        builtin=tuple(name for name in names if name not in custom),
        custom=make_custom_metric(custom) if custom else None,
        watched=(tuned or listed or [None])[-1],
    )


def get_tuning_metric(objective: str | None) -> list[str] | None:
    """Return the metric that a tuning job optimizes: `auc` of `validation:auc`."""
    if objective is None:
        return None
    name = objective.split(":")[1]
    logging.info("Setting up HPO optimized metric to be : %s", name)
    return name.split(",")


def get_union_metrics(
    tuned: Sequence[str] | None, listed: Sequence[str] | None
) -> list[str]:
    """Join both lists; if both are given, sort the names."""
    if tuned and listed:
        return sorted({*tuned, *listed})
    return list(tuned or listed or [])


def make_custom_metric(names: Sequence[str]) -> CustomMetric:
    """Make the function that computes these metrics after every round."""

    def evaluate(predictions: Any, matrix: Matrix) -> list[tuple[str, float]]:
        labels = matrix.get_label()
        return [(name, compute_metric(name, labels, predictions)) for name in names]

    return evaluate


def compute_metric(name: str, labels: Any, predictions: Any) -> float:
    """Compute one metric with scikit-learn."""
    # Few jobs ask for such a metric, and scikit-learn takes over a second to import.
    from sklearn import metrics

    if name in VALUE_METRICS:
        return float(getattr(metrics, VALUE_METRICS[name])(labels, predictions))
    if predictions.size == 0:
        return 0.0
    function, options = CLASS_METRICS[name]
    classes = predict_classes(predictions)
    return float(getattr(metrics, function)(labels, classes, **options))


def predict_classes(predictions: Any) -> Any:
    """Return the class of each row, with the image's threshold for two classes."""
    if predictions.ndim > 1:
        return predictions.argmax(axis=-1)
    # From 3.0 on xgboost passes probabilities, which the image still takes for margins:
    # nearly every row counts as positive. Kept, so that the figures agree with AWS.
    return (predictions > 0.0).astype(int)


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """When to stop: after so many rounds without a better metric of this data."""

    rounds: int | None
    metric: str | None
    data: str | None

    @property
    def active(self) -> bool:
        """Tell whether all three are known; if not, the image ignores it silently."""
        return bool(self.rounds and self.metric and self.data)


def get_callbacks(
    stopping: EarlyStopping, model_dir: Path, *, keep: bool, is_master: bool
) -> list[Any]:
    """List the callbacks of one training."""
    callbacks = [make_monitor()]
    logging.info(
        "CALLBACK_SETUP_DEBUG: save_model_on_termination=%s, is_master=%s",
        str(keep).lower(),
        is_master,
    )
    if keep and is_master:
        logging.info("CALLBACK_ADDING: Adding SaveIntermediateModelCallBack on master")
        callbacks.append(make_intermediate_saving(model_dir))
    else:
        logging.info(
            "CALLBACK_SKIPPING save_model_on_termination=%s, is_master=%s)",
            str(keep).lower(),
            is_master,
        )
    if stopping.active:
        callbacks.append(make_early_stopping(stopping, is_master=is_master))
    return callbacks


def make_monitor() -> Any:
    """Make the callback that prints the metrics of every round."""

    class Monitor(import_xgboost().callback.EvaluationMonitor):  # type: ignore[misc]
        # xgboost keeps its callbacks in a set, and skips the rest once one says stop:
        # as the first of the set, the last round is always printed.
        def __hash__(self) -> int:
            return 0

    def show(line: str) -> None:
        print(line, end="", flush=True)

    return Monitor(logger=show)


def make_early_stopping(stopping: EarlyStopping, *, is_master: bool) -> Any:
    """Make the callback that stops early, and keeps the best rounds only."""
    return import_xgboost().callback.EarlyStopping(
        rounds=stopping.rounds,
        data_name=stopping.data,
        metric_name=stopping.metric,
        maximize=stopping.metric in MAXIMIZE,
        save_best=is_master,
    )


def make_intermediate_saving(model_dir: Path) -> Any:
    """Make the callback that saves the model after every round, and handle SIGTERM."""
    exit_on_sigterm(model_dir)

    class SaveIntermediateModel(import_xgboost().callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            save_model(model, model_dir)
            return False

    return SaveIntermediateModel()


def exit_on_sigterm(model_dir: Path) -> None:
    """Exit with 0 at SIGTERM, and leave nothing but the model in its folder."""

    def stop(signum: int, frame: FrameType | None) -> None:
        for file in model_dir.iterdir():
            if file.is_file() and not file.name.startswith(MODEL_NAME):
                file.unlink(missing_ok=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)


def save_model(model: Any, model_dir: Path) -> None:
    """Save a model whole or not at all."""
    model_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_dir.parent) as folder:
        draft = Path(folder) / MODEL_NAME
        model.save_model(draft)
        draft.replace(model_dir / MODEL_NAME)
