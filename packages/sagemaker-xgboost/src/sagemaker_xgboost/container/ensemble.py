"""The models of an archive, which predict together."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from runner.errors import ModelLoadError

VOTING = ("multi:softmax", "binary:hinge")


@dataclass(frozen=True)
class Ensemble:
    """One model or several; the first one says what they predict."""

    models: tuple[Any, ...]
    objective: str
    classes: str

    def predict(self, matrix: Any) -> Any:
        """Predict with every model, and take the mean or the vote."""
        predictions = [predict(model, matrix) for model in self.models]
        if len(predictions) == 1:
            return predictions[0]
        if self.objective in VOTING:
            return vote(np.stack(predictions))
        return np.mean(predictions, axis=0)


def load_ensemble(model_dir: Path, *, all_files: bool = True) -> Ensemble:
    """Load every file of the archive's top level; the server takes all for models."""
    files = sorted(
        file
        for file in model_dir.iterdir()
        if file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise ModelLoadError(
            "model.tar.gz holds no model: put a file xgboost-model at its top level."
        )
    models = [load_model(file) for file in (files if all_files else files[:1])]
    learner = json.loads(models[0].save_config())["learner"]
    return Ensemble(
        models=tuple(models),
        objective=learner["objective"]["name"],
        classes=learner["learner_model_param"].get("num_class", ""),
    )


def load_model(file: Path) -> Any:
    """Load one model; the image would unpickle it, which would run what it holds."""
    model = xgboost.Booster({"nthread": 1})
    try:
        # A model without a suffix is the rule here, and no reason to warn.
        with xgboost.config_context(verbosity=0):
            model.load_model(file)
        model.set_param({"nthread": 1})
    except xgboost.core.XGBoostError as error:
        reason = str(error).splitlines()[0].replace(f"{file.parent}/", "")
        raise ModelLoadError(
            f"Model at /opt/ml/model/{file.name} cannot be loaded: {reason} "
            "Keep nothing but models at the top level of model.tar.gz."
        ) from error
    return model


def predict(model: Any, matrix: Any) -> Any:
    """Predict with one model, up to its best round when it knows one."""
    best = model.attr("best_iteration")
    rounds = (0, int(best) + 1) if best is not None else (0, 0)
    return model.predict(matrix, iteration_range=rounds, validate_features=False)


def vote(predictions: Any) -> Any:
    """Take the class that most models name, the lowest of those that tie."""

    def most_frequent(votes: Any) -> Any:
        classes, counts = np.unique(votes, return_counts=True)
        return classes[counts.argmax()]

    return np.apply_along_axis(most_frequent, 0, predictions)
