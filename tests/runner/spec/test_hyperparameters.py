"""Hyperparameters and image versions that SageMaker's XGBoost image would refuse."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sagemaker_xgboost import IMAGE_VERSIONS, LEGACY_TAGS
from sagemaker_xgboost.exceptions import ToolkitError
from sagemaker_xgboost.hyperparameter_validation import validate_hyperparameters
from sagemaker_xgboost.hyperparameters import NAMES

from runner.spec import hyperparameters
from runner.spec.hyperparameters import (
    _as_text,
    find_unknown_version,
    find_wrong_hyperparameter,
)

VERSION = "3.2-0"


@pytest.mark.parametrize("name", ["num_round", "eta", "learning_rate", "lambda"])
def test_the_usual_names_are_known(name: str) -> None:
    """XGBoost's own names and their aliases are accepted."""
    assert name in NAMES
    assert find_wrong_hyperparameter({name: 1}, VERSION) is None


@pytest.mark.parametrize("name", ["n_estimators", "numround", "Eta", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    """A misspelling is, and so are scikit-learn's names."""
    found = find_wrong_hyperparameter({name: 1}, VERSION)

    assert found is not None
    assert found[0] == name
    assert found[1].startswith("unknown hyperparameter; ")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("num_round", -5, "-5; give a whole number, at least 1"),
        ("num_round", 50.0, "50.0; give a whole number, at least 1"),
        ("num_round", True, "true; give a whole number, at least 1"),
        ("eta", 7, "7; give a number from 0 to 1"),
        ("learning_rate", 7, "7; give a number from 0 to 1"),
        ("eta", "abc", "'abc'; give a number from 0 to 1"),
        ("eta", float("nan"), "nan; give a number from 0 to 1"),
        ("subsample", 0, "0; give a number above 0, at most 1"),
        ("tweedie_variance_power", 2, "2; give a number above 1, below 2"),
        ("scale_pos_weight", 0, "0; give a number above 0"),
        ("objective", "reg:sqared", "'reg:sqared'; did you mean 'reg:squarederror'?"),
        ("booster", "forest", "'forest'; known: dart, gblinear, gbtree"),
        ("save_model_on_termination", "yes", "'yes'; known: false, true"),
        ("monotone_constraints", "(x,)", "'(x,)'; give -1, 0 or 1 for each feature, "),
        ("interaction_constraints", "[1,2]", "'[1,2]'; give lists of features, as "),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(
    name: str, value: Any, said: str
) -> None:
    """The message is written for model.yaml, not for the container."""
    given = {"num_round": 5, "tree_method": "hist", name: value}
    found = find_wrong_hyperparameter(given, VERSION)

    assert found is not None
    assert found[0] == name
    assert found[1].startswith(said)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("auc,loglos", "'auc,loglos'; did you mean 'logloss'?"),
        ("auc, logloss", "'auc, logloss'; separate them by commas, without blanks"),
        ("auc@3", "'auc@3'; Metric 'auc@3' is not supported."),
    ],
)
def test_the_wrong_item_of_a_list_is_named(metrics: str, said: str) -> None:
    """A list is a text with commas."""
    given = {"objective": "binary:logistic", "eval_metric": metrics}
    found = find_wrong_hyperparameter(given, VERSION)

    assert found is not None
    assert found[1].startswith(said)


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        (
            {"eval_metric": "auc", "objective": "reg:squarederror"},
            "eval_metric",
            "'auc'; the image says: Metric 'auc' can only be applied for",
        ),
        ({"eval_metric": "auc"}, "eval_metric", "'auc'; give an objective beside it"),
        (
            {"objective": "multi:softmax"},
            "objective",
            "'multi:softmax'; the image says: Require input for parameter 'num_class'",
        ),
        (
            {"tree_method": "approx", "monotone_constraints": "(1,0)"},
            "monotone_constraints",
            "'(1,0)'; the image says: monotone_constraints can be used only when",
        ),
    ],
)
def test_hyperparameters_that_contradict_each_other_are_refused(
    given: dict[str, Any], name: str, said: str
) -> None:
    """The order in model.yaml does not matter."""
    for order in (given, dict(reversed(given.items()))):
        found = find_wrong_hyperparameter(order, VERSION)
        assert found is not None
        assert found[0] == name
        assert found[1].startswith(said)


