"""What a reviewer needs to judge a model: scored, measured, compared with the live."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.errors import RegistryError, StorageError
from runner.live import Live, live
from runner.package import describe
from runner.storage import read_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xgboost as xgb

MODEL_FILE = "xgboost-model"


@dataclass(frozen=True, kw_only=True)
class LiveScore:
    """The live model's metrics on a candidate's test rows, or why there are none."""

    live: Live
    metrics: Mapping[str, float]
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"{self.live} cannot be compared: {self.reason}"
        return f"live: {self.live}"


def load_booster(model_data: str) -> "xgb.Booster":
    """Load the model of a training job; nothing of the archive is unpacked or run."""
    import xgboost as xgb

    content = read_bytes(model_data, remedy="train again, the archive is the model")
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


def predict(booster: "xgb.Booster", features: "pd.DataFrame") -> "np.ndarray[Any, Any]":
    """Predict as the serving container does: by position, not by column name."""
    import xgboost as xgb

    return booster.predict(xgb.DMatrix(features.to_numpy(dtype="float32")))


def measure(task: str, truth: Any, prediction: Any) -> dict[str, float]:
    """Measure predictions with the metrics of a task."""
    if task == "regression":
        return measure_regression(truth, prediction)
    return measure_binary(truth, prediction)


def measure_regression(truth: Any, prediction: Any) -> dict[str, float]:
    """Measure predicted numbers."""
    from sklearn import metrics

    values = {
        "rmse": metrics.root_mean_squared_error(truth, prediction),
        "mae": metrics.mean_absolute_error(truth, prediction),
        "r2": metrics.r2_score(truth, prediction),
    }
    return {name: float(value) for name, value in values.items()}


def measure_binary(
    truth: Any, probability: Any, threshold: float = 0.5
) -> dict[str, float]:
    """Measure probabilities, and the yes or no that a threshold makes of them."""
    import numpy as np
    from sklearn import metrics

    decision = (np.asarray(probability) >= threshold).astype(int)
    quiet: dict[str, Any] = {"zero_division": 0.0}
    values = {
        "auc": metrics.roc_auc_score(truth, probability),
        "accuracy": metrics.accuracy_score(truth, decision),
        "precision": metrics.precision_score(truth, decision, **quiet),
        "recall": metrics.recall_score(truth, decision, **quiet),
        "f1": metrics.f1_score(truth, decision, **quiet),
        "logloss": metrics.log_loss(truth, np.asarray(probability, dtype="float64")),
    }
    return {name: float(value) for name, value in values.items()}


def score_live(
    model: str, task: str, features: "pd.DataFrame", truth: Any
) -> LiveScore | None:
    """Measure the live model on the same rows; nothing, when none of ours is live."""
    now = live(model)
    if now is None or now.status == "Failed" or not now.package:
        return None
    try:
        booster = load_booster(describe(now.package).model_data)
    except (StorageError, RegistryError) as error:
        # A live model that is lost must not keep its successor from being registered.
        return LiveScore(live=now, metrics={}, reason=str(error))
    if booster.num_features() != features.shape[1]:
        reason = f"it takes {booster.num_features()} features, not {features.shape[1]}"
        return LiveScore(live=now, metrics={}, reason=reason)
    prediction = predict(booster, features)
    return LiveScore(live=now, metrics=measure(task, truth, prediction))


def comparison(metrics: Mapping[str, float], score: LiveScore | None) -> "pd.DataFrame":
    """Set candidate and live model side by side, with the difference."""
    import pandas as pd

    table = pd.DataFrame({"candidate": pd.Series(metrics, dtype=float)})
    if score is not None and score.metrics:
        table[f"live, version {score.live.version}"] = pd.Series(score.metrics)
        table["difference"] = table["candidate"] - pd.Series(score.metrics)
    return table


def importance(booster: "xgb.Booster", features: Sequence[str]) -> "pd.Series[float]":
    """Share out the gain of all splits among the features, largest first."""
    import pandas as pd

    gain = {f"f{place}": name for place, name in enumerate(features)}
    score = booster.get_score(importance_type="total_gain")
    shares = pd.Series({name: score.get(key, 0.0) for key, name in gain.items()})
    return (shares / max(shares.sum(), 1e-12)).sort_values(ascending=False)


def breakdown(task: str, truth: Any, prediction: Any) -> "pd.DataFrame":
    """Show where a model of this task goes wrong."""
    if task == "regression":
        return error_by_size(truth, prediction)
    return confusion(truth, prediction)


def error_by_size(truth: Any, prediction: Any, groups: int = 5) -> "pd.DataFrame":
    """Tell the error of small values from that of large ones."""
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


def confusion(truth: Any, probability: Any, threshold: float = 0.5) -> "pd.DataFrame":
    """Count what a threshold gets right and wrong, each way."""
    import numpy as np
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    decision = (np.asarray(probability) >= threshold).astype(int)
    counts = confusion_matrix(truth, decision, labels=[0, 1])
    return pd.DataFrame(
        counts, index=["truly 0", "truly 1"], columns=["predicted 0", "predicted 1"]
    )
