"""One training run: from validated hyperparameters and data to saved models."""

import logging
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sagemaker_xgboost.container.callbacks import (
    MODEL_NAME,
    Stopping,
    make_callbacks,
    save_model,
)
from sagemaker_xgboost.container.data import Matrix
from sagemaker_xgboost.container.engine import load_engine
from sagemaker_xgboost.container.evaluation import Evaluation, choose_evaluation
from sagemaker_xgboost.container.exceptions import AlgorithmError, UserError

CUSTOMER_ERRORS = (
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "Check failed: preds.size() == info.labels_.size()",
    "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
    "Check failed: base_score > 0.0f && base_score < 1.0f base_score must be in (0,1) "
    "for logistic loss",
    "Check failed: label_correct PoissonRegression: label must be nonnegative",
    "Check failed: label_correct TweedieRegression: label must be nonnegative",
    "Parameter reg_lambda should be greater equal to 0",
)


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """The data of a training run; `both` is train and validation in one."""

    train: Matrix
    validation: Matrix | None
    both: Matrix

    @property
    def watched(self) -> list[tuple[Matrix, str]]:
        """List the data sets whose metrics are printed."""
        named = [(self.train, "train")]
        if self.validation is not None:
            named.append((self.validation, "validation"))
        return named


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `xgboost.train` is called with, but for the data."""

    parameters: dict[str, Any]
    rounds: int
    evaluation: Evaluation
    stopping: Stopping
    keep: bool
    model_dir: Path
    is_master: bool

    def train(
        self,
        matrix: Matrix,
        watched: list[tuple[Matrix, str]],
        name: str = MODEL_NAME,
        results: dict[str, Any] | None = None,
    ) -> Any:
        """Train one booster."""
        return load_engine().train(
            self.parameters,
            matrix,
            num_boost_round=self.rounds,
            evals=watched,
            custom_metric=self.evaluation.custom,
            evals_result=results,
            callbacks=make_callbacks(
                self.stopping,
                self.model_dir,
                name,
                keep=self.keep,
                is_master=self.is_master,
            ),
            verbose_eval=False,
        )


class TrainingFailures:
    """Sort what xgboost raises into the user's mistakes and all others."""

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise the image's own error instead."""
        if not isinstance(error, Exception):
            return
        message = str(error)
        if any(known in message for known in CUSTOMER_ERRORS):
            raise UserError(message) from error
        raise AlgorithmError(
            f"XGB train call failed with exception:\n {message}"
        ) from error


def train_models(
    hyperparameters: dict[str, Any],
    matrices: Matrices,
    model_dir: Path,
    output_dir: Path,
    *,
    is_master: bool = True,
) -> None:
    """Train one model, or one for each fold, and save what the master has."""
    parameters = dict(hyperparameters)
    folds = parameters.pop("_kfold", None)
    repeats = parameters.pop("_num_cv_round", 1) if folds else 1
    run = plan_run(parameters, matrices, model_dir, is_master=is_master)
    log_sizes(matrices)
    with TrainingFailures():
        if folds is None:
            models = [run.train(matrices.train, matrices.watched)]
        else:
            from sagemaker_xgboost.container.kfold import cross_validate

            models = cross_validate(run, matrices, output_dir, folds, repeats)
    if is_master:
        save_models(models, model_dir, folded=folds is not None)


def plan_run(
    parameters: dict[str, Any],
    matrices: Matrices,
    model_dir: Path,
    *,
    is_master: bool,
) -> Run:
    """Take what is not xgboost's own out of the hyperparameters."""
    rounds = parameters.pop("num_round")
    keep = parameters.pop("save_model_on_termination", "false") == "true"
    evaluation = choose_evaluation(parameters)
    if evaluation.builtin:
        parameters["eval_metric"] = list(evaluation.builtin)
    stopping = Stopping(
        rounds=parameters.pop("early_stopping_rounds", None),
        metric=evaluation.watched,
        data="validation" if matrices.validation is not None else None,
    )
    return Run(
        parameters=parameters,
        rounds=rounds,
        evaluation=evaluation,
        stopping=stopping,
        keep=keep,
        model_dir=model_dir,
        is_master=is_master,
    )


def log_sizes(matrices: Matrices) -> None:
    """Log the rows and columns of the data."""
    logging.info(
        "Train matrix has %s rows and %s columns",
        matrices.train.num_row(),
        matrices.train.num_col(),
    )
    if matrices.validation is not None:
        logging.info("Validation matrix has %s rows", matrices.validation.num_row())


def save_models(models: list[Any], model_dir: Path, *, folded: bool) -> None:
    """Save the model, or the models of all folds."""
    for number, model in enumerate(models):
        name = f"{MODEL_NAME}-{number}" if folded else MODEL_NAME
        save_model(model, model_dir / name)
