"""A model is scored as its endpoint will score it, and compared with the live one."""

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from embedded_aws.process import EmbeddedAWS
from model_packages import (
    ROWS,
    archive,
    make_package,
    new_name,
    serve,
    train_booster,
    upload_model,
)

from lifecycle.aws import client, run_uri
from lifecycle.errors import IntegrityError, StorageError
from lifecycle.evaluation import (
    comparison_table,
    error_by_size,
    gain_shares,
    load_booster,
    predict,
    score_live,
)
from lifecycle.s3 import hash_object, parse_uri, write_bytes

FEATURES = pd.DataFrame(ROWS, columns=["a", "b"])


def measure(truth, prediction) -> dict[str, float]:
    """Return the metrics of a regression, as a notebook does."""
    return {"rmse": float(np.sqrt(np.mean((np.asarray(truth) - prediction) ** 2)))}


def test_a_model_is_loaded_from_its_archive(aws: EmbeddedAWS):
    """The model that is scored is the one that would be deployed."""
    booster = train_booster(2.0)

    loaded = load_booster(upload_model(new_name(), "r1", booster))

    assert predict(loaded, FEATURES).tolist() == predict(booster, FEATURES).tolist()


def test_predictions_go_by_position(aws: EmbeddedAWS):
    """The serving container knows no column names either."""
    booster = train_booster(2.0)

    renamed = predict(booster, FEATURES.set_axis(["b", "a"], axis=1))

    assert renamed.tolist() == predict(booster, FEATURES).tolist()
    assert renamed.dtype == np.float32


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", archive(b"x", "other"), archive(b"not a model")],
    ids=["empty", "no archive", "other file", "no model"],
)
def test_a_broken_archive_is_an_error(aws: EmbeddedAWS, content):
    """The error names the archive, and says what to do."""
    uri = write_bytes(run_uri(new_name(), "r1", "model.tar.gz"), content)

    with pytest.raises(StorageError, match=r"model\.tar\.gz: .*train again"):
        load_booster(uri)


def test_a_truncated_archive_is_an_error(aws: EmbeddedAWS):
    """Half of an archive is not read as half a model."""
    whole = archive(bytes(train_booster(1.0).save_raw("ubj")))
    uri = write_bytes(
        run_uri(new_name(), "r1", "model.tar.gz"), whole[: len(whole) // 2]
    )

    with pytest.raises(StorageError, match="train again"):
        load_booster(uri)


def test_another_archive_than_the_registered_one_is_an_error(aws: EmbeddedAWS):
    """The bytes that are loaded are those that are looked at."""
    uri = upload_model(new_name(), "r1", train_booster(1.0))
    known = hash_object(uri).sha256
    assert load_booster(uri, known).num_features() == 2
    write_bytes(uri, archive(bytes(train_booster(2.0).save_raw("ubj"))))

    with pytest.raises(IntegrityError, match=r"has sha256 .*, registered was"):
        load_booster(uri, known)


def test_without_a_live_model_there_is_no_comparison(model):
    """The first version of a model is an ordinary case."""
    score = score_live(model, FEATURES, FEATURES["a"], measure=measure)

    assert score is None
    assert list(comparison_table({"rmse": 1.0}, score).columns) == ["candidate"]


def test_the_live_model_is_scored_on_the_same_rows(model):
    """Candidate and live model stand side by side, with the difference."""
    serve(make_package(model, factor=2.0))

    score = score_live(model, FEATURES, 2.0 * FEATURES["a"], measure=measure)

    assert score is not None
    assert score.metrics["rmse"] < 0.2
    assert str(score).startswith("live: version 1 (")
    table = comparison_table({"rmse": 1.5}, score)
    assert list(table.columns) == ["candidate", "live, version 1", "difference"]
    assert table.loc["rmse", "difference"] == pytest.approx(1.5 - score.metrics["rmse"])


def test_a_live_model_that_cannot_be_scored_says_why(model):
    """It does not keep its successor from being registered."""
    package = make_package(model)
    serve(package)
    sagemaker, (bucket, key) = client("sagemaker"), parse_uri(package.model_data)

    def score(features: pd.DataFrame = FEATURES):
        found = score_live(model, features, [0] * 4, measure=measure)
        assert found is not None
        assert found.metrics == {}
        assert list(comparison_table({"rmse": 1.0}, found).columns) == ["candidate"]
        return str(found)

    other_features = score(FEATURES.assign(c=1))
    upload_model(model, package.run_id, train_booster(2.0))
    assert "cannot be compared: s3://" in score()
    client("s3").delete_object(Bucket=bucket, Key=key)
    lost_archive = score()
    sagemaker.delete_model_package(ModelPackageName=package.arn)
    deleted_package = score()

    assert other_features.endswith("cannot be compared: it takes 2 features, not 3")
    assert "model.tar.gz: not there" in lost_archive
    assert "no such package" in deleted_package


def test_the_gain_is_shared_out_among_the_features():
    """The feature that determines the label has nearly all of it."""
    shares = gain_shares(train_booster(1.0), ["a", "b"])

    assert shares.sum() == pytest.approx(1.0)
    assert shares.index[0] == "a"
    assert shares["a"] > 0.8


def test_a_model_without_splits_has_no_gain():
    """A constant label gives a model that uses no feature."""
    rows = xgb.DMatrix(np.array(ROWS), label=[1.0] * 4)

    shares = gain_shares(xgb.train({}, rows, 1), ["a", "b"])

    assert shares.tolist() == [0.0, 0.0]


def test_the_error_is_shown_by_the_size_of_the_truth():
    """A model that is wrong on large values only shows it."""
    truth = np.arange(1.0, 11.0)
    prediction = np.where(truth > 5, truth - 2, truth)

    table = error_by_size(truth, prediction, groups=2)

    assert table["rows"].tolist() == [5, 5]
    assert table["mean error"].tolist() == [0.0, -2.0]
    assert table["mae"].tolist() == [0.0, 2.0]
    assert table["rmse"].tolist() == [0.0, 2.0]
