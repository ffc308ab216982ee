"""A model is scored as its endpoint will score it, and compared with the live one."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from embedded_aws.process import EmbeddedAWS
from model_packages import (
    ROWS,
    archive,
    delete_endpoint,
    new_name,
    serve_trained,
    train_booster,
    upload_model,
)

from lifecycle.aws import client, run_uri
from lifecycle.errors import IntegrityError, StorageError
from lifecycle.evaluation import (
    LiveScore,
    class_table,
    comparison_table,
    interval_table,
    intervals,
    load_booster,
    predict,
    score_live,
)
from lifecycle.invocation import record_golden
from lifecycle.registration.packages import Package
from lifecycle.s3 import hash_object, parse_uri, write_bytes
from lifecycle.statistics.comparison import Estimate
from lifecycle.statistics.decision import OUTCOMES, Decision

FEATURES = pd.DataFrame(ROWS, columns=["a", "b"])


def make_rows(count: int, seed: int) -> pd.DataFrame:
    """Make rows that a model of factor 2 predicts, but for a noise of 0.5."""
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 4, count).astype(float), random.random(count)
    return pd.DataFrame({"y": 2 * a + random.normal(0, 0.5, count), "a": a, "b": b})


TRAINED, VALIDATED, NEW = (make_rows(60, seed) for seed in (1, 2, 3))


def measure(truth, prediction) -> dict[str, float]:
    """Return the metrics of a regression, as a notebook does."""
    return {"rmse": float(np.sqrt(np.mean((np.asarray(truth) - prediction) ** 2)))}


def go_live(model: str, **given: Any) -> Package:
    """Deploy a model of factor 2, trained and validated on rows of its run."""
    splits = {"train": TRAINED, "validation": VALIDATED, "test": NEW}
    return serve_trained(model, train_booster(2.0), splits, **given)


@pytest.fixture(scope="module")
def live(module_aws: EmbeddedAWS) -> Iterator[str]:
    """The name of a model of which version 1 is live."""
    name = new_name()
    go_live(name)
    yield name
    delete_endpoint(name)


def score(model: str, rows: pd.DataFrame, prediction: Any = None) -> LiveScore:
    """Score the live model beside a candidate that predicts the truth, by default."""
    guess = rows["y"].to_numpy() if prediction is None else prediction
    found = score_live(model, rows, guess, measure=measure)
    assert found is not None
    return found


def by_hand(rows: pd.DataFrame) -> float:
    """Return the error of the live model, from the model itself."""
    predicted = predict(train_booster(2.0), rows[["a", "b"]])
    return measure(rows["y"], predicted)["rmse"]


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


def test_a_model_that_would_end_the_process_is_an_error(
    aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
):
    """An empty one, by an abort of XGBoost; one of zeros, by filling the memory."""
    empty = write_bytes(run_uri(new_name(), "r1", "model.tar.gz"), archive(b""))
    zeros = write_bytes(
        run_uri(new_name(), "r1", "model.tar.gz"), archive(bytes(1_000_000))
    )

    with pytest.raises(StorageError, match="or an empty one; train again"):
        load_booster(empty)
    monkeypatch.setattr("sagemaker_xgboost.archive.SMALL_BYTES", 1000)
    with pytest.raises(StorageError, match="is larger than its limits; train again"):
        load_booster(zeros)


def test_a_crafted_model_is_an_error(aws: EmbeddedAWS):
    """In one line; XGBoost would read beyond its trees, or overflow the stack."""
    model = json.loads(train_booster(1.0).save_raw("json"))
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["left_children"][0] = 1_000_000
    for content, reason in (
        (json.dumps(model).encode(), "its nodes are no tree"),
        (b'{"learner":' + b"[" * 100_000, "it is nested too deep"),
    ):
        uri = run_uri(new_name(), "r1", "model.tar.gz")
        write_bytes(uri, archive(content))
        with pytest.raises(StorageError) as caught:
            load_booster(uri)
        assert f"{reason}; train again" in str(caught.value)
        assert str(caught.value).splitlines() == [str(caught.value)]


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
    assert score_live(model, NEW, NEW["y"], measure=measure) is None
    assert comparison_table(None).empty


def test_the_live_model_is_scored_on_the_same_rows(live):
    """Candidate and live model stand side by side, with the difference in words."""
    found = score(live, NEW)

    assert found.metrics["rmse"] == pytest.approx(by_hand(NEW))
    assert (found.rows, found.left_out) == (60, 0)
    assert str(found).startswith("live: version 1 (")
    assert str(found).endswith("; compared on 60 test rows")
    table = comparison_table(found)
    sides, interval = ["candidate", "live, version 1", "difference"], "95 % interval"
    assert list(table.columns) == [*sides, interval, "answer"]
    assert table.loc["rmse", "answer"] == "better"
    shown = float(table.loc["rmse", "difference"])
    assert shown == pytest.approx(-by_hand(NEW), rel=0.01)


def test_the_live_model_gets_its_features_by_name(live):
    """A candidate with other columns in another order changes nothing for it."""
    others = NEW[["y", "b", "a"]].assign(c=1.0)

    assert score(live, others).metrics == score(live, NEW).metrics


def test_a_feature_that_is_gone_is_named(live):
    """The number of columns says nothing: another one may have come."""
    found = score(live, NEW.rename(columns={"b": "c"}))

    assert found.reason == "version 1 needs 'b', which is no longer a feature"
    assert "version 1" in str(found)
    assert str(found).endswith(f"is not comparable: {found.reason}")
    assert (found.metrics, comparison_table(found).empty) == ({}, True)


def test_rows_that_the_live_model_trained_on_are_left_out(live):
    """It knows their labels, so it would look better than it is."""
    mixed = pd.concat([TRAINED[:25], NEW[:55], VALIDATED[:15]]).sample(
        frac=1, random_state=1
    )

    found = score(live, mixed)

    assert (found.rows, found.left_out) == (55, 40)
    assert np.isfinite(found.predictions).tolist() == mixed.y.isin(NEW.y).tolist()
    assert found.metrics["rmse"] == pytest.approx(by_hand(NEW[:55]))
    assert str(found).endswith("on 55 test rows; 40 that it trained on left out")


def test_other_features_do_not_make_a_row_unseen(live):
    """It is known by the columns that both have."""
    known = pd.concat([TRAINED, NEW]).assign(area=lambda rows: rows.a * rows.b)

    assert score(live, known).left_out == 60


def test_too_few_rows_that_are_new_are_not_comparable(live):
    """The reason has the numbers, and says how to avoid that."""
    drawn_anew = pd.concat([TRAINED, NEW[:49]])

    assert score(live, drawn_anew).reason == (
        "only 49 of 109 test rows are new to it, 60 stand in its training or "
        "validation rows, and 50 are needed; `split` of lifecycle.data keeps every row "
        "in its part"
    )
    assert score(live, NEW[:10]).reason == "10 test rows are too few, 50 are needed"


def test_the_same_model_again_has_no_detectable_difference(live):
    """Not better by the last digit of a float."""
    same = predict(train_booster(2.0), NEW[["a", "b"]])

    (found,) = score(live, NEW, same).comparisons.values()

    assert found.answer() == "no detectable difference"
    assert found.difference.value == 0


def test_what_cannot_be_measured_is_not_comparable(live):
    """scikit-learn refuses some metrics where all rows are of one class."""

    def refuse(truth, prediction):
        raise ValueError("only one class")

    found = score_live(live, NEW, NEW["y"].to_numpy(), measure=refuse)

    assert found is not None
    assert found.reason == "its metrics cannot be measured on 60 rows: only one class"


def test_a_live_model_that_cannot_be_scored_says_why(model):
    """It does not keep its successor from being registered."""
    package = go_live(model)
    bucket, key = parse_uri(package.model_data)
    s3, prepared = client("s3"), run_uri(model, "live", "evidence", "prepared.json")

    s3.delete_object(Bucket=bucket, Key=parse_uri(prepared)[1])
    lost_rows = score(model, NEW).reason
    upload_model(model, key.split("/")[2], train_booster(3.0))
    other_archive = score(model, NEW).reason
    s3.delete_object(Bucket=bucket, Key=key)
    lost_archive = score(model, NEW).reason
    client("sagemaker").delete_model_package(ModelPackageName=package.arn)
    deleted_package = score(model, NEW).reason

    assert "evidence/prepared.json: not there; restore it" in lost_rows
    assert "has sha256" in other_archive
    assert "model.tar.gz: not there" in lost_archive
    assert "no such package" in deleted_package


def test_a_version_without_the_names_of_its_features_is_not_comparable(model):
    """They are never guessed from the columns of another run."""
    golden = run_uri(model, "live", "evidence", "nameless.json")
    record_golden(golden, ROWS, predict(train_booster(2.0), ROWS))
    go_live(model, golden=golden)

    assert "version 1 was registered without the names of its 2 features" in (
        score(model, NEW).reason
    )


def test_a_version_that_does_not_say_what_it_trained_on_is_not_comparable(model):
    """Another tool may have registered it."""
    go_live(model, test="s3://bucket/rows.csv")

    assert "does not say which rows it was trained on" in score(model, NEW).reason


def test_a_metric_has_an_interval():
    """Which is smaller with more rows."""
    few, many = (make_rows(count, 5) for count in (50, 800))

    found = [intervals(measure, one["y"], 2 * one["a"])["rmse"] for one in (few, many)]

    assert all(one.low < 0.5 < one.high for one in found)
    assert found[1].high - found[1].low < 0.5 * (found[0].high - found[0].low)


def test_metrics_are_shown_with_no_more_digits_than_their_intervals_have():
    """The last digits of a float say nothing."""
    found = {"rmse": Estimate(value=2.200371742, low=2.0320962, high=2.42451)}

    table = interval_table(found)

    assert table.loc["rmse"].tolist() == ["2.20", "2.03 to 2.42"]


def decide(truth, probability, threshold=0.5) -> dict[str, float]:
    """Return the share of rows that are decided rightly."""
    return {"accuracy": float(np.mean((probability >= threshold) == truth))}


def test_the_live_model_decides_at_its_own_threshold(module_aws):
    """Its threshold was registered as a metric; a candidate has another one."""
    name = new_name()
    rows = NEW.assign(y=(NEW.y > 3).astype(float))
    go_live(name, metrics={"rmse": 2.0, "threshold": 2.5})
    costs = dict.fromkeys(OUTCOMES, 1.0)

    def threshold_of(decision):
        guess = rows["y"].to_numpy()
        found = score_live(name, rows, guess, measure=decide, decision=decision)
        assert found is not None
        return found.threshold, found.metrics["accuracy"]

    former = predict(train_booster(2.0), rows[["a", "b"]])
    with_costs = threshold_of(Decision(threshold=0.9, costs=costs))
    assert with_costs == (2.5, pytest.approx(np.mean((former >= 2.5) == rows.y)))
    # Without costs a threshold is nobody's own.
    assert threshold_of(Decision())[0] == 0.5
    delete_endpoint(name)


KIND_SETTINGS = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}


def make_kinds(seed: int) -> pd.DataFrame:
    """Make rows of three classes that the feature `a` tells apart, mostly."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 3, 90)
    a = kinds + random.normal(0, 0.3, 90)
    return pd.DataFrame({"y": kinds, "a": a, "b": random.random(90)})


