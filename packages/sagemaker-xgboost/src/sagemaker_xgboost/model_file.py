"""A model of XGBoost, checked before XGBoost reads it.

XGBoost trusts a model: indices out of range, trees that are none, or values nested too
deep end the process that loads it or predicts with it. What is checked here is all
that XGBoost 3.2 takes for given, of the boosters gbtree, dart and gblinear.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from sagemaker_xgboost import ubjson

Array = np.ndarray[Any, Any]
Values = Mapping[str, Any]

MAX_BYTES = 1024**3
# XGBoost needs memory for 64 rows of so many features, and a number of each class.
MAX_FEATURES, MAX_GROUPS = 2**20, 10_000
# Of JSON, whose values need much more memory than their text.
MAX_VALUES = 20_000_000
MAX_CATEGORY = 2**24
MAX_CATEGORY_BITS = 2**31
# Of a node that was pruned, and of the parent of a root.
DELETED = ROOT = 2**31 - 1
NUMBER = re.compile(r"\d{1,10}")
FLOATS = re.compile(r"\[?([-+0-9.eE]{1,30}(,[-+0-9.eE]{1,30})*)?\]?")


class ModelFileError(ValueError):
    """Report a file that is no model of XGBoost, or one that must not be loaded."""


def check_size(size: int) -> None:
    """Raise ModelFileError for a file that is too large to be read."""
    if size > MAX_BYTES:
        raise ModelFileError(f"it has {size} bytes, which is too large")


def check_model(content: bytes | bytearray) -> None:
    """Raise ModelFileError for what XGBoost must not load.

    A content that was found right is not checked again by this process.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest not in _checked():
        _check(content)
        _checked()[digest] = True


@lru_cache(maxsize=1)
def _checked() -> dict[str, bool]:
    return {}


def _check(content: bytes | bytearray) -> None:
    try:
        model = _read(content)
        _check_learner(_object(model, "learner"))
    except ubjson.UBJSONError as error:
        raise ModelFileError(str(error)) from error


def _read(content: bytes | bytearray) -> Any:
    if not content:
        raise ModelFileError("it is empty")
    check_size(len(content))
    if content[:1] != b"{":
        raise ModelFileError("it is no model")
    if bytes(content[1:2]) not in b'" \t\r\n}':
        return ubjson.loads(content)
    if content.count(b",") > MAX_VALUES:
        raise ModelFileError("it is too large as JSON; save it as UBJSON")
    try:
        return json.loads(content, object_pairs_hook=_once)
    except RecursionError as error:
        raise ModelFileError("it is nested too deep") from error
    except ValueError as error:
        raise ModelFileError(f"it is no model, {error}") from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ModelFileError("it has a name twice")
    return found


def _check_learner(learner: Values) -> None:
    parameters = _object(learner, "learner_model_param")
    features = _number(parameters, "num_feature", MAX_FEATURES)
    classes = _number(parameters, "num_class", MAX_GROUPS, default="0")
    targets = _number(parameters, "num_target", MAX_GROUPS, default="1")
    groups = max(classes, targets, 1)
    score = parameters.get("base_score")
    if not isinstance(score, str) or not FLOATS.fullmatch(score):
        raise ModelFileError("base_score is no number")
    if score.count(",") + 1 not in (1, groups):
        raise ModelFileError("base_score has another number of classes")
    _check_objective(_object(learner, "objective"), classes)
    for name in ("feature_names", "feature_types"):
        texts = learner.get(name, [])
        if not isinstance(texts, list) or len(texts) not in (0, features):
            raise ModelFileError(f"{name} has not {features} names")
    _check_booster(_object(learner, "gradient_booster"), features, groups, targets)


def _check_objective(objective: Values, classes: int) -> None:
    for parameters in objective.values():
        if not isinstance(parameters, Mapping) or "num_class" not in parameters:
            continue
        if _number(parameters, "num_class", MAX_GROUPS) != classes:
            raise ModelFileError("num_class of its objective is another")


def _check_booster(booster: Values, features: int, groups: int, targets: int) -> None:
    name = booster.get("name")
    if name == "gblinear":
        weights = _array(_object(booster, "model"), "weights", "f")
        if len(weights) != (features + 1) * groups:
            raise ModelFileError("weights are not one for each feature and class")
    elif name == "dart":
        count = _check_trees(_object(booster, "gbtree"), features, groups, targets)
        if len(_array(booster, "weight_drop", "f")) != count:
            raise ModelFileError("weight_drop is not one for each tree")
    elif name == "gbtree":
        _check_trees(booster, features, groups, targets)
    else:
        raise ModelFileError(f"it has the booster {str(name)[:50]!r}")


