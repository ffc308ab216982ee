"""The model server of the image, without its web server."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from sagemaker_xgboost import ENGINE_VERSION
from sagemaker_xgboost.container.data_utils import Matrix
from sagemaker_xgboost.container.serve_utils import (
    JSON_TYPE,
    RequestError,
    Response,
    ServingRules,
    encode_predictions,
    join_predictions,
    parse_accept,
    parse_content_data,
    text_response,
    too_large_response,
)
from sagemaker_xgboost.exceptions import hide_paths
from sagemaker_xgboost.model_file import ModelFileError, check_model, check_size

DEFAULT_CONTENT_LENGTH = 6 * 1024**2
MAX_CONTENT_LENGTH = 20 * 1024**2
# Objectives whose predictions are classes: several models vote.
VOTING = ("multi:softmax", "binary:hinge")


class ModelLoadError(Exception):
    """Report a model that the server cannot load: on AWS no ping would succeed."""


@dataclass(frozen=True)
class ModelServer:
    """Answer requests with the models of one archive; safe to call from threads."""

    ensemble: "Ensemble"
    environment: Mapping[str, str]
    rules: ServingRules
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @classmethod
    def load(
        cls,
        model_dir: Path,
        environment: Mapping[str, str] | None = None,
        version: str = ENGINE_VERSION,
    ) -> "ModelServer":
        """Load the unpacked model.tar.gz in a folder.

        `environment` are the variables of the model's container, `version` is that of
        its image.
        Raises ModelLoadError if no model is there, if another file is there, and if the
        environment asks for what this package does not do.
        """
        variables, rules = dict(environment or {}), ServingRules.of(version)
        if variables.get("SAGEMAKER_PROGRAM"):
            raise ModelLoadError(
                "Environment variable SAGEMAKER_PROGRAM: a user's own inference code "
                "is not supported by sagemaker-xgboost. Remove the variable, or serve "
                "on AWS."
            )
        if "SAGEMAKER_INFERENCE_OUTPUT" in variables:
            raise ModelLoadError(
                "Environment variable SAGEMAKER_INFERENCE_OUTPUT: selectable inference "
                "output is not supported by sagemaker-xgboost. Remove the variable, or "
                "serve on AWS."
            )
        wanted = variables.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") == "true"
        all_files = wanted and rules.has_ensembles
        return cls(load_ensemble(model_dir, all_files=all_files), variables, rules)

    @property
    def max_content_length(self) -> int:
        """Return the size in bytes that the body of a request may have."""
        given = self.environment.get("MAX_CONTENT_LENGTH", DEFAULT_CONTENT_LENGTH)
        return min(int(given), MAX_CONTENT_LENGTH)

    def ping(self) -> Response:
        """Answer GET /ping: the model is loaded."""
        return text_response("")

    def execution_parameters(self) -> Response:
        """Answer GET /execution-parameters: how batch transform should call."""
        parameters = {
            "MaxConcurrentTransforms": os.cpu_count(),
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self.max_content_length // 1024**2,
        }
        return text_response(json.dumps(parameters), mimetype=JSON_TYPE)

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> Response:
        """Answer POST /invocations: predict for the rows in the body.

        The checks come in the image's order: size, empty body (204), content type and
        content (415), columns (400), accepted type (406).
        """
        if len(body) > self.max_content_length:
            return too_large_response()
        if not body:
            return text_response("", HTTPStatus.NO_CONTENT)
        try:
            matrix = parse_content_data(body, content_type, self.rules)
            predictions = self.predict(matrix)
            batch = bool(self.environment.get("SAGEMAKER_BATCH"))
            if self.rules.joins_rows:
                return join_predictions(predictions, batch=batch)
            mimetype = parse_accept(accept, self.environment)
            return encode_predictions(predictions, mimetype, batch=batch)
        except RequestError as error:
            return error.response()

    def predict(self, matrix: Matrix) -> Any:
        """Predict one request at a time, as each of the image's processes does."""
        try:
            with self.lock, xgboost.config_context(verbosity=0):
                return self.ensemble.predict(matrix)
        except xgboost.core.XGBoostError as error:
            raise RequestError(
                HTTPStatus.BAD_REQUEST,
                f"Unable to evaluate payload provided: {hide_paths(str(error))}",
            ) from error


@dataclass(frozen=True)
class Ensemble:
    """One model, or several that predict together; the first one says what."""

    models: Sequence[Any]
    objective: str

    def predict(self, matrix: Matrix) -> Any:
        """Predict with every model; return the mean, or for classes the vote."""
        predictions = [predict(model, matrix) for model in self.models]
        if len(predictions) == 1:
            return predictions[0]
        if self.objective in VOTING:
            return vote(np.stack(predictions))
        return np.mean(predictions, axis=0)


def load_ensemble(model_dir: Path, *, all_files: bool = True) -> Ensemble:
    """Load every file at the top level of the folder, or the first one only."""
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
    return Ensemble(models, learner["objective"]["name"])


def load_model(file: Path) -> Any:
    """Load one model; the image would unpickle it, and so run what it contains."""
    model = xgboost.Booster({"nthread": 1})
    try:
        check_size(file.stat().st_size)
        content = bytearray(file.read_bytes())
        check_model(content)
        model.load_model(content)
        model.set_param({"nthread": 1})
    except (ModelFileError, xgboost.core.XGBoostError) as error:
        reason = str(error).splitlines()[0].removesuffix(".")
        raise ModelLoadError(
            f"Model at /opt/ml/model/{file.name} cannot be loaded: {reason}. "
            "Keep nothing but models at the top level of model.tar.gz."
        ) from error
    return model


def predict(model: Any, matrix: Matrix) -> Any:
    """Predict with one model, up to its best round if it has one."""
    best = model.attr("best_iteration")
    rounds = (0, int(best) + 1) if best is not None else (0, 0)
    return model.predict(matrix, iteration_range=rounds, validate_features=False)


def vote(predictions: Any) -> Any:
    """Return the class that most models predict, the lowest if several tie."""

    def most_frequent(votes: Any) -> Any:
        classes, counts = np.unique(votes, return_counts=True)
        return classes[counts.argmax()]

    return np.apply_along_axis(most_frequent, 0, predictions)
