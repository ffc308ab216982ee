"""Scoring a model as its endpoint will: the candidate, and the live model beside it."""

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import IntegrityError, RegistryError, StorageError
from lifecycle.registry import describe
from lifecycle.s3 import ARCHIVE_REMEDY, read_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xgboost as xgb

MODEL_FILE = "xgboost-model"
Measure = Callable[[Any, Any], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class LiveScore:
    """The live model's metrics on the test rows, or the reason why there are none."""

    live: EndpointState
    metrics: Mapping[str, float]
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"{self.live} cannot be compared: {self.reason}"
        return f"live: {self.live}"


def load_booster(model_data: str, sha256: str = "") -> "xgb.Booster":
    """Load the model from the archive of a training job.

    Nothing of the archive is unpacked to disk or executed.

    Args:
        model_data: S3 URI of model.tar.gz.
        sha256: of the archive that is wanted, if that is known.

    Raises:
        StorageError: it holds no XGBoost model.
        IntegrityError: it is another archive.
    """
    import xgboost as xgb

    content = read_bytes(model_data, remedy=ARCHIVE_REMEDY)
    found = hashlib.sha256(content).hexdigest()
    if found != (sha256 or found):
        raise IntegrityError(
            f"{model_data}: has sha256 {found[:12]}, registered was {sha256[:12]}; "
            "restore that version of the object in S3, or train again"
        )
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            member = archive.extractfile(MODEL_FILE)
            model = member.read() if member else b""
    except (tarfile.TarError, EOFError, OSError, KeyError) as error:
        raise StorageError(
            f"{model_data}: holds no readable {MODEL_FILE}, {error}; train again"
        ) from error
    try:
        return xgb.Booster(model_file=bytearray(model))
    except xgb.core.XGBoostError as error:
        raise StorageError(
            f"{model_data}: {MODEL_FILE} is not a model of XGBoost; train again"
        ) from error


def predict(booster: "xgb.Booster", features: Any) -> "np.ndarray[Any, Any]":
    """Predict as the serving container does: by position, not by column name.

    Args:
        features: a table or nested lists, rows x features, in the order of training.

    Returns:
        float32, one value per row.
    """
    import numpy as np
    import xgboost as xgb

    return booster.predict(xgb.DMatrix(np.asarray(features, dtype="float32")))


def score_live(
    model: str, features: "pd.DataFrame", truth: Any, *, measure: Measure
) -> LiveScore | None:
    """Measure the live model on the same rows as the candidate.

    Args:
        measure: returns metrics by name from truth and prediction.

    Returns:
        None if no version of this project is live.
    """
    live = read_state(model)
    if live is None or live.status == "Failed" or not live.package:
        return None
    try:
        package = describe(live.package)
        known = package.metadata.get("archive_sha256", "")
        booster = load_booster(package.model_data, known)
    except (StorageError, RegistryError) as error:
        # A live model that is lost must not keep its successor from being registered.
        return LiveScore(live=live, metrics={}, reason=str(error))
    if booster.num_features() != features.shape[1]:
        reason = f"it takes {booster.num_features()} features, not {features.shape[1]}"
        return LiveScore(live=live, metrics={}, reason=reason)
    return LiveScore(live=live, metrics=measure(truth, predict(booster, features)))


def comparison_table(
    metrics: Mapping[str, float], score: LiveScore | None
) -> "pd.DataFrame":
    """Return candidate and live model side by side, with the difference."""
    import pandas as pd

    table = pd.DataFrame({"candidate": pd.Series(metrics, dtype=float)})
    if score is not None and score.metrics:
        table[f"live, version {score.live.version}"] = pd.Series(score.metrics)
        table["difference"] = table["candidate"] - pd.Series(score.metrics)
    return table


def gain_shares(booster: "xgb.Booster", features: Sequence[str]) -> "pd.Series[float]":
    """Return each feature's share of the total gain of all splits, largest first."""
    import pandas as pd

    names = {f"f{place}": name for place, name in enumerate(features)}
    gain = booster.get_score(importance_type="total_gain")
    shares = pd.Series({name: gain.get(key, 0.0) for key, name in names.items()})
    return (shares / max(shares.sum(), 1e-12)).sort_values(ascending=False)


def error_by_size(truth: Any, prediction: Any, groups: int = 5) -> "pd.DataFrame":
    """Return the error by the size of the truth: a row per quantile."""
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({"truth": np.asarray(truth), "error": prediction - truth})
    sizes = pd.qcut(table["truth"], groups, duplicates="drop")
    by = table.groupby(sizes, observed=True)["error"]
    return pd.DataFrame(
        {
            "rows": by.size(),
            "mean error": by.mean(),
            "mae": by.agg(lambda error: error.abs().mean()),
            "rmse": by.agg(lambda error: (error**2).mean() ** 0.5),
        }
    ).rename_axis("true value")