def _check_trees(booster: Values, features: int, groups: int, targets: int) -> int:
    """Check all trees, and return how many there are."""
    model = _object(booster, "model")
    trees, parameters = model.get("trees"), _object(model, "gbtree_model_param")
    if not isinstance(trees, list):
        raise ModelFileError("trees is no list")
    count = len(trees)
    if _number(parameters, "num_trees", DELETED) != count:
        raise ModelFileError(f"num_trees is not {count}")
    _number(parameters, "num_parallel_tree", DELETED, default="1", least=1)
    info = _indices(model, "tree_info", count)
    if ((info < 0) | (info >= groups)).any():
        raise ModelFileError("tree_info names a class that there is not")
    if "iteration_indptr" in model:
        rounds = _indices(model, "iteration_indptr")
        if not _is_partition(rounds, count):
            raise ModelFileError("iteration_indptr does not part the trees")
    if [_whole(tree, "id") for tree in trees] != list(range(count)):
        raise ModelFileError("the ids of its trees are not their places")
    _check_categories(model.get("cats", {}), features)
    bits = 0
    for number, tree in enumerate(trees):
        try:
            bits += _check_tree(tree, features, targets)
        except ModelFileError as error:
            raise ModelFileError(f"tree {number}: {error}") from error
    if bits > MAX_CATEGORY_BITS:
        raise ModelFileError("its categories are larger than their limit")
    return count


def _check_categories(cats: Any, features: int) -> None:
    """Check the names of categories, which what is predicted is encoded by."""
    if not isinstance(cats, Mapping):
        raise ModelFileError("cats is no object")
    encoded = cats.get("enc", [])
    if not isinstance(encoded, list):
        raise ModelFileError("enc is no list")
    if not encoded:
        for name in ("feature_segments", "sorted_idx"):
            if cats.get(name) is not None:
                _indices(cats, name, 0)
        return
    order = _indices(cats, "sorted_idx")
    segments = _indices(cats, "feature_segments", len(encoded) + 1)
    if len(encoded) != features or not _is_partition(segments, len(order)):
        raise ModelFileError("feature_segments does not part the categories")
    for start, end, each in zip(segments[:-1], segments[1:], encoded, strict=True):
        size = int(end - start)
        if sorted(order[start:end].tolist()) != list(range(size)):
            raise ModelFileError("sorted_idx is no order of the categories")
        if _names_of(each) != size:
            raise ModelFileError("enc has another number of categories")


def _names_of(encoded: Any) -> int:
    """Return how many categories of a feature have names, which may be numbers."""
    if not isinstance(encoded, Mapping):
        raise ModelFileError("enc has what are no names")
    values = _array(encoded, "values", "iuf")
    if "offsets" not in encoded:
        return len(values)
    offsets = _indices(encoded, "offsets")
    if len(offsets) and not _is_partition(offsets, len(values)):
        raise ModelFileError("offsets do not part the names of categories")
    return max(len(offsets) - 1, 0)


def _check_tree(tree: Values, features: int, targets: int) -> int:
    """Check one tree, and return how many bits its categories need."""
    parameters = _object(tree, "tree_param")
    nodes = _number(parameters, "num_nodes", DELETED, least=1)
    width = _number(parameters, "size_leaf_vector", MAX_GROUPS, default="1")
    if _number(parameters, "num_feature", MAX_FEATURES) != features:
        raise ModelFileError("num_feature is another")
    if _number(parameters, "num_deleted", nodes, default="0") >= nodes:
        raise ModelFileError("num_deleted leaves no node")
    left, right, parents, features_of = (
        _indices(tree, name, nodes)
        for name in ("left_children", "right_children", "parents", "split_indices")
    )
    live = features_of != DELETED
    inner = live & (left != -1)
    if not live[0] or not _is_tree(left, right, parents, live, inner):
        raise ModelFileError("its nodes are no tree")
    used = features_of[inner]
    if ((used < 0) | (used >= features)).any():
        raise ModelFileError(f"it splits by a feature that is none of {features}")
    default = _indices(tree, "default_left", nodes)
    if not np.isin(default, (0, 1)).all():
        raise ModelFileError("default_left is neither 0 nor 1")
    for name in ("split_conditions", "loss_changes", "sum_hessian"):
        if len(_array(tree, name, "iuf")) != nodes:
            raise ModelFileError(f"{name} is not one for each node")
    _check_leaves(tree, right[live & ~inner], nodes, width, targets)
    return _check_node_categories(tree, inner, nodes)