TRIED: list[dict[str, Any]] = [
    {},
    {"eta": 0.3, "max_depth": 5, "reg_lambda": 1},
    {"eta": "1e-1", "seed": -3, "base_score": 0.5},
    {"objective": "binary:logistic", "eval_metric": "auc,error@0.3"},
    {"objective": "multi:softmax", "num_class": 3},
    {"tree_method": "hist", "monotone_constraints": "(1,0,-1)"},
    {"tree_method": "hist", "interaction_constraints": "[[1,2],[3]]"},
    {"save_model_on_termination": True, "updater": "prune"},
    {"updater": "shotgun", "booster": "gblinear"},
    {"updater": "shotgun"},
    {"max_depth": 2.5},
    {"tree_method": "fast"},
    {"eval_metric": "rmse"},
    {"updater": "sync", "process_type": "update"},
]


@pytest.mark.parametrize("given", TRIED, ids=str)
def test_the_container_refuses_the_same(given: dict[str, Any]) -> None:
    """No paid job fails by its hyperparameters, and no good one is refused."""
    texts = {name: _as_text(value) for name, value in given.items()}
    refused = False
    try:
        validate_hyperparameters({"num_round": "5", **texts})
    except (ToolkitError, KeyError):
        refused = True

    assert (find_wrong_hyperparameter(given, VERSION) is not None) is refused


@pytest.mark.parametrize("version", [*IMAGE_VERSIONS, *LEGACY_TAGS])
def test_a_known_version_is_accepted(version: str) -> None:
    """Old ones are too; only of the first image the rules are not known."""
    wrong = find_wrong_hyperparameter({"brand_new": 1}, version)

    assert find_unknown_version(version) == ""
    assert (wrong is None) is (version in LEGACY_TAGS)


@pytest.mark.parametrize("version", ["3.9-0", "3.2.0", "3.2"])
def test_an_unknown_version_is_refused_with_the_known_ones(version: str) -> None:
    """The SDK would refuse it in the notebook, after `prepare` has run."""
    assert "1.7-1, 3.0-5, 3.2-0, or upgrade sagemaker" in find_unknown_version(version)


def test_the_known_versions_are_those_of_the_installed_sdk() -> None:
    """The notebooks ask the SDK for the image's address."""
    sagemaker = find_spec("sagemaker")
    assert sagemaker is not None
    assert sagemaker.submodule_search_locations is not None
    (folder,) = sagemaker.submodule_search_locations
    path = Path(folder) / "core" / "image_uri_config" / "xgboost.json"
    training = json.loads(path.read_text())["training"]

    assert {*IMAGE_VERSIONS, *LEGACY_TAGS} == {
        *training["versions"],
        *training["version_aliases"],
    }


def test_a_version_that_a_newer_sdk_knows_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A new image needs no change of this project; its hyperparameters are unknown."""
    config = tmp_path / "sagemaker" / "core" / "image_uri_config" / "xgboost.json"
    config.parent.mkdir(parents=True)
    (tmp_path / "sagemaker" / "__init__.py").touch()
    versions = {"versions": {"3.9-0": {}}, "version_aliases": {}}
    config.write_text(json.dumps({"training": versions}))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sagemaker", raising=False)

    assert find_unknown_version("3.9-0") == ""
    assert find_unknown_version("3.9-1") != ""
    assert find_wrong_hyperparameter({"brand_new": 1}, "3.9-0") is None


def test_any_version_is_accepted_without_an_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CircleCI's setup job has none, so it cannot know."""
    monkeypatch.setattr(hyperparameters, "find_spec", lambda name: None)

    assert find_unknown_version("3.9-0") == ""
