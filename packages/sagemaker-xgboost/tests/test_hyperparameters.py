"""The rules of the hyperparameters, and that they are known without xgboost."""

import subprocess
import sys

import pytest
import sagemaker_xgboost
from sagemaker_xgboost.hyperparameters import ALIASES, NAMES, RULES, Interval


def test_names_are_those_of_the_rules_and_their_aliases():
    """Hyperparameters that SageMaker uses internally are known, too."""
    assert {"eta", "learning_rate", "_kfold"} <= NAMES
    assert set(ALIASES.values()) <= set(RULES)


@pytest.mark.parametrize(
    ("interval", "text", "inside", "outside"),
    [
        (Interval(0, 1), "[0, 1]", [0, 0.5, 1], [-0.1, 1.1]),
        (Interval(0, 1, open_low=True, open_high=True), "(0, 1)", [0.5], [0, 1]),
        (Interval(1), "[1, +inf)", [1, 10**9], [0]),
        (Interval(), "(-inf, +inf)", [-1e9, 1e9, float("nan")], []),
    ],
)
def test_an_interval_contains_its_closed_bounds(interval, text, inside, outside):
    """A missing bound is infinite."""
    assert str(interval) == text
    assert all(number in interval for number in inside)
    assert not any(number in interval for number in outside)


def test_the_engine_is_one_of_the_image_versions():
    """Two tags of the first image are no versions."""
    assert sagemaker_xgboost.ENGINE_VERSION in sagemaker_xgboost.IMAGE_VERSIONS
    assert not set(sagemaker_xgboost.LEGACY_TAGS) & set(
        sagemaker_xgboost.IMAGE_VERSIONS
    )


def test_hyperparameters_are_checked_with_the_standard_library_alone():
    """Neither numpy nor anything else that is installed gets imported."""
    script = """
import sys
before = set(sys.modules)
from sagemaker_xgboost.hyperparameter_validation import validate_hyperparameters
validate_hyperparameters({"num_round": "1"})
imported = {name.partition(".")[0] for name in set(sys.modules) - before}
assert imported - sys.stdlib_module_names == {"sagemaker_xgboost"}
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
