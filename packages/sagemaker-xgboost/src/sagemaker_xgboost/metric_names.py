"""The evaluation metrics that the image knows."""

from sagemaker_xgboost.rules import HyperparameterError

MAXIMIZE = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)

MINIMIZE = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)

WITH_THRESHOLD = ("error", "ndcg", "map")

METRICS = (*MAXIMIZE, *MINIMIZE)


class KnownMetrics(list[str]):
    """The names that `eval_metric` may list, also with a threshold: `error@0.3`."""

    def __contains__(self, metric: object) -> bool:
        text = str(metric)
        if "<function" in text:
            raise HyperparameterError(
                f"User defined evaluation metric {text} is not supported yet."
            )
        if "@" not in text:
            return super().__contains__(text)
        name, threshold = (part.strip() for part in text.split("@")[:2])
        if name not in WITH_THRESHOLD:
            raise HyperparameterError(
                f"Metric '{text}' is not supported. Parameter 'eval_metric' with "
                "customized threshold should be one of these options: 'error', "
                "'ndcg', 'map'."
            )
        try:
            float(threshold)
        except ValueError as error:
            raise HyperparameterError(
                f"Threshold value 't' in '{name}@t' expects float input."
            ) from error
        return True
