"""What a log shows of the metrics of a training job."""

from datetime import datetime

from embedded_aws.sagemaker.metrics import final_metrics, metric_definitions

EARLY, LATE = datetime(2026, 1, 1), datetime(2026, 1, 2)


def test_gives_the_last_value_of_each_metric():
    """Each metric has its last value, rounded to 32 bits as on the platform."""
    lines = [
        (EARLY, "[0]#011train-rmse:2.5#011validation-rmse:3.5"),
        (LATE, "[1]#011train-rmse:1.19876#011validation-rmse:-4e-05"),
        (LATE, "train-rmse:99"),
    ]
    train, validation = final_metrics(metric_definitions(), lines)
    assert train["MetricName"] == "train:rmse"
    assert train["Value"] == 1.1987600326538086
    assert train["Timestamp"] == LATE
    assert validation["MetricName"] == "validation:rmse"
    assert abs(validation["Value"] + 4e-05) < 1e-9


def test_does_not_mistake_one_metric_for_another():
    """`auc` is not found in `aucpr`, nor `f1` in `f1_macro`."""
    lines = [(EARLY, "[0]#011train-aucpr:0.5#011train-f1_macro:0.25")]
    found = {each["MetricName"] for each in final_metrics(metric_definitions(), lines)}
    assert found == {"train:aucpr", "train:f1_macro"}


def test_a_script_has_its_own_patterns():
    """The first group of a pattern is the value; what is no number is passed over."""
    definitions = [{"Name": "loss", "Regex": "loss: (.*?);"}]
    lines = [(EARLY, "loss: 0.5;"), (LATE, "loss: none;"), (LATE, "loss: 1e400;")]
    (loss,) = final_metrics(definitions, lines)
    assert (loss["Value"], loss["Timestamp"]) == (0.5, EARLY)
