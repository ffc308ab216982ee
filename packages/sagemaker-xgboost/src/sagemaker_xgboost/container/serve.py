"""The model server of the built-in XGBoost image, without its web server."""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import xgboost

from sagemaker_xgboost.container.decode import decode
from sagemaker_xgboost.container.encode import (
    JSON,
    encode_predictions,
    encode_selected,
    parse_accept,
)
from sagemaker_xgboost.container.ensemble import Ensemble, load_ensemble
from sagemaker_xgboost.container.inference_output import parse_keys, select
from sagemaker_xgboost.container.logs import library_paths
from sagemaker_xgboost.container.response import (
    Refusal,
    Response,
    error_page,
    text_response,
)

DEFAULT_CONTENT_LENGTH = 6 * 1024**2
MAX_CONTENT_LENGTH = 20 * 1024**2


@dataclass(frozen=True)
class ModelServer:
    """Answers for one loaded archive."""

    ensemble: Ensemble
    environment: Mapping[str, str]
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @classmethod
    def load(cls, model_dir: Path, environment: Mapping[str, str]) -> "ModelServer":
        """Load the archive in this folder; an error means that no ping succeeds."""
        all_files = environment.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") == "true"
        ensemble = load_ensemble(model_dir, all_files=all_files)
        return cls(ensemble, dict(environment))

    @property
    def max_content_length(self) -> int:
        """Give the size in bytes that a request may have."""
        given = self.environment.get("MAX_CONTENT_LENGTH", DEFAULT_CONTENT_LENGTH)
        return min(int(given), MAX_CONTENT_LENGTH)

    def ping(self) -> Response:
        """Say that the model is loaded."""
        return text_response("")

    def execution_parameters(self) -> Response:
        """Say how batch transform should call."""
        parameters = {
            "MaxConcurrentTransforms": os.cpu_count(),
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self.max_content_length // 1024**2,
        }
        return text_response(json.dumps(parameters), mimetype=JSON)

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> Response:
        """Predict for the rows in the body."""
        if len(body) > self.max_content_length:
            return error_page(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "Request Entity Too Large",
                "The data value transmitted exceeds the capacity limit.",
            )
        if not body:
            return text_response("", HTTPStatus.NO_CONTENT)
        try:
            return self.answer(body, content_type, accept)
        except Refusal as refusal:
            return refusal.response()

    def answer(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> Response:
        """Check and do everything in the order in which the image does."""
        predictions = self.predict(decode(body, content_type))
        form = parse_accept(accept, self.environment)
        selection = self.environment.get("SAGEMAKER_INFERENCE_OUTPUT")
        if selection is None:
            return encode_predictions(predictions, form)
        keys = parse_keys(selection)
        try:
            rows = select(
                predictions, keys, self.ensemble.objective, self.ensemble.classes
            )
        except ValueError as error:
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
        batch = bool(self.environment.get("SAGEMAKER_BATCH"))
        return encode_selected(rows, keys, form, batch=batch)

    def predict(self, matrix: Any) -> Any:
        """Predict one request at a time, as each of the image's processes does."""
        try:
            with self.lock, xgboost.config_context(verbosity=0):
                return self.ensemble.predict(matrix)
        except xgboost.core.XGBoostError as error:
            text = library_paths().hide(str(error))
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"Unable to evaluate payload provided: {text}"
            ) from error
