"""The names that the built-in XGBoost knows."""

import pytest

from runner.embedded.container import hyperparameters as container
from runner.hyperparameters import NAMES


def test_they_are_those_that_the_container_accepts() -> None:
    """What `model.yaml` lets pass is exactly what a training job lets pass."""
    assert NAMES == container.NAMES


@pytest.mark.parametrize("name", ["num_round", "eta", "learning_rate", "lambda"])
def test_the_usual_ones_are_known(name: str) -> None:
    """XGBoost's own names and SageMaker's are both there."""
    assert name in NAMES


@pytest.mark.parametrize("name", ["lerning_rate", "n_estimators", "numround", ""])
def test_others_are_not(name: str) -> None:
    """A misspelling and scikit-learn's names are not."""
    assert name not in NAMES