def measure_kinds(truth, probability) -> dict[str, float]:
    """Return a metric of all classes and one of a single class."""
    decided = probability.argmax(axis=1)
    return {
        "accuracy": float(np.mean(decided == truth)),
        "recall of small": float(np.mean(decided[truth == 0] == 0)),
    }


def test_a_live_model_is_compared_class_by_class_by_their_names(aws: EmbeddedAWS):
    """Whatever their order is; with other classes it is not comparable."""
    model, names = new_name(), ["small", "medium", "large"]
    parts = ("train", "validation", "test")
    splits = {part: make_kinds(seed) for seed, part in enumerate(parts)}
    train = splits["train"]
    values = xgb.DMatrix(train[["a", "b"]].to_numpy("float32"), label=train["y"])
    booster = xgb.train(KIND_SETTINGS, values, 5)
    guess = predict(booster, splits["test"][["a", "b"]])
    serve_trained(model, booster, splits, classes=names)
    # The candidate numbers the classes in another order, and is the same model.
    order = [2, 0, 1]
    table = pd.concat([splits["test"], train[:10]])
    candidate = table.assign(y=table["y"].map(order.index))
    mine = predict(booster, table[["a", "b"]])[:, order]

    def score_as(*classes: str) -> LiveScore | None:
        how: Any = {"measure": measure_kinds, "classes": classes}
        return score_live(model, candidate, mine, **how)

    found, other = score_as("large", "small", "medium"), score_as("large", "small", "x")
    delete_endpoint(model)

    assert found is not None
    assert found.predictions[:90].tolist() == guess[:, order].tolist()
    # It has trained on these, whatever numbers their classes had.
    assert np.isnan(found.predictions[90:]).all()
    assert found.left_out == 10
    assert set(found.comparisons) == {"accuracy", "recall of small"}
    for one in found.comparisons.values():
        assert (one.difference.low, one.difference.high) == (0.0, 0.0)
    of_classes = comparison_table(found, of_classes=True)
    assert of_classes.index.tolist() == ["recall of small"]
    assert comparison_table(found).index.tolist() == ["accuracy"]
    assert other is not None
    assert other.reason == (
        "version 1 predicts other classes; only one of both versions has 'medium', 'x'"
    )


def test_metrics_of_classes_have_a_table_of_their_own():
    """A line for each class, in the order of the labels, with its rows."""
    known = {
        "accuracy": Estimate(value=0.5, low=0.4, high=0.6),
        "recall of a": Estimate(value=0.25, low=0.1, high=0.4),
        "recall of b": Estimate(value=1.0, low=math.nan, high=math.nan),
    }

    table = class_table(known, [0, 1, 0, 0], ["a", "b"])

    assert table.to_dict("index") == {
        "a": {"rows": "3", "recall": "0.25 (0.10 to 0.40)"},
        "b": {"rows": "1", "recall": "1"},
    }
    assert interval_table(known).index.tolist() == ["accuracy"]