def _is_tree(
    left: Array, right: Array, parents: Array, live: Array, inner: Array
) -> bool:
    """Return whether each live node but the root has one parent, which knows it."""
    children = np.concatenate([left[inner], right[inner]])
    of = np.concatenate([np.flatnonzero(inner)] * 2)
    return bool(
        ((children > 0) & (children < len(left))).all()
        and len(np.unique(children)) == len(children)
        and live[children].all()
        and (parents[children] == of).all()
        and ((parents >= -1) & ((parents < len(left)) | (parents == ROOT))).all()
        and parents[0] in (-1, ROOT)
    )


def _check_leaves(
    tree: Values, places: Array, nodes: int, width: int, targets: int
) -> None:
    """Check the values of leaves: one each, or one for each target."""
    weights = _array(tree, "base_weights", "iuf")
    if width <= 1:
        if len(weights) != nodes or (places != -1).any():
            raise ModelFileError("its leaves are no leaves")
        return
    values = _array(tree, "leaf_weights", "iuf")
    if width != targets or len(weights) != nodes * width or len(values) % width:
        raise ModelFileError("its leaves have not one value for each target")
    if ((places < 0) | (places >= len(values) // width)).any():
        raise ModelFileError("a leaf has a value that is not there")


def _check_node_categories(tree: Values, inner: Array, nodes: int) -> int:
    """Check the categories of each node that splits by them; return their bits."""
    if "split_type" not in tree:
        return 0
    kinds = _indices(tree, "split_type", nodes)
    if not np.isin(kinds, (0, 1)).all():
        raise ModelFileError("split_type is neither 0 nor 1")
    categories = _indices(tree, "categories")
    own = _indices(tree, "categories_nodes")
    starts = _indices(tree, "categories_segments", len(own))
    sizes = _indices(tree, "categories_sizes", len(own))
    if not np.array_equal(own, np.flatnonzero((kinds == 1) & inner)):
        raise ModelFileError("categories_nodes are not those that split by categories")
    ends = starts + sizes
    if ((starts < 0) | (sizes < 1) | (ends > len(categories))).any():
        raise ModelFileError("categories_segments are not in its categories")
    if ((categories < 0) | (categories >= MAX_CATEGORY)).any():
        raise ModelFileError("it has a category out of range")
    pairs = zip(starts, ends, strict=True)
    return sum(int(categories[start:end].max()) + 1 for start, end in pairs)


def _is_partition(ends: Array, count: int) -> bool:
    """Return whether numbers rise from 0 to a count."""
    return bool(
        len(ends)
        and ends[0] == 0
        and ends[-1] == count
        and (np.diff(ends.astype(np.int64)) >= 0).all()
    )


def _object(values: Any, name: str) -> Values:
    found = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(found, Mapping):
        raise ModelFileError(f"it has no {name}")
    return found


def _number(
    values: Values, name: str, most: int, *, default: str = "", least: int = 0
) -> int:
    """Return a number that XGBoost writes as text."""
    text = values.get(name, default)
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        raise ModelFileError(f"{name} is no number")
    if not least <= int(text) <= most:
        raise ModelFileError(f"{name} is {text}, not {least} to {most}")
    return int(text)


def _whole(values: Any, name: str) -> int:
    found = values.get(name) if isinstance(values, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int):
        raise ModelFileError(f"{name} is no number")
    return found


def _array(values: Values, name: str, kinds: str) -> Array:
    """Return numbers of some of numpy's kinds."""
    given = values.get(name)
    if isinstance(given, list):
        given = _of_list(given, name)
    if not isinstance(given, np.ndarray) or (
        len(given) and given.dtype.kind not in kinds
    ):
        raise ModelFileError(f"{name} are no numbers")
    return given


def _of_list(given: list[Any], name: str) -> Array:
    if not {type(value) for value in given} <= {int, float, bool}:
        raise ModelFileError(f"{name} are no numbers")
    try:
        return np.array(given, dtype=None if given else np.int64)
    except OverflowError as error:
        raise ModelFileError(f"{name} has a number out of range") from error


def _indices(values: Values, name: str, count: int | None = None) -> Array:
    """Return whole numbers, of which there are so many."""
    found = _array(values, name, "iub")
    if count is not None and len(found) != count:
        raise ModelFileError(f"{name} has {len(found)} numbers, not {count}")
    return found.astype(np.int64)
