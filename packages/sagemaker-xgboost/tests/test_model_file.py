"""Models that XGBoost may load, and those that would end the process that does."""

import json

import numpy as np
import pandas as pd
import pytest
import xgboost
from sagemaker_xgboost.model_file import ModelFileError, check_model

DRAW = np.random.default_rng(0)
ROWS = DRAW.normal(size=(60, 3))
SUM = ROWS.sum(axis=1)
CLASSES = DRAW.integers(0, 3, 60)
TABLE = pd.DataFrame(
    {"a": ROWS[:, 0], "b": pd.Categorical(DRAW.choice(list("xyz"), 60))}
)
PARAMETERS = {
    "regression": {},
    "pruned": {"gamma": 20, "tree_method": "exact"},
    "lossguide": {"grow_policy": "lossguide", "max_leaves": 5, "tree_method": "hist"},
    "forest": {"num_parallel_tree": 2, "subsample": 0.5},
    "dart": {"booster": "dart", "rate_drop": 0.5},
    "linear": {"booster": "gblinear"},
    "classes": {"objective": "multi:softprob", "num_class": 3},
    "quantiles": {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
    "targets": {"multi_strategy": "multi_output_tree", "tree_method": "hist"},
    "categories": {"max_cat_to_onehot": 1},
    "no trees": {},
}
LABELS = {
    "classes": CLASSES,
    "targets": np.c_[SUM, -SUM],
    "categories": TABLE["b"].cat.codes,
}


def trained(kind):
    """Train a small model of a kind."""
    rows, names = (TABLE, True) if kind == "categories" else (ROWS, False)
    matrix = xgboost.DMatrix(
        rows, LABELS.get(kind, SUM), enable_categorical=names, nthread=1
    )
    given = {"nthread": 1} | PARAMETERS[kind]
    return xgboost.train(given, matrix, 0 if kind == "no trees" else 4)


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize("kind", PARAMETERS)
def test_what_xgboost_writes_is_a_model(kind, form):
    """Of every booster, in both formats."""
    check_model(trained(kind).save_raw(form))


def changed(kind, path, value):
    """Write a model as JSON in which one value is another."""
    model = json.loads(trained(kind).save_raw("json"))
    *outer, last = path.split(".")
    place = model["learner"]
    for name in outer:
        place = place[int(name) if name.isdigit() else name]
    if value is None:
        del place[last]
    elif isinstance(place[last], list) and isinstance(value, int):
        place[last][0] = value
    else:
        place[last] = value
    return json.dumps(model).encode()


MODEL = "gradient_booster.model"
TREE = f"{MODEL}.trees.0"


@pytest.mark.parametrize(
    ("kind", "path", "value", "reason"),
    [
        ("regression", f"{TREE}.left_children", 1000, "its nodes are no tree"),
        ("regression", f"{TREE}.left_children", -5, "its nodes are no tree"),
        ("regression", f"{TREE}.left_children", 0, "its nodes are no tree"),
        ("regression", f"{TREE}.right_children", 1, "its nodes are no tree"),
        ("regression", f"{TREE}.left_children", [], "left_children has 0 numbers"),
        ("regression", f"{TREE}.left_children", 2**70, "a number out of range|no numb"),
        ("regression", f"{TREE}.split_indices", 3, "none of 3"),
        ("regression", f"{TREE}.split_indices", 2**31 - 1, "its nodes are no tree"),
        ("regression", f"{TREE}.split_conditions", [], "split_conditions is not one"),
        ("regression", f"{TREE}.base_weights", [], "its leaves are no leaves"),
        ("regression", f"{TREE}.default_left", 7, "default_left is neither"),
        ("regression", f"{TREE}.id", 1, "the ids of its trees"),
        ("regression", f"{TREE}.tree_param.num_nodes", "2147483648", "num_nodes is"),
        ("regression", f"{TREE}.tree_param.num_feature", "9", "num_feature is another"),
        ("regression", f"{MODEL}.tree_info", 1, "tree_info names a class"),
        ("regression", f"{MODEL}.iteration_indptr", 3, "iteration_indptr"),
        ("regression", f"{MODEL}.gbtree_model_param.num_trees", "5", "num_trees"),
        ("regression", f"{MODEL}.trees", None, "trees is no list"),
        ("regression", "learner_model_param.num_feature", "2147483648", "num_feature"),
        ("regression", "learner_model_param.num_class", "99999999", "num_class is"),
        ("regression", "learner_model_param.base_score", "[1,2,3]", "base_score"),
        ("regression", "gradient_booster.name", "other", "the booster 'other'"),
        ("classes", "objective.softmax_multiclass_param.num_class", "9", "num_class"),
        ("dart", "gradient_booster.weight_drop", [], "weight_drop"),
        ("linear", f"{MODEL}.weights", [0.5], "weights are not one"),
        ("targets", f"{TREE}.leaf_weights", [0.5, 0.5], "a leaf has a value"),
        ("categories", f"{TREE}.categories", -1, "a category out of range|are not in"),
        ("categories", f"{TREE}.categories_segments", 99, "categories_segments"),
        ("categories", f"{MODEL}.cats.feature_segments", 5, "feature_segments"),
    ],
)
def test_a_crafted_model_is_refused(kind, path, value, reason):
    """By what is wrong with it."""
    with pytest.raises(ModelFileError, match=reason):
        check_model(changed(kind, path, value))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"binf" + bytes(100), "it is no model"),
        (b'{"a":' + b"[" * 100_000, "it is nested too deep"),
        (b"{L" + bytes(7) + b"\x01a" + b"[" * 100_000, "it is nested too deep"),
        (b"{L" + b"\x7f" * 8 + b"a", "it ends too early"),
        (b'{"learner": {}', "it is no model"),
        (b'{"learner": {}, "learner": {}}', "it has a name twice"),
        (b'{"learner": {}}', "it has no learner_model_param"),
        (b'{"learner": 1}', "it has no learner"),
    ],
    ids=range(9),
)
def test_what_is_no_model_is_refused(content, reason):
    """Before XGBoost reads it."""
    with pytest.raises(ModelFileError, match=reason):
        check_model(content)


def test_each_part_of_a_model_may_be_missing():
    """Then it is no model, or is one that XGBoost's earlier versions wrote."""
    content = bytes(trained("categories").save_raw("ubj"))
    for end in range(1, len(content), 50):
        with pytest.raises(ModelFileError):
            check_model(content[:end])


def test_a_model_of_an_earlier_version_is_one():
    """It has no iterations, no categories of names, and one base score."""
    model = json.loads(trained("regression").save_raw("json"))
    booster = model["learner"]["gradient_booster"]["model"]
    del booster["iteration_indptr"], booster["cats"]
    model["learner"]["learner_model_param"]["base_score"] = "5E-1"
    for tree in booster["trees"]:
        tree["tree_param"]["size_leaf_vector"] = "0"
    content = bytearray(json.dumps(model).encode())
    check_model(content)
    xgboost.Booster(model_file=content)
