"""How an endpoint answers raw records: packed beside the model as code/inference.py.

It runs in SageMaker's image, which has no package of this repository. What stands
beside it there is imported when the model is loaded, because the image's server
installs this file elsewhere.
"""

import importlib
import importlib.util
import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What the model was trained with: its raw columns, its features, its script.
ABOUT = "raw_records.json"
BUILT_IN = "xgboost-model"


@dataclass(frozen=True)
class Served:
    """A loaded model, and what makes features of the records that it is asked."""

    model: Any
    predict: Any
    transform: Any
    records: Any
    about: dict[str, Any]


def model_fn(model_dir: str) -> Served:
    """Load the model: by its script's `model_fn`, or the built-in XGBoost's file."""
    code = Path(model_dir, "code")
    if str(code) not in sys.path:
        sys.path.insert(0, str(code))
    about = json.loads((code / ABOUT).read_text(encoding="utf-8"))
    transform = importlib.import_module("features").transform
    records = importlib.import_module("raw_records")
    predict = predict_loaded
    if program := about["program"]:
        name = program.removesuffix(".py").replace("/", ".")
        script = importlib.import_module(name)
        model = script.model_fn(model_dir)
        predict = getattr(script, "predict_fn", predict)
    else:
        xgboost = importlib.import_module("xgboost")
        model = xgboost.Booster(model_file=str(Path(model_dir, BUILT_IN)))
    return Served(model, predict, transform, records, about)


def transform_fn(served: Served, body: Any, content_type: str, accept: str) -> Any:
    """Answer a request; one that is wrong gets a status and a line of text."""
    records, about = served.records, served.about
    try:
        found = records.read_request(body, content_type, about["columns"])
        names = about["features"]
        table = records.make_features(served.transform, found, about["columns"], names)
        with records.Running(about["program"] or BUILT_IN):
            predictions = served.predict(table.to_numpy(), served.model)
        return records.answer_text(predictions, accept, about["classes"])
    except records.RequestError as error:
        if error.status >= 500:
            traceback.print_exc()
        return refusal(str(error), error.status)


def predict_loaded(rows: Any, model: Any) -> Any:
    """Predict by a model without a `predict_fn` of its own.

    Args:
        rows: an array of records x features.
    """
    xgboost = sys.modules.get("xgboost")
    if xgboost is not None and isinstance(model, xgboost.Booster):
        # As the built-in algorithm reads numbers.
        return model.predict(xgboost.DMatrix(rows.astype("float32")))
    return model.predict(rows)


def refusal(message: str, status: int) -> Any:
    """Return an answer with a status, which the image's server, Flask, passes on.

    Raises:
        ValueError: there is no Flask, as in an environment of notebooks.
    """
    if importlib.util.find_spec("flask") is None:
        raise ValueError(message)
    flask = importlib.import_module("flask")
    return flask.Response(message, status=status, mimetype="text/plain")
