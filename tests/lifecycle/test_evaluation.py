"""Models are scored, measured and compared with the live one."""

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client, run_uri
from lifecycle.deploy import deploy
from lifecycle.errors import StorageError
from lifecycle.evaluation import (
    breakdown,
    comparison_table,
    confusion,
    error_by_size,
    gain_shares,
    load_booster,
    measure,
    measure_binary,
    predict,
    score_live,
)
from lifecycle.s3 import parse_uri, write_bytes
from packages import (
    ENDPOINT,
    ROWS,
    archive,
    delete_endpoint,
    make_package,
    new_name,
    train_booster,
    upload_model,
)

FEATURES = pd.DataFrame(ROWS, columns=["a", "b"])


def quietly(_: str) -> None:
    """Say nothing."""


def test_a_trained_model_is_loaded_from_its_archive(aws: EmbeddedAWS):
    """What is scored is what would be deployed."""
    booster = train_booster(2.0)

    loaded = load_booster(upload_model(new_name(), "r1", booster))

    assert predict(loaded, FEATURES).tolist() == predict(booster, FEATURES).tolist()


@pytest.mark.parametrize(
    "content", [b"", b"not an archive", archive(b"x", "other"), archive(b"not a model")]
)
def test_a_broken_archive_is_an_error(aws: EmbeddedAWS, content):
    """It is named, with what to do."""
    uri = write_bytes(run_uri(new_name(), "r1", "model.tar.gz"), content)

    with pytest.raises(StorageError, match=r"model\.tar\.gz: .*train again"):
        load_booster(uri)


def test_a_cut_off_archive_is_an_error(aws: EmbeddedAWS):
    """Half a download is not half a model."""
    whole = archive(bytes(train_booster(1.0).save_raw("ubj")))
    uri = write_bytes(
        run_uri(new_name(), "r1", "model.tar.gz"), whole[: len(whole) // 2]
    )

    with pytest.raises(StorageError, match="train again"):
        load_booster(uri)


def test_regression_is_measured():
    """Errors of 1 and 3 have known means."""
    metrics = measure("regression", np.array([1.0, 5.0]), np.array([2.0, 2.0]))

    assert metrics["mae"] == pytest.approx(2.0)
    assert metrics["rmse"] == pytest.approx(5**0.5)
    assert metrics["r2"] == pytest.approx(-0.25)


def test_a_binary_model_is_measured():
    """One of two positives found, nothing else called."""
    truth = np.array([0, 0, 1, 1])
    probability = np.array([0.1, 0.4, 0.3, 0.9])

    metrics = measure("binary", truth, probability)

    assert metrics["auc"] == pytest.approx(0.75)
    assert metrics["accuracy"] == pytest.approx(0.75)
    assert metrics["precision"] == pytest.approx(1.0)
    assert metrics["recall"] == pytest.approx(0.5)
    assert metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["logloss"] == pytest.approx(0.4815, abs=1e-3)


def test_the_threshold_decides():
    """A lower one finds more and errs more."""
    metrics = measure_binary(np.array([0, 1, 1]), np.array([0.3, 0.2, 0.9]), 0.15)

    assert metrics["recall"] == 1.0
    assert metrics["precision"] == pytest.approx(2 / 3)


def test_metrics_are_plain_numbers():
    """They go into JSON as they are."""
    for task in ("regression", "binary"):
        metrics = measure(task, np.array([0, 1]), np.array([0.2, 0.7], dtype="float32"))
        assert {type(value) for value in metrics.values()} == {float}


def test_nothing_live_is_an_ordinary_answer(aws: EmbeddedAWS):
    """The first version has nothing to be compared with."""
    score = score_live(new_name(), "regression", FEATURES, FEATURES["a"])

    assert score is None
    assert list(comparison_table({"rmse": 1.0}, score).columns) == ["candidate"]


def test_the_live_model_is_scored_on_the_same_rows(aws: EmbeddedAWS):
    """Candidate and live model stand side by side, with the difference."""
    package = make_package(new_name(), factor=2.0)
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    score = score_live(package.model, "regression", FEATURES, 2.0 * FEATURES["a"])
    assert score is not None
    table = comparison_table({"rmse": 1.5}, score)

    assert score.metrics["rmse"] < 0.2
    assert str(score).startswith("live: version 1 (")
    assert list(table.columns) == ["candidate", "live, version 1", "difference"]
    assert table.loc["rmse", "difference"] == pytest.approx(1.5 - score.metrics["rmse"])
    delete_endpoint(package.model)


def test_a_live_model_of_other_features_is_not_compared(aws: EmbeddedAWS):
    """It says why, and does not keep its successor from being registered."""
    package = make_package(new_name())
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    wider = score_live(package.model, "regression", FEATURES.assign(c=1), [0] * 4)
    place = parse_uri(package.model_data)
    client("s3").delete_object(Bucket=place.bucket, Key=place.key)
    lost = score_live(package.model, "regression", FEATURES, [0] * 4)
    client("sagemaker").delete_model_package(ModelPackageName=package.arn)
    deleted = score_live(package.model, "regression", FEATURES, [0] * 4)

    assert wider is not None
    assert lost is not None
    assert "it takes 2 features, not 3" in str(wider)
    assert "model.tar.gz: not there" in str(lost)
    assert "no such package" in str(deleted)
    assert wider.metrics == lost.metrics == {}
    assert list(comparison_table({"rmse": 1.0}, lost).columns) == ["candidate"]
    delete_endpoint(package.model)


def test_importance_is_shared_out_among_the_features():
    """The feature that the label is made of has nearly all of it."""
    shares = gain_shares(train_booster(1.0), ["a", "b"])

    assert shares.sum() == pytest.approx(1.0)
    assert shares.index[0] == "a"
    assert shares["a"] > 0.8


def test_a_model_without_splits_has_no_importance():
    """A constant label gives a model that looks at nothing."""
    rows = xgb.DMatrix(np.array(ROWS), label=[1.0] * 4)

    shares = gain_shares(xgb.train({}, rows, 1), ["a", "b"])

    assert shares.tolist() == [0.0, 0.0]


def test_errors_are_told_apart_by_size():
    """A model that is off only on large values shows it."""
    truth = np.arange(1.0, 11.0)
    prediction = np.where(truth > 5, truth - 2, truth)

    table = error_by_size(truth, prediction, groups=2)

    assert table["rows"].tolist() == [5, 5]
    assert table["mean error"].tolist() == [0.0, -2.0]
    assert table["rmse"].tolist() == [0.0, 2.0]
    assert breakdown("regression", truth, prediction)["rows"].sum() == 10


def test_confusion_counts_both_ways():
    """Rows are the truth, columns the decision."""
    table = confusion([0, 0, 1, 1], [0.1, 0.8, 0.2, 0.9], threshold=0.15)

    assert table.loc["truly 0"].tolist() == [1, 1]
    assert table.loc["truly 1"].tolist() == [0, 2]
    assert breakdown("binary", [0, 1], [0.4, 0.6]).to_numpy().tolist() == [
        [1, 0],
        [0, 1],
    ]
